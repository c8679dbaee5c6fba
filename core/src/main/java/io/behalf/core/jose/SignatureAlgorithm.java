package io.behalf.core.jose;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.Optional;

/** Signature algorithms of JWS (RFC 7518 §3.1, RFC 8037 §3.1) that are accepted anywhere: asymmetric ones only. */
public enum SignatureAlgorithm {
    /** ECDSA on P-256; the signature is raw r‖s, 64 bytes (RFC 7518 §3.4). */
    ES256("ES256", "EC", "SHA256withECDSAinP1363Format"),
    RS256("RS256", "RSA", "SHA256withRSA"),
    /** On Ed25519 only. */
    EDDSA("EdDSA", "Ed25519", "Ed25519");

    private final String code;
    private final String keyType;
    private final String jcaName;

    SignatureAlgorithm(String code, String keyType, String jcaName) {
        this.code = code;
        this.keyType = keyType;
        this.jcaName = jcaName;
    }

    /** The {@code alg} header's value. */
    public String code() {
        return code;
    }

    String keyType() {
        return keyType;
    }

    String jcaName() {
        return jcaName;
    }

    /** Who computes it here: the Corretto provider or the JDK; for diagnostics and published figures. */
    public String provider() {
        return SignatureProvider.name(this);
    }

    /** Ready to sign, by the same provider as all else: for signatures that are not part of a JWS. */
    public Signature signing(PrivateKey key) throws GeneralSecurityException {
        Signature signature = SignatureProvider.signature(this);
        signature.initSign(key);
        return signature;
    }

    /** Case counts (RFC 7515 §4.1.1). */
    public static Optional<SignatureAlgorithm> of(String code) {
        for (SignatureAlgorithm algorithm : values()) {
            if (algorithm.code.equals(code)) {
                return Optional.of(algorithm);
            }
        }
        return Optional.empty();
    }
}

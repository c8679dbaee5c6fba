package io.behalf.core.jose;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.OctetKeyPair;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.util.Base64URL;
import io.behalf.core.json.Json;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.X509EncodedKeySpec;
import java.text.ParseException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A public key with the one algorithm that it is used with: the pair that keeps a token from choosing how it is checked
 * (RFC 8725 §3.1). Immutable, thread-safe; equal when algorithm and thumbprint are.
 */
public final class VerificationKey {
    /** Smallest and largest RSA modulus used, in bits: RFC 7518 §3.3, and a bound on the work a foreign key can cause. */
    public static final int MIN_RSA_BITS = 2048;

    public static final int MAX_RSA_BITS = 8192;

    /** Of the public exponent: with one as long as the modulus a check takes a thousand times as long. */
    public static final int MAX_RSA_EXPONENT_BITS = 32;

    /** RFC 8410 §4: what precedes the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo. */
    private static final byte[] ED25519_PREFIX = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0};

    private final SignatureAlgorithm algorithm;
    private final PublicKey key;
    private final JWK jwk;
    private final String thumbprint;

    private VerificationKey(SignatureAlgorithm algorithm, PublicKey key, JWK jwk, String thumbprint) {
        this.algorithm = algorithm;
        this.key = key;
        this.jwk = jwk;
        this.thumbprint = thumbprint;
    }

    /**
     * Reads a public JWK (RFC 7517) of type EC (P-256), RSA or OKP (Ed25519).
     *
     * @throws Json.Malformed when it is of another kind, holds a private part, is not on its curve, or names an
     *     algorithm or use that does not fit
     */
    public static VerificationKey fromJwk(Map<String, ? extends @Nullable Object> members) throws Json.Malformed {
        JWK jwk = parse(members);
        if (jwk.isPrivate()) {
            throw new Json.Malformed("the key is a private one", null);
        }
        if (jwk.getKeyUse() != null && !"sig".equals(jwk.getKeyUse().identifier())) {
            throw new Json.Malformed("the key's use is not sig", null);
        }
        return of(jwk);
    }

    static VerificationKey of(JWK jwk) throws Json.Malformed {
        try {
            JWK open = jwk.toPublicJWK();
            SignatureAlgorithm algorithm = algorithmOf(open);
            if (open.getAlgorithm() != null && !open.getAlgorithm().getName().equals(algorithm.code())) {
                throw new Json.Malformed("the key's alg does not fit its type", null);
            }
            PublicKey key = SignatureProvider.keyFactory(algorithm)
                    .generatePublic(new X509EncodedKeySpec(subjectPublicKeyInfo(open)));
            return new VerificationKey(
                    algorithm, key, open, open.computeThumbprint().toString());
        } catch (JOSEException | GeneralSecurityException | IllegalArgumentException | IllegalStateException e) {
            throw new Json.Malformed("not a usable public key", e);
        }
    }

    static JWK parse(Map<String, ? extends @Nullable Object> members) throws Json.Malformed {
        try {
            return JWK.parse(new HashMap<>(members));
        } catch (ParseException | RuntimeException e) {
            throw new Json.Malformed("not a JWK", e);
        }
    }

    public SignatureAlgorithm algorithm() {
        return algorithm;
    }

    /** SHA-256 thumbprint (RFC 7638), base64url: the {@code jkt} of a binding. */
    public String thumbprint() {
        return thumbprint;
    }

    public PublicKey key() {
        return key;
    }

    /** The public JWK with {@code kid}, {@code alg} and {@code use}, for a key set. */
    public Map<String, @Nullable Object> toJwk(String kid) {
        Map<String, @Nullable Object> out = toJwk();
        out.put("kid", kid);
        out.put("alg", algorithm.code());
        out.put("use", "sig");
        return out;
    }

    /** The public JWK's required members only, as a DPoP proof's header holds it (RFC 9449 §4.2). */
    public Map<String, @Nullable Object> toJwk() {
        return new HashMap<>(jwk.getRequiredParams());
    }

    /** Whether {@code signature} is this key's over {@code signed}; never throws for foreign bytes. */
    public boolean verifies(byte[] signed, byte[] signature) {
        if (algorithm == SignatureAlgorithm.ES256 && signature.length != 64) {
            return false;
        }
        try {
            Signature check = SignatureProvider.signature(algorithm);
            check.initVerify(key);
            check.update(signed);
            return check.verify(signature);
        } catch (SignatureException malformed) {
            return false;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot use a key that was accepted", e);
        }
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof VerificationKey that
                && algorithm == that.algorithm
                && thumbprint.equals(that.thumbprint);
    }

    @Override
    public int hashCode() {
        return thumbprint.hashCode();
    }

    @Override
    public String toString() {
        return algorithm.code() + " " + thumbprint;
    }

    private static SignatureAlgorithm algorithmOf(JWK jwk) throws Json.Malformed {
        if (jwk instanceof ECKey ec && ec.getCurve().equals(Curve.P_256)) {
            return SignatureAlgorithm.ES256;
        }
        if (jwk instanceof OctetKeyPair okp && okp.getCurve().equals(Curve.Ed25519)) {
            return SignatureAlgorithm.EDDSA;
        }
        if (jwk instanceof RSAKey rsa) {
            int bits = rsa.getModulus().decodeToBigInteger().bitLength();
            int exponentBits = rsa.getPublicExponent().decodeToBigInteger().bitLength();
            if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && exponentBits <= MAX_RSA_EXPONENT_BITS) {
                return SignatureAlgorithm.RS256;
            }
        }
        throw new Json.Malformed(
                "the key is neither EC P-256, RSA of 2048 to 8192 bits with a usual exponent, nor Ed25519", null);
    }

    private static byte[] subjectPublicKeyInfo(JWK jwk) throws JOSEException {
        if (jwk instanceof ECKey ec) {
            return ec.toECPublicKey().getEncoded();
        }
        if (jwk instanceof RSAKey rsa) {
            return rsa.toRSAPublicKey().getEncoded();
        }
        return ed25519(((OctetKeyPair) jwk).getX());
    }

    private static byte[] ed25519(Base64URL x) {
        byte[] raw = x.decode();
        if (raw.length != 32) {
            throw new IllegalArgumentException("an Ed25519 key has 32 bytes");
        }
        byte[] out = new byte[ED25519_PREFIX.length + raw.length];
        System.arraycopy(ED25519_PREFIX, 0, out, 0, ED25519_PREFIX.length);
        System.arraycopy(raw, 0, out, ED25519_PREFIX.length, raw.length);
        return out;
    }
}

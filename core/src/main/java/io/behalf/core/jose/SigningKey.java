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
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A private key with its one algorithm: an authority's, an agent's, a gateway's or a service's. Whoever holds it can act
 * as its owner, so it prints nothing of itself. Immutable, thread-safe.
 */
public final class SigningKey {
    /** RFC 8410 §7: what precedes the 32 bytes of an Ed25519 key in its PrivateKeyInfo. */
    private static final byte[] ED25519_PREFIX = {
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20
    };

    private final JWK jwk;
    private final PrivateKey key;
    private final VerificationKey publicKey;

    private SigningKey(JWK jwk, PrivateKey key, VerificationKey publicKey) {
        this.jwk = jwk;
        this.key = key;
        this.publicKey = publicKey;
    }

    /** A new ES256 key: what everything in Behalf signs with unless configured otherwise. */
    public static SigningKey generate() {
        return generate(SignatureAlgorithm.ES256);
    }

    public static SigningKey generate(SignatureAlgorithm algorithm) {
        try {
            return of(jwk(SignatureProvider.generate(algorithm)));
        } catch (GeneralSecurityException | Json.Malformed e) {
            throw new IllegalStateException("every JDK can make such a key", e);
        }
    }

    /** @throws Json.Malformed when it is no private JWK of a type that {@link VerificationKey} accepts */
    public static SigningKey fromJwk(Map<String, ? extends @Nullable Object> members) throws Json.Malformed {
        JWK jwk = VerificationKey.parse(members);
        if (!jwk.isPrivate()) {
            throw new Json.Malformed("the key has no private part", null);
        }
        return of(jwk);
    }

    private static SigningKey of(JWK jwk) throws Json.Malformed {
        VerificationKey open = VerificationKey.of(jwk);
        try {
            PrivateKey key = SignatureProvider.keyFactory(open.algorithm())
                    .generatePrivate(new PKCS8EncodedKeySpec(privateKeyInfo(jwk)));
            return new SigningKey(jwk, key, open);
        } catch (JOSEException | GeneralSecurityException e) {
            throw new Json.Malformed("not a usable private key", e);
        }
    }

    /** The private JWK, for a key file that only its owner can read. */
    public Map<String, @Nullable Object> toPrivateJwk() {
        return new HashMap<>(jwk.toJSONObject());
    }

    public VerificationKey publicKey() {
        return publicKey;
    }

    public SignatureAlgorithm algorithm() {
        return publicKey.algorithm();
    }

    /** RFC 7638 thumbprint of the public key; also its {@code kid} wherever Behalf publishes it. */
    public String thumbprint() {
        return publicKey.thumbprint();
    }

    /** The JWS signature over {@code bytes}: for ES256 raw r‖s. */
    public byte[] sign(byte[] bytes) {
        try {
            Signature signature = publicKey.algorithm().signing(key);
            signature.update(bytes);
            return signature.sign();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot sign with a key that was accepted", e);
        }
    }

    @Override
    public String toString() {
        return "SigningKey[" + publicKey + "]";
    }

    private static JWK jwk(KeyPair pair) {
        if (pair.getPublic() instanceof ECPublicKey ec) {
            return new ECKey.Builder(Curve.P_256, ec)
                    .privateKey(pair.getPrivate())
                    .build();
        }
        if (pair.getPublic() instanceof RSAPublicKey rsa) {
            return new RSAKey.Builder(rsa).privateKey(pair.getPrivate()).build();
        }
        byte[] spki = pair.getPublic().getEncoded();
        byte[] d = ((EdECPrivateKey) pair.getPrivate()).getBytes().orElseThrow();
        return new OctetKeyPair.Builder(
                        Curve.Ed25519, Base64URL.encode(Arrays.copyOfRange(spki, spki.length - 32, spki.length)))
                .d(Base64URL.encode(d))
                .build();
    }

    private static byte[] privateKeyInfo(JWK jwk) throws JOSEException {
        if (jwk instanceof ECKey ec) {
            return ec.toECPrivateKey().getEncoded();
        }
        if (jwk instanceof RSAKey rsa) {
            return rsa.toRSAPrivateKey().getEncoded();
        }
        byte[] d = ((OctetKeyPair) jwk).getD().decode();
        byte[] out = Arrays.copyOf(ED25519_PREFIX, ED25519_PREFIX.length + d.length);
        System.arraycopy(d, 0, out, ED25519_PREFIX.length, d.length);
        return out;
    }
}

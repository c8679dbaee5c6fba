package io.behalf.core.jose;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Makes DPoP proofs (RFC 9449 §4.2): for the SDK, for a gateway's own upstream calls, for the sidecar. */
public final class DpopProof {
    /** JOSE header {@code typ} of a proof. */
    public static final String TYPE = "dpop+jwt";

    private DpopProof() {}

    /**
     * A proof for one request.
     *
     * @param url the request's address; query and fragment are cut off here
     * @param jti never used before with this key
     * @param token the access token that goes with it; empty at a token endpoint
     * @param nonce what the server last asked for
     */
    public static String sign(
            SigningKey key,
            String method,
            String url,
            Instant now,
            String jti,
            Optional<String> token,
            Optional<String> nonce) {
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("jti", jti);
        claims.put("htm", method);
        claims.put("htu", withoutQuery(url));
        claims.put("iat", now.getEpochSecond());
        token.ifPresent(t -> claims.put("ath", tokenHash(t)));
        nonce.ifPresent(n -> claims.put("nonce", n));
        return CompactJws.sign(
                key,
                Map.of(
                        "typ",
                        TYPE,
                        "alg",
                        key.algorithm().code(),
                        "jwk",
                        key.publicKey().toJwk()),
                claims);
    }

    /** The claim {@code ath}: base64url SHA-256 of the token's ASCII (RFC 9449 §4.2). */
    public static String tokenHash(String token) {
        try {
            return Base64Url.encode(
                    MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static String withoutQuery(String url) {
        for (int i = 0; i < url.length(); i++) {
            if (url.charAt(i) == '?' || url.charAt(i) == '#') {
                return url.substring(0, i);
            }
        }
        return url;
    }
}

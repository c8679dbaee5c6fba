package io.behalf.core.jose;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A JWS in compact form (RFC 7515 §7.1) whose payload is a JSON object, taken apart and not yet believed: only
 * {@link #signedBy} says something about who wrote it.
 */
public final class CompactJws {
    /** Longest text taken apart. A token of the most permissions and actors that fit into HTTP headers is below it. */
    public static final int MAX_LENGTH = 16 * 1024;

    private final Map<String, @Nullable Object> header;
    private final Map<String, @Nullable Object> claims;
    private final byte[] signed;
    private final byte[] signature;

    private CompactJws(
            Map<String, @Nullable Object> header,
            Map<String, @Nullable Object> claims,
            byte[] signed,
            byte[] signature) {
        this.header = header;
        this.claims = claims;
        this.signed = signed;
        this.signature = signature;
    }

    /** @throws Json.Malformed naming the part that is not as RFC 7515 §5.2 wants it; never quoting it */
    public static CompactJws parse(String text) throws Json.Malformed {
        if (text.length() > MAX_LENGTH) {
            throw new Json.Malformed("longer than " + MAX_LENGTH + " characters", null);
        }
        int first = text.indexOf('.');
        int second = text.indexOf('.', first + 1);
        if (first < 1 || second < 0 || text.indexOf('.', second + 1) >= 0) {
            throw new Json.Malformed("not three parts", null);
        }
        return new CompactJws(
                Json.readObject(Base64Url.decode(text.substring(0, first))),
                Json.readObject(Base64Url.decode(text.substring(first + 1, second))),
                text.substring(0, second).getBytes(StandardCharsets.US_ASCII),
                Base64Url.decode(text.substring(second + 1)));
    }

    /** Signs {@code claims} under a header of {@code typ}, {@code alg} and {@code kid}. */
    public static String sign(SigningKey key, String typ, String kid, Map<String, ? extends @Nullable Object> claims) {
        return sign(key, Map.of("typ", typ, "alg", key.algorithm().code(), "kid", kid), claims);
    }

    static String sign(
            SigningKey key,
            Map<String, ? extends @Nullable Object> header,
            Map<String, ? extends @Nullable Object> claims) {
        String signed = Base64Url.encode(Json.canonical(header)) + "." + Base64Url.encode(Json.canonical(claims));
        return signed + "." + Base64Url.encode(key.sign(signed.getBytes(StandardCharsets.US_ASCII)));
    }

    /** The protected header: the only one there is. */
    public Map<String, @Nullable Object> header() {
        return header;
    }

    public Map<String, @Nullable Object> claims() {
        return claims;
    }

    /** A header member that is a string; empty where it is absent or something else. */
    public Optional<String> headerString(String name) {
        return header.get(name) instanceof String s ? Optional.of(s) : Optional.empty();
    }

    /** A claim that is a string; empty where it is absent or something else. */
    public Optional<String> claim(String name) {
        return claims.get(name) instanceof String s ? Optional.of(s) : Optional.empty();
    }

    /**
     * Whether {@code key} signed this, with the key's own algorithm, and no extension is critical (RFC 7515 §4.1.11:
     * none is understood here). Header members that carry or point to keys ({@code jwk}, {@code jku}, {@code x5c},
     * {@code x5u}) have no say.
     */
    public boolean signedBy(VerificationKey key) {
        return key.algorithm().code().equals(header.get("alg"))
                && !header.containsKey("crit")
                && key.verifies(signed, signature);
    }
}

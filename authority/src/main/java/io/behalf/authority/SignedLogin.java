package io.behalf.authority;

import io.behalf.core.json.Json;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The provider's signature under an approval: an ID token whose {@code nonce} is base64url(SHA-256(raw {@code task_s256}
 * ‖ {@code random})), and the key set to check it with.
 *
 * @param random 32 bytes, base64url
 * @param salt 32 bytes, base64url, of the commitment to all of this in the {@code approved} record
 */
public record SignedLogin(String idToken, Map<String, @Nullable Object> jwks, String random, String salt) {
    /** The nonce that the provider had to sign. */
    static String nonce(byte[] taskS256, String random) {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(Digests.sha256(taskS256, Base64.getUrlDecoder().decode(random)));
    }

    /** What {@code approved} holds of it: SHA-256 over the salt and the RFC 8785 form, lower-case hex. */
    public String commitment() {
        return Digests.committed(salt, Json.canonical(Map.of("id_token", idToken, "jwks", jwks, "random", random)));
    }

    Map<String, @Nullable Object> toJson() {
        return Map.of(
                "id_token", idToken,
                "jwks", jwks,
                "random", random,
                "salt", salt);
    }

    static Optional<SignedLogin> read(Map<String, @Nullable Object> json) {
        if (json.get("id_token") instanceof String token
                && json.get("jwks") instanceof Map<?, ?> keys
                && json.get("random") instanceof String random
                && json.get("salt") instanceof String salt) {
            @SuppressWarnings("unchecked")
            Map<String, @Nullable Object> jwks = (Map<String, @Nullable Object>) keys;
            return Optional.of(new SignedLogin(token, jwks, random, salt));
        }
        return Optional.empty();
    }
}

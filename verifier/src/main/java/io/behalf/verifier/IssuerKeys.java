package io.behalf.verifier;

import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One issuer's public keys by {@code kid}, and the algorithms it may use. Immutable.
 *
 * @param algorithms allow-list (RFC 8725 §3.1)
 * @param keys compared by exact {@code kid}
 */
public record IssuerKeys(Set<SignatureAlgorithm> algorithms, Map<String, VerificationKey> keys) {
    /** Most keys taken from one key set. */
    public static final int MAX_KEYS = 64;

    public IssuerKeys {
        algorithms = Set.copyOf(algorithms);
        keys = Map.copyOf(keys);
    }

    /** An issuer with one key, named by its thumbprint. */
    public static IssuerKeys of(VerificationKey key) {
        return new IssuerKeys(Set.of(key.algorithm()), Map.of(key.thumbprint(), key));
    }

    /**
     * Reads a JWK Set (RFC 7517 §5). Keys of a kind not used here, or without {@code kid}, are passed over, as the
     * standard wants; two keys of one {@code kid} are not, because which of them counts would be a guess.
     *
     * @throws Json.Malformed when it is no key set within the bounds
     */
    public static IssuerKeys fromJwks(Map<String, ? extends @Nullable Object> jwks, Set<SignatureAlgorithm> algorithms)
            throws Json.Malformed {
        if (!(jwks.get("keys") instanceof List<?> list) || list.size() > MAX_KEYS) {
            throw new Json.Malformed("a key set has at most " + MAX_KEYS + " keys", null);
        }
        Map<String, VerificationKey> keys = new HashMap<>();
        for (Object item : list) {
            if (item instanceof Map<?, ?> jwk && jwk.get("kid") instanceof String kid) {
                Optional<VerificationKey> key = usable(jwk);
                if (key.isPresent() && keys.put(kid, key.get()) != null) {
                    throw new Json.Malformed("two keys of one kid", null);
                }
            }
        }
        return new IssuerKeys(algorithms, keys);
    }

    /** The key of exactly this {@code kid}, if its algorithm is allowed. */
    Optional<VerificationKey> key(String kid) {
        return Optional.ofNullable(keys.get(kid)).filter(key -> algorithms.contains(key.algorithm()));
    }

    @SuppressWarnings("unchecked")
    private static Optional<VerificationKey> usable(Map<?, ?> jwk) {
        try {
            return Optional.of(VerificationKey.fromJwk((Map<String, @Nullable Object>) jwk));
        } catch (Json.Malformed otherKind) {
            return Optional.empty();
        }
    }
}

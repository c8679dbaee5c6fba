package io.behalf.verifier;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.jose.VerificationKey;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Tokens whose signature and shape were checked, by their SHA-256, so that the same token again costs no signature
 * check. Nothing that time can change is kept here: expiry, audience, proof and revocation are checked each time, and
 * {@link Known#key} against the issuer's present keys.
 *
 * <p>Bounded by two generations that take turns: when the younger is full the older is dropped whole; what is asked for
 * moves up. Only tokens of trusted issuers get in, so that strangers cannot push out what is in use. Thread-safe.
 */
final class KnownTokens {
    /** Tokens in one generation unless told otherwise; some 3 KiB each. */
    static final int DEFAULT_MOST = 16_384;

    private final int most;
    private final AtomicReference<Generations> generations =
            new AtomicReference<>(new Generations(new ConcurrentHashMap<>(), Map.of()));

    KnownTokens(int most) {
        this.most = most;
    }

    /**
     * @param kid under which {@code key} stood in the issuer's set
     * @param sha256 of the token, lower-case hex
     * @param tokenHash the same, base64url: a proof's {@code ath}
     * @param lastKey of this token's proofs
     */
    record Known(
            Delegation delegation,
            String kid,
            VerificationKey key,
            String sha256,
            String tokenHash,
            DpopProofs.LastKey lastKey) {}

    private record Generations(Map<ByteBuffer, Known> young, Map<ByteBuffer, Known> old) {}

    Optional<Known> find(byte[] digest) {
        ByteBuffer name = ByteBuffer.wrap(digest);
        Generations now = generations.get();
        Known known = now.young.get(name);
        if (known == null) {
            known = now.old.get(name);
            if (known != null) {
                put(name, known);
            }
        }
        return Optional.ofNullable(known);
    }

    void add(byte[] digest, Known known) {
        put(ByteBuffer.wrap(digest), known);
    }

    private void put(ByteBuffer name, Known known) {
        Generations now = generations.get();
        now.young.put(name, known);
        if (now.young.size() > most) {
            // of several threads that see it full, one turns; what the others put meanwhile is in the older one
            generations.compareAndSet(now, new Generations(new ConcurrentHashMap<>(), now.young));
        }
    }
}

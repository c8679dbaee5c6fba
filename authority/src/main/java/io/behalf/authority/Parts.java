package io.behalf.authority;

import io.behalf.core.json.Json;
import io.behalf.verifier.DelegationVerifier;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** What the flows are built from; one of each in an authority. */
record Parts(
        AuthorityConfig config,
        Store store,
        Sealer sealer,
        Changes changes,
        TaskTable tasks,
        RenewalTable renewals,
        Shelf shelf,
        Agents agents,
        Providers providers,
        Issuer issuer,
        Keys keys,
        LiveStops stops,
        DelegationVerifier verifier,
        ApprovalText text,
        Clock clock,
        SecureRandom random) {
    Instant now() {
        return clock.instant();
    }

    byte[] randomBytes(int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    /** An unguessable handle: 32 random bytes, base64url. */
    String handle() {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(randomBytes(32));
    }

    /** Puts a value down for a while, in a transaction of its own. */
    void shelve(Shelf.Kind kind, String handle, Map<String, ? extends @Nullable Object> value, Duration life) {
        Instant until = now().plus(life);
        store.transaction(sql -> {
            shelf.put(sql, kind, handle, value, until);
            return true;
        });
    }

    /** Keeps what a token was decided on; its digest goes into the record. The salt keeps guessable facts private. */
    Facts facts(Map<String, ? extends @Nullable Object> facts) {
        Map<String, @Nullable Object> salted = new LinkedHashMap<>(facts);
        salted.put("salt", handle());
        return new Facts(new String(Json.canonical(salted), StandardCharsets.UTF_8));
    }

    /** @param canonical RFC 8785 form */
    record Facts(String canonical) {
        String sha256() {
            return Digests.hex(canonical);
        }

        void insert(Handle sql, Sealer sealer, String recordId, String taskId) {
            sql.createUpdate("insert into facts (record_id, task_id, sealed_facts) values (?, ?, ?)")
                    .bind(0, recordId)
                    .bind(1, taskId)
                    .bind(2, sealer.seal("facts:" + recordId, canonical.getBytes(StandardCharsets.UTF_8)))
                    .execute();
        }
    }
}

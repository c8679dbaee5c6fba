package io.behalf.server;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import io.behalf.core.record.StoredRecord;
import io.behalf.ledger.Committed;
import io.behalf.ledger.Ledger;
import io.behalf.ledger.LedgerReader;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.IssuerKeys;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes in the records of services that verify for themselves. A record counts when the service's registered key signed
 * it, it follows that key's previous one, and it speaks of a token that was made for that service. Thread-safe.
 */
final class ServiceChains {
    /** Largest record taken in. */
    static final int MAX_BYTES = RecordEncoder.MAX_RECORD_BYTES;

    private final Map<String, Service> services = new HashMap<>();
    private final Map<String, Head> heads = new HashMap<>();
    private final Ledger ledger;
    private final Function<String, Optional<Delegation>> tokens;
    private final Clock clock;
    private final String node;
    private final SecureRandom random = new SecureRandom();

    private record Service(String audience, Map<String, VerificationKey> keys) {}

    private record Head(long seq, String leaf) {}

    /** What came of a record. */
    sealed interface Taken {
        /** @param leaf what the service's next record must name as {@code prev} */
        record In(CompletionStage<Committed> committed, String leaf) implements Taken {}

        record Refused(int status, String sentence) implements Taken {}
    }

    /**
     * @param tokens the delegation behind a token that was made here, by {@code jti}
     * @throws Json.Malformed when a registered key set is none
     */
    ServiceChains(
            Map<String, Configuration.Registered> registered,
            Ledger ledger,
            LedgerReader reader,
            Function<String, Optional<Delegation>> tokens,
            Clock clock,
            String node)
            throws Json.Malformed {
        for (var entry : registered.entrySet()) {
            var keys = IssuerKeys.fromJwks(
                    Json.readObject(entry.getValue().jwks().getBytes(StandardCharsets.UTF_8)),
                    Set.of(SignatureAlgorithm.ES256));
            services.put(entry.getKey(), new Service(entry.getValue().audience(), keys.keys()));
        }
        this.ledger = ledger;
        this.tokens = tokens;
        this.clock = clock;
        this.node = node;
        recover(reader);
    }

    synchronized Taken take(byte[] body) {
        Downstream record;
        try {
            record = placed(Json.readObject(body));
        } catch (Json.Malformed e) {
            return new Taken.Refused(400, "This is not a downstream record: " + e.getMessage() + ".");
        }
        var signed = record.downstream();
        Service service = services.get(signed.service());
        VerificationKey key = service == null ? null : service.keys().get(signed.kid());
        if (service == null || key == null || !DownstreamChain.signedBy(record, key)) {
            return new Taken.Refused(401, "No key registered for this service signed this record.");
        }
        Optional<Delegation> seen = tokens.apply(signed.seenJti());
        if (seen.isEmpty()
                || !seen.get().audience().equals(service.audience())
                || !record.header().task().equals(Optional.of(seen.get().taskId()))) {
            return new Taken.Refused(403, "The record speaks of a token that was not made for this service.");
        }
        Head last = heads.get(chain(signed));
        boolean follows = last == null
                ? signed.seq() == 1 && signed.prev().isEmpty()
                : signed.seq() == last.seq() + 1 && signed.prev().equals(Optional.of(last.leaf()));
        if (!follows) {
            return new Taken.Refused(409, "The record does not follow the last one taken in under this key.");
        }
        String leaf = DownstreamChain.leaf(record);
        heads.put(chain(signed), new Head(signed.seq(), leaf));
        CompletionStage<Committed> committed = ledger.append(record);
        CompletionStage<Committed> watched = committed.whenComplete((_, fault) -> {
            if (fault != null) {
                forget(chain(signed), signed.seq(), Optional.ofNullable(last));
            }
        });
        return new Taken.In(watched, leaf);
    }

    /** A record that did not become durable was not taken in: the service sends it again. */
    private synchronized void forget(String chain, long seq, Optional<Head> before) {
        Head now = heads.get(chain);
        if (now != null && now.seq() == seq) {
            before.ifPresentOrElse(head -> heads.put(chain, head), () -> heads.remove(chain));
        }
    }

    /** The record with the id, time and node of this ledger, whatever the service wrote there. */
    private Downstream placed(Map<String, @Nullable Object> object) throws Json.Malformed {
        object.put("id", Ids.next("rec", clock.instant(), random));
        object.put("time", RecordEncoder.time(clock.instant()));
        object.put("node", node);
        StoredRecord stored = RecordDecoder.decode(Json.canonical(object));
        if (stored.record() instanceof Downstream record
                && record.header().task().isPresent()) {
            return record;
        }
        throw new Json.Malformed("its kind is downstream, and it names a task", null);
    }

    private void recover(LedgerReader reader) {
        if (services.isEmpty()) {
            return;
        }
        byte[] kind = "\"kind\":\"downstream\"".getBytes(StandardCharsets.UTF_8);
        reader.visit(0, reader.size(), (_, bundle, offset, length) -> {
            if (contains(bundle, offset, length, kind)) {
                try {
                    var stored = RecordDecoder.decode(Arrays.copyOfRange(bundle, offset, offset + length));
                    if (stored.record() instanceof Downstream record) {
                        var signed = record.downstream();
                        heads.put(chain(signed), new Head(signed.seq(), DownstreamChain.leaf(record)));
                    }
                } catch (Json.Malformed e) {
                    throw new IllegalStateException("an entry of the ledger is no record", e);
                }
            }
        });
    }

    /** Decoding every entry only to find a few would make each start wait for it. */
    private static boolean contains(byte[] bytes, int offset, int length, byte[] wanted) {
        int last = offset + length - wanted.length;
        for (int at = offset; at <= last; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return true;
            }
        }
        return false;
    }

    private static String chain(AuditRecord.ServiceSigned signed) {
        return signed.service() + " " + signed.kid();
    }
}

package io.behalf.server;

import io.behalf.core.delegation.Ids;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import io.behalf.ledger.Committed;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.IndexKey;
import io.behalf.ledger.Ledger;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.IssuerKeys;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Takes in the records of services that verify for themselves, as {@code downstream}. A record counts when
 *
 * <ol>
 *   <li>the service's registered key signed exactly what the ledger will keep of it,
 *   <li>it speaks of a token whose audience is that service, and says of task, person and agents what the token says,
 *   <li>where the token was made for the gateway's calls, the call named in {@code of} is one that it was sent with,
 *   <li>it follows that key's previous one.
 * </ol>
 *
 * <p>What is refused for good ends a chain, as nothing can follow it, so no refusal here may be in the hands of somebody
 * else than the service. An agent with a token of its own for the service can send it any {@code Behalf-Record}: that
 * {@code of} is the agent's word, and readers join it to no call ({@link TaskStory}).
 *
 * <p>Tokens and calls that the gateway made are known from memory; those of an earlier process, and tokens that agents
 * hold, from the ledger's index. So a service that was cut off by a restart can still hand in what it has, however late.
 * A service that lost the position of its chain begins with a new key.
 *
 * <p>Thread-safe. May wait for the index: not for event loops.
 */
final class ServiceChains {
    /** Largest record taken in. */
    static final int MAX_BYTES = RecordEncoder.MAX_RECORD_BYTES;
    /**
     * How long a record waits for the checkpoint that shows what it may speak of, and for the index to find it there. The
     * index is behind by a checkpoint, and after a start by more; a service that made something up waits no longer.
     */
    static final Duration INDEX_WAIT = Duration.ofSeconds(4);
    /** Entries read for one id. One is right; by chance the index may name another besides. */
    private static final int LOOKED_AT = 4;

    private final Map<String, Service> services = new HashMap<>();
    private final Map<String, Head> heads = new HashMap<>();
    private final Ledger ledger;
    private final EmbeddedLedger written;
    private final MintedTokens tokens;
    private final Clock clock;
    private final String node;
    private final SecureRandom random = new SecureRandom();

    private record Service(String audience, Map<String, VerificationKey> keys) {}

    /** A chain's last record; it is not known to be durable before {@code committed} is done. */
    private record Head(long seq, String leaf, CompletableFuture<Committed> committed) {}

    /** What a record speaks of may be in entries that cannot be searched yet: to refuse it for good would end the chain. */
    private static final class NotIndexed extends Exception {
        private static final long serialVersionUID = 1L;
    }

    /** What came of a record. */
    sealed interface Taken {
        /**
         * @param committed completes exceptionally when the record is not known to be durable: send it again
         * @param leaf what the service's next record must name as {@code prev}
         */
        record In(CompletionStage<Committed> committed, String leaf) implements Taken {}

        record Refused(int status, String sentence) implements Taken {}
    }

    /**
     * @param ledger takes the records in
     * @param written the same ledger, where what they speak of is found
     * @param tokens of this process
     * @throws Json.Malformed when a registered key set is none
     */
    ServiceChains(
            Map<String, Configuration.Registered> registered,
            Ledger ledger,
            EmbeddedLedger written,
            MintedTokens tokens,
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
        this.written = written;
        this.tokens = tokens;
        this.clock = clock;
        this.node = node;
        recover();
    }

    Taken take(byte[] body) throws InterruptedException {
        try {
            return taken(body);
        } catch (NotIndexed e) {
            return new Taken.Refused(503, "The ledger's index is not there yet. Send the record again.");
        }
    }

    private Taken taken(byte[] body) throws InterruptedException, NotIndexed {
        if (body.length > MAX_BYTES) {
            return new Taken.Refused(413, "A record has at most " + MAX_BYTES + " bytes.");
        }
        Downstream record;
        try {
            record = placed(Json.readObject(body));
        } catch (Json.Malformed e) {
            return new Taken.Refused(400, "This is not a downstream record: " + e.getMessage() + ".");
        }
        ServiceSigned signed = record.downstream();
        Service service = services.get(signed.service());
        VerificationKey key = service == null ? null : service.keys().get(signed.kid());
        if (service == null || key == null || !signedBy(record, key)) {
            return new Taken.Refused(401, "No key registered for this service signed this record.");
        }
        Optional<ServiceToken> token = token(signed.seenJti());
        if (token.isEmpty() || !token.get().audience().equals(service.audience())) {
            return new Taken.Refused(403, "The record speaks of a token that is not for this service.");
        }
        if (!token.get().saidBy(record.header()) || !ownCall(record)) {
            return new Taken.Refused(
                    403, "The record says of task, person, agents or service what its token does not.");
        }
        if (record.of().isPresent() && !sentWith(record.of().get(), signed, token.get())) {
            return new Taken.Refused(403, "The record names a call that this token was not sent with.");
        }
        return chained(record);
    }

    /** Allow-list of the algorithm included: another kind of key in the set counts for nothing (RFC 8725 §3.1). */
    private static boolean signedBy(Downstream record, VerificationKey key) {
        return key.algorithm() == SignatureAlgorithm.ES256 && DownstreamChain.signedBy(record, key);
    }

    private static boolean ownCall(Downstream record) {
        return record.call()
                .map(call -> call.service().equals(record.downstream().service()))
                .orElse(true);
    }

    private synchronized Taken chained(Downstream record) {
        ServiceSigned signed = record.downstream();
        String leaf = DownstreamChain.leaf(record);
        Head last = heads.get(chain(signed));
        if (last != null && last.seq() == signed.seq() && last.leaf().equals(leaf)) {
            return new Taken.In(
                    last.committed(), leaf); // its answer was lost: it is told again, and nothing is written
        }
        if (last != null && !last.committed().isDone()) {
            return new Taken.Refused(
                    409, "The record before it is still being written. Send this one after its answer.");
        }
        boolean follows = last == null
                ? signed.seq() == 1 && signed.prev().isEmpty()
                : signed.seq() == last.seq() + 1 && signed.prev().equals(Optional.of(last.leaf()));
        if (!follows) {
            return new Taken.Refused(409, "The record does not follow the last one taken in under this key.");
        }
        Head head = new Head(signed.seq(), leaf, new CompletableFuture<>());
        heads.put(chain(signed), head);
        ledger.append(record).whenComplete((committed, fault) -> {
            if (fault == null) {
                head.committed().complete(committed);
            } else {
                // Not known to be durable, so not taken in: the service sends it again. If it was stored all the same,
                // it will stand there twice, and the chain goes on from either.
                takeBack(chain(signed), Optional.ofNullable(last));
                head.committed().completeExceptionally(fault);
            }
        });
        return new Taken.In(head.committed(), leaf);
    }

    /** Nothing has followed, as the head was not done. */
    private synchronized void takeBack(String chain, Optional<Head> before) {
        before.ifPresentOrElse(head -> heads.put(chain, head), () -> heads.remove(chain));
    }

    /** The record with the id, time and node of this ledger, whatever the service wrote there. */
    private Downstream placed(Map<String, @Nullable Object> object) throws Json.Malformed {
        object.put("id", Ids.next("rec", clock.instant(), random));
        object.put("time", RecordEncoder.time(clock.instant()));
        object.put("node", node);
        byte[] given = canonical(object);
        if (!(RecordDecoder.decode(given).record() instanceof Downstream record)
                || record.header().task().isEmpty()
                || record.header().late()) {
            throw new Json.Malformed("its kind is downstream, it names a task, and it says nothing of late", null);
        }
        // The signature must hold for what is kept, for ever: nothing of the record may be lost on the way there.
        CanonicalWriter kept = new CanonicalWriter();
        RecordEncoder.encode(record, 0, null, kept);
        if (!Arrays.equals(given, kept.toByteArray())) {
            throw new Json.Malformed("it holds something that a record of this kind does not keep", null);
        }
        return record;
    }

    private static byte[] canonical(Map<String, @Nullable Object> object) throws Json.Malformed {
        try {
            return Json.canonical(object);
        } catch (IllegalArgumentException e) {
            throw new Json.Malformed("it holds a number that has no exact form", e);
        }
    }

    // ---- what memory and ledger know

    private Optional<ServiceToken> token(String jti) throws InterruptedException, NotIndexed {
        Optional<ServiceToken> made = tokens.made(jti);
        // a token is made before it is used, so the record of that comes first
        return made.isPresent() ? made : inLedger(IndexKey.TOKEN, jti, record -> ServiceToken.of(record, jti));
    }

    private boolean sentWith(String call, ServiceSigned signed, ServiceToken token)
            throws InterruptedException, NotIndexed {
        if (token.from().isEmpty()) {
            return true;
        }
        Optional<String> sent = tokens.sentWith(call);
        if (sent.isPresent()) {
            return sent.get().equals(signed.seenJti());
        }
        // a call of an earlier process, of the same delegation to the same service: it was sent with no other token
        return inLedger(
                        IndexKey.RECORD,
                        call,
                        record -> record instanceof Intent intent
                                        && intent.header().id().equals(call)
                                ? Optional.of(intent)
                                : Optional.empty())
                .filter(intent -> intent.call().service().equals(signed.service()))
                .flatMap(intent -> intent.header().delegation())
                .filter(held -> token.from().equals(Optional.of(held.jti())))
                .isPresent();
    }

    /** That it is not there is said only when all has been looked at that was durable when the record came. */
    private <T> Optional<T> inLedger(IndexKey by, String id, Function<AuditRecord, Optional<T>> read)
            throws InterruptedException, NotIndexed {
        Optional<T> found = found(by, id, read);
        if (found.isPresent()) {
            return found;
        }
        long deadline = System.nanoTime() + INDEX_WAIT.toNanos();
        if (!written.awaitIntegrated(INDEX_WAIT)) {
            throw new NotIndexed();
        }
        long size = written.checkpoint().size();
        while (true) {
            long indexed = written.index().caughtUpTo();
            found = found(by, id, read);
            if (found.isPresent() || indexed >= size) {
                return found;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0 || !written.index().await(indexed + 1, Duration.ofNanos(left))) {
                throw new NotIndexed();
            }
        }
    }

    private <T> Optional<T> found(IndexKey by, String id, Function<AuditRecord, Optional<T>> read) {
        return Arrays.stream(written.index().lookup(by, id))
                .limit(LOOKED_AT)
                .mapToObj(entry -> LedgerRecords.decode(entry, written.reader().entry(entry)))
                .flatMap(record -> read.apply(record).stream())
                .findFirst();
    }

    private void recover() {
        if (services.isEmpty()) {
            return;
        }
        LedgerRecords.visit(written.reader(), "downstream", Downstream.class, (entry, record) -> {
            var done = CompletableFuture.completedFuture(
                    new Committed(record.header().id(), OptionalLong.of(entry)));
            heads.put(
                    chain(record.downstream()),
                    new Head(record.downstream().seq(), DownstreamChain.leaf(record), done));
        });
    }

    private static String chain(ServiceSigned signed) {
        return signed.service() + " " + signed.kid();
    }
}

package io.behalf.gateway;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.RecordEncoder;
import io.behalf.ledger.Committed;
import io.behalf.ledger.Ledger;
import io.behalf.policy.Decision;
import io.vertx.core.Future;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The only maker of the proofs without which forwarding a call and finishing its answer do not compile. One for each
 * event loop: its ledger's completions come back on that loop.
 */
final class Recorder {
    private static final String BY = "system";

    private final Ledger ledger;
    private final Loop loop;
    private final String node;
    private final Clock clock;
    private final RandomGenerator random;
    private final TurnedAway turnedAway;

    Recorder(Ledger ledger, Loop loop, String node, Clock clock, RandomGenerator random, TurnedAway turnedAway) {
        this.ledger = ledger;
        this.loop = loop;
        this.node = node;
        this.clock = clock;
        this.random = random;
        this.turnedAway = turnedAway;
    }

    /** A call whose intent is durable. */
    static final class Intent {
        final String record;
        final Arrival arrival;
        final Judged.Admitted admitted;

        private Intent(String record, Arrival arrival, Judged.Admitted admitted) {
            this.record = record;
            this.arrival = arrival;
            this.admitted = admitted;
        }

        Inbound call() {
            return admitted.call();
        }

        Optional<String> task() {
            return taskOf(admitted.basis());
        }
    }

    /** A call whose end is durable. */
    static final class Outcome {
        private Outcome() {}
    }

    /** Can carry a "no", never an answer. */
    sealed interface Denial {
        /** @param record empty where it was only counted */
        record Noted(Optional<String> record, Optional<String> task) implements Denial {}

        /** The ledger is away; the refusal stands all the same. */
        record Unrecorded() implements Denial {}
    }

    Future<Intent> intent(Arrival arrival, Judged.Admitted admitted, String policySha256) {
        Instant now = clock.instant();
        String id = Ids.next("rec", now, random);
        Decided decided =
                switch (admitted.decision()) {
                    case Decision.Permit(List<String> rules) ->
                        new Decided(true, true, Optional.empty(), rules, policySha256, admitted.mode());
                    case Decision.Denied(Refusal no) ->
                        new Decided(
                                false,
                                false,
                                Optional.of(no.reason().code()),
                                no.rules(),
                                policySha256,
                                admitted.mode());
                };
        Inbound call = admitted.call();
        var intent = new AuditRecord.Intent(
                header(id, now, admitted.basis(), arrival.trace()),
                call(call, arrival, admitted.basis()),
                decided,
                plannedBy(call.asked(), admitted.basis()));
        return write(intent).map(_ -> new Intent(id, arrival, admitted));
    }

    Future<Outcome> outcome(Intent of, Ended ended) {
        Instant now = clock.instant();
        var outcome = new AuditRecord.Outcome(
                header(Ids.next("rec", now, random), now, of.admitted.basis(), of.arrival.trace()), of.record, ended);
        return write(outcome).map(_ -> new Outcome());
    }

    /** Of a request that got as far as its credential. */
    Future<Denial> refusal(Arrival arrival, Judged.Stopped stopped, String policySha256) {
        Instant now = clock.instant();
        Refusal no = stopped.refusal();
        Optional<String> caller =
                stopped.basis().map(Recorder::callerOf).or(() -> no.authentic().map(Delegation::actor));
        if (caller.isEmpty()) {
            turnedAway.count(arrival.route().prefix(), no.reason(), now);
            return Future.succeededFuture(new Denial.Noted(Optional.empty(), Optional.empty()));
        }
        Optional<String> task = stopped.basis().flatMap(Recorder::taskOf).or(() -> no.authentic()
                .map(d -> d.taskId().value()));
        if (!turnedAway.record(caller.get(), task.orElse(""), no.reason(), now)) {
            return Future.succeededFuture(new Denial.Noted(Optional.empty(), Optional.empty()));
        }
        String id = Ids.next("rec", now, random);
        Header header = stopped.basis()
                .map(basis -> header(id, now, basis, arrival.trace()))
                .orElseGet(() -> header(id, now, no.authentic().orElseThrow(), arrival));
        Route route = arrival.route();
        Mode mode = route.mode();
        Call call = stopped.call().isPresent() && stopped.basis().isPresent()
                ? call(stopped.call().get(), arrival, stopped.basis().get())
                : unread(arrival);
        var refused = new AuditRecord.Refused(
                header,
                call,
                new Decided(false, true, Optional.of(no.reason().code()), no.rules(), policySha256, mode));
        return write(refused)
                .<Denial>map(_ -> new Denial.Noted(Optional.of(id), task))
                .otherwise(_ -> new Denial.Unrecorded());
    }

    /** Of a request that was turned away by its head: nobody is known to have asked. */
    Denial counted(String where, Refusal no) {
        turnedAway.count(where, no.reason(), clock.instant());
        return new Denial.Noted(Optional.empty(), Optional.empty());
    }

    Denial unavailable() {
        return new Denial.Unrecorded();
    }

    /** One record for all refusals that were only counted since the last one. */
    Future<Void> summarize() {
        TurnedAway.@Nullable Counted all = turnedAway.drain();
        if (all == null) {
            return Future.succeededFuture();
        }
        Instant now = clock.instant();
        Map<String, @Nullable Object> refusals = new LinkedHashMap<>(all.refusals());
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("since", all.since().toString());
        data.put("refusals", refusals);
        Header header = new Header(
                Ids.next("rec", now, random),
                now,
                node,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                false);
        return write(new AuditRecord.Lifecycle(header, AuditRecord.Event.REFUSALS_SUMMARIZED, BY, data))
                .onFailure(_ -> turnedAway.restore(all))
                .mapEmpty();
    }

    private Future<Committed> write(AuditRecord record) {
        try {
            return loop.await(ledger.append(record, loop));
        } catch (RuntimeException e) {
            return Future.failedFuture(e);
        }
    }

    /** Who is behind it, for counting. */
    static String callerOf(Basis basis) {
        return switch (basis) {
            case Basis.Delegated d -> d.shown().delegation().actor();
            case Basis.Unattributed u -> u.credential();
        };
    }

    static Optional<String> taskOf(Basis basis) {
        return switch (basis) {
            case Basis.Delegated d -> Optional.of(d.task().id().value());
            case Basis.Unattributed _ -> Optional.empty();
        };
    }

    private Header header(String id, Instant now, Basis basis, TraceContext trace) {
        return switch (basis) {
            case Basis.Delegated d ->
                header(
                        id,
                        now,
                        d.shown().delegation(),
                        d.shown().tokenSha256(),
                        d.shown().bound(),
                        trace);
            case Basis.Unattributed u ->
                new Header(
                        id,
                        now,
                        node,
                        Optional.empty(),
                        Optional.of(new AuditRecord.Basis.Unattributed(u.credential(), Optional.empty())),
                        List.of(),
                        Optional.empty(),
                        Optional.of(trace.record()),
                        false);
        };
    }

    /** Of a delegation that is genuine, and was shown by its holder, but does not count any more, or not here. */
    private Header header(String id, Instant now, Delegation authentic, Arrival arrival) {
        String token = arrival.presented().token().orElseThrow();
        return header(
                id,
                now,
                authentic,
                HexFormat.of().formatHex(Presentation.sha256(token)),
                !(authentic.binding() instanceof Binding.Unbound),
                arrival.trace());
    }

    private Header header(String id, Instant now, Delegation d, String tokenSha256, boolean bound, TraceContext trace) {
        AuditRecord.Basis onBehalfOf = d.onBehalfOf()
                .fold(Recorder::person, nobody -> new AuditRecord.Basis.Nobody(nobody.category(), nobody.reasonCode()));
        return new Header(
                id,
                now,
                node,
                Optional.of(d.taskId()),
                Optional.of(onBehalfOf),
                d.actors(),
                Optional.of(
                        new Held(d.jti(), d.approvalId(), d.approvalKind().code(), d.expires(), tokenSha256, bound)),
                Optional.of(trace.record()),
                false);
    }

    private static AuditRecord.Basis person(OnBehalfOf.Subject subject) {
        return new AuditRecord.Basis.Person(subject.pseudonym());
    }

    private static Call call(Inbound call, Arrival arrival, Basis basis) {
        Route route = call.route();
        Asked asked = call.asked();
        return new Call(
                route.surface(),
                route.service(),
                asked.action(),
                resources(call, arrival, basis.macs()),
                asked.model(),
                asked.tool(),
                asked.use().callId(),
                Optional.empty(),
                Optional.of(basis.macs().of(call.body())),
                call.body().length());
    }

    /** On a regulated service which record was touched may say as much as what is in it. */
    private static List<String> resources(Inbound call, Arrival arrival, Macs macs) {
        List<String> resources = call.route().regulated()
                ? call.asked().resources().stream().map(macs::of).toList()
                : call.asked().resources();
        if (call.route().credential() instanceof Route.Credential.Caller
                && arrival.own().isPresent()) {
            List<String> more = new ArrayList<>(resources);
            more.add("credential-mac:" + macs.of(arrival.own().get().secret())); // it may be a password
            return more;
        }
        return resources;
    }

    /** A request that was refused before its body was read: its method is all that is known of what it wanted. */
    private static Call unread(Arrival arrival) {
        Route route = arrival.route();
        return new Call(
                route.surface(),
                route.service(),
                arrival.head().method(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                -1);
    }

    private static Optional<PlannedBy> plannedBy(Asked asked, Basis basis) {
        if (!(basis instanceof Basis.Delegated d) || asked.tool().isEmpty()) {
            return Optional.empty();
        }
        Plans plans = d.task().plans();
        return asked.use()
                .callId()
                .map(RecordEncoder::bounded)
                .flatMap(plans::claimById)
                .or(() -> asked.use()
                        .arguments()
                        .flatMap(given -> plans.claimByArguments(
                                RecordEncoder.bounded(asked.tool().get()),
                                basis.macs().of(given))));
    }
}

package io.behalf.gateway;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.gateway.OpenCall.Ending;
import io.behalf.verifier.Revocations;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The calls that are open on one event loop. Only that loop touches it. */
final class OpenCalls {
    /** How often deadlines, ends of tasks and stops are looked at: what a stop takes at most, besides its own news. */
    static final Duration SWEEP = Duration.ofMillis(200);

    private final Set<OpenCall> open = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<String, List<Promise<Void>>> awaited = new HashMap<>();
    private final Sessions sessions;
    private final Revocations revocations;
    private final Recorder recorder;
    private final Loop loop;
    private final Clock clock;

    OpenCalls(Sessions sessions, Revocations revocations, Recorder recorder, Loop loop, Clock clock) {
        this.sessions = sessions;
        this.revocations = revocations;
        this.recorder = recorder;
        this.loop = loop;
        this.clock = clock;
    }

    /** What becomes of the agent's wire. */
    sealed interface Parting {
        /** The call has its outcome: the wire ends as that says. */
        record Final(Recorder.Outcome proof, Ending ending) implements Parting {}

        /** The wire closes, the call stays open: another request may bring its answer. */
        record Waiting() implements Parting {}
    }

    OpenCall add(Recorder.Intent intent) {
        OpenCall call = new OpenCall(recorder, intent, loop, this::forget);
        open.add(call);
        sessions.expects(call);
        return call;
    }

    /** Whether it was stopped while its intent was being written: then nobody has cut it yet. */
    Optional<Reason> stopped(OpenCall call) {
        return call.intent.admitted.basis() instanceof Basis.Delegated d
                ? revocations.stopped(d.shown().delegation())
                : Optional.empty();
    }

    /** A wire is gone, the agent's or the upstream's; the answer's end, if it came, has won already. */
    Future<Parting> lost(OpenCall call, Ending why) {
        Duration openFor = call.openFor();
        boolean wire = why.end() == End.CUT_BY_CLIENT || why.end() == End.CUT_BY_UPSTREAM;
        if (!call.settled() && wire && !openFor.isZero()) {
            call.waitUntil(System.nanoTime() + openFor.toNanos(), why.end());
            return Future.succeededFuture(new Parting.Waiting());
        }
        return call.settle(why).map(proof -> new Parting.Final(proof, why));
    }

    /** Deadlines, ends of tasks, and stops that nobody told us of. */
    void sweep() {
        long nanos = System.nanoTime();
        Instant now = clock.instant();
        for (OpenCall call : List.copyOf(open)) {
            if (call.overdue(nanos)) {
                call.cut(call.overdueEnding());
            } else if (call.intent.admitted.basis() instanceof Basis.Delegated d) {
                Delegation delegation = d.shown().delegation();
                if (!now.isBefore(delegation.taskEnd())) {
                    call.cut(Ending.of(End.EXPIRED, Reason.TASK_EXPIRED));
                } else {
                    revocations
                            .stopped(delegation)
                            .ifPresent(reason -> call.cut(Ending.of(End.CUT_BY_REVOCATION, reason)));
                }
            }
        }
    }

    void stop(Stop stop) {
        for (OpenCall call : List.copyOf(open)) {
            if (call.intent.admitted.basis() instanceof Basis.Delegated d
                    && stop.affects(
                            d.shown().delegation(), call.intent.call().route().service())) {
                Reason reason = revocations.stopped(d.shown().delegation()).orElse(Reason.DELEGATION_REVOKED);
                call.cut(Ending.of(End.CUT_BY_REVOCATION, reason));
            }
        }
    }

    /** Completes when this loop has no open call of the task. */
    Future<Void> settled(TaskId task) {
        boolean any = open.stream()
                .anyMatch(
                        call -> call.intent.task().filter(task.value()::equals).isPresent());
        if (!any) {
            return Future.succeededFuture();
        }
        Promise<Void> last = Promise.promise();
        awaited.computeIfAbsent(task.value(), _ -> new ArrayList<>(1)).add(last);
        return last.future();
    }

    /** The gateway closes: nothing may stay without an outcome. */
    Future<Void> closeAll() {
        List<Future<Recorder.Outcome>> outcomes = new ArrayList<>();
        for (OpenCall call : List.copyOf(open)) {
            call.cut(Ending.of(End.ERROR, Reason.UPSTREAM_UNAVAILABLE));
            outcomes.add(call.settle(Ending.COMPLETE));
        }
        return Future.join(outcomes).mapEmpty();
    }

    private void forget(OpenCall call, Future<Recorder.Outcome> outcome) {
        open.remove(call);
        sessions.answered(call);
        outcome.onComplete(_ -> call.intent.task().filter(awaited::containsKey).ifPresent(this::tellIfSettled));
    }

    private void tellIfSettled(String task) {
        boolean any = open.stream()
                .anyMatch(call -> call.intent.task().filter(task::equals).isPresent());
        List<Promise<Void>> waiting = any ? null : awaited.remove(task);
        if (waiting != null) {
            waiting.forEach(Promise::tryComplete);
        }
    }
}

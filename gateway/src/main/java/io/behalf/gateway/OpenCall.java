package io.behalf.gateway;

import io.behalf.core.delegation.Reason;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Usage;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import javax.crypto.Mac;
import org.jspecify.annotations.Nullable;

/**
 * Owns an intent until its outcome. Whoever settles it first wins: the end of the answer, a lost client, a lost upstream,
 * a deadline, a stop. All of it happens on the call's own event loop, so nothing here is locked; only {@link #settle},
 * {@link #complete} and {@link #cut} may be called from another loop, and hop.
 */
final class OpenCall {
    final Recorder.Intent intent;
    private final Recorder recorder;
    private final Loop loop;
    private final BiConsumer<OpenCall, Future<Recorder.Outcome>> whenSettled;
    private final Macs macs;
    private final Mac delivered;
    private final long startedNanos = System.nanoTime();

    private @Nullable Usage usage;
    private long items = -1;
    private final List<ToolCall> toolCalls = new ArrayList<>(0);
    private final Set<String> asked = new LinkedHashSet<>(0);
    private Sent sent = Sent.NO;
    private int status = -1;
    private boolean begun;
    private boolean resumable;
    private long bytes;
    private long deadlineNanos;
    private End whenOverdue = End.TIMEOUT;
    private Future<Void> agentTakes = Future.succeededFuture();
    private @Nullable Consumer<Ending> cutter;
    private @Nullable Future<Recorder.Outcome> outcome;

    OpenCall(
            Recorder recorder,
            Recorder.Intent intent,
            Loop loop,
            BiConsumer<OpenCall, Future<Recorder.Outcome>> whenSettled) {
        this.recorder = recorder;
        this.intent = intent;
        this.loop = loop;
        this.whenSettled = whenSettled;
        this.macs = intent.admitted.basis().macs();
        this.delivered = macs.start();
        this.deadlineNanos =
                startedNanos + intent.call().route().answerTimeout().toNanos();
    }

    /** How a call ends, and where it did not end well, why. */
    record Ending(End end, Optional<Reason> reason) {
        static final Ending COMPLETE = new Ending(End.COMPLETE, Optional.empty());
        static final Ending CUT_BY_CLIENT = new Ending(End.CUT_BY_CLIENT, Optional.empty());

        static Ending of(End end, Reason reason) {
            return new Ending(end, Optional.of(reason));
        }
    }

    /** The head of its answer is good, and the rest goes to the agent as it comes. */
    void begin(Codec.AnswerHead answer) {
        begun = true;
        // only a stream has places from which it can be taken up again
        resumable = answer.streams() && intent.call().asked().session().isPresent();
    }

    /** How long another request may bring the rest of an answer whose wire is lost: it is silent until then. */
    Duration openFor() {
        if (!resumable) {
            return Duration.ZERO;
        }
        Duration open = intent.call().asked().answered().loss().openFor();
        Duration silent = intent.call().route().idleTimeout();
        return open.compareTo(silent) < 0 ? open : silent;
    }

    boolean begun() {
        return begun;
    }

    boolean settled() {
        return outcome != null;
    }

    void sent(Sent how) {
        sent = how;
    }

    void answered(int upstreamStatus) {
        sent = Sent.YES;
        status = upstreamStatus;
        heard();
    }

    /** A sign of life of the upstream: from here on its silence is counted. */
    void heard() {
        deadlineNanos = System.nanoTime() + intent.call().route().idleTimeout().toNanos();
    }

    /** Until the agent has taken what it was sent, its silence is counted, and not the upstream's. */
    void waitsForAgent(Future<Void> taken) {
        if (!taken.isComplete()) {
            agentTakes = taken;
            taken.onSuccess(_ -> heard());
        }
    }

    /**
     * The wire is lost, and the answer may arrive on another until then. Whoever was lost first has cut it: the other wire
     * is broken because of that.
     */
    void waitUntil(long nanos, End otherwise) {
        if (whenOverdue == End.TIMEOUT) {
            deadlineNanos = nanos;
            whenOverdue = otherwise;
        }
    }

    boolean overdue(long nowNanos) {
        return nowNanos - deadlineNanos > 0;
    }

    Ending overdueEnding() {
        if (!agentTakes.isComplete()) {
            return Ending.CUT_BY_CLIENT;
        }
        return whenOverdue == End.TIMEOUT
                ? Ending.of(End.TIMEOUT, Reason.UPSTREAM_UNAVAILABLE)
                : new Ending(whenOverdue, Optional.empty());
    }

    /** What closes the wires when something other than the answer's end settles the call. */
    void cutBy(Consumer<Ending> closing) {
        cutter = closing;
    }

    /** Settles, then closes the wires: the record says who cut, so it is made before anything breaks. */
    void cut(Ending ending) {
        if (!loop.here()) {
            loop.execute(() -> cut(ending));
            return;
        }
        if (settled()) {
            return;
        }
        Consumer<Ending> closing = cutter;
        settle(ending).onComplete(_ -> {
            if (closing != null) {
                closing.accept(ending);
            }
        });
    }

    /** Whether its record can still tell all that was seen of its answer, and this besides. */
    boolean holds(Tally more) {
        long newlyAsked = more.asked().stream()
                .filter(method -> !asked.contains(method))
                .distinct()
                .count();
        return toolCalls.size() + more.planned().size() <= Tally.MAX_PLANNED
                && asked.size() + newlyAsked <= Tally.MAX_ASKED;
    }

    /** What goes to the agent now. */
    void delivering(Buffer piece, Tally seen) {
        if (piece.length() > 0) {
            delivered.update(piece.getBytes());
            bytes += piece.length();
        }
        saw(seen);
    }

    /** A plan is remembered as soon as it is whole: the agent may carry it out before the reply has ended. */
    private void saw(Tally seen) {
        usage = seen.usage() == null ? usage : seen.usage();
        items = seen.items() < 0 ? items : seen.items();
        asked.addAll(seen.asked());
        for (Tally.Planned plan : seen.planned()) {
            Optional<String> argumentsMac = plan.arguments().map(arguments -> macs.of(arguments));
            toolCalls.add(plan.recorded(argumentsMac));
            if (!plan.byProvider() && intent.admitted.basis() instanceof Basis.Delegated d) {
                d.task().plans().add(intent.record, plan.id(), plan.name(), argumentsMac);
            }
        }
    }

    /** Settles for any end but the answer's own; the one outcome of this call, whoever asked first. */
    Future<Recorder.Outcome> settle(Ending ending) {
        return here(() -> settleHere(ending, null, Tally.NONE));
    }

    /**
     * Settles at the end of the answer.
     *
     * @param last bytes to be released once the outcome is durable
     * @return empty when something else had settled it: then they are not released
     */
    Future<Optional<Recorder.Outcome>> complete(Buffer last, Tally seen) {
        return here(() -> settled()
                ? Future.succeededFuture(Optional.empty())
                : settleHere(Ending.COMPLETE, last, seen).map(Optional::of));
    }

    /** On the call's own loop, and back on the caller's. */
    private <T> Future<T> here(Supplier<Future<T>> step) {
        if (loop.here()) {
            return step.get();
        }
        Loop caller = Loop.current();
        Promise<T> there = Promise.promise();
        loop.execute(() -> step.get()
                .onComplete(done -> caller.execute(() -> {
                    if (done.succeeded()) {
                        there.complete(done.result());
                    } else {
                        there.fail(done.cause());
                    }
                })));
        return there.future();
    }

    private Future<Recorder.Outcome> settleHere(Ending ending, @Nullable Buffer last, Tally seen) {
        if (outcome != null) {
            return outcome;
        }
        if (last != null) {
            delivering(last, seen);
        }
        long millis = (System.nanoTime() - startedNanos) / 1_000_000;
        outcome = recorder.outcome(
                intent,
                new Ended(
                        sent,
                        status,
                        ending.end(),
                        ending.reason().map(Reason::code),
                        Optional.empty(),
                        Macs.finish(delivered, new byte[0]),
                        bytes,
                        millis,
                        items,
                        Optional.ofNullable(usage),
                        toolCalls,
                        List.copyOf(asked),
                        Optional.empty()));
        if (intent.admitted.basis() instanceof Basis.Delegated d) {
            // counted as soon as it is known, the record of it may still fail
            d.task().settled(tokens(ending), intent.call().expectedTokens());
        }
        whenSettled.accept(this, outcome);
        return outcome;
    }

    /**
     * A provider that tells no usage would make a limit on tokens mean nothing, so its size stands in for it there; also
     * where an answer was cut, whose usage most providers tell with its end.
     */
    private long tokens(Ending ending) {
        if (intent.call().route().surface() != Surface.LLM || status != 200) {
            return 0;
        }
        long bySize = (intent.call().body().length() + bytes) / Inbound.BYTES_PER_TOKEN;
        if (usage == null) {
            return bySize;
        }
        long told = usage.inputTokens() + usage.outputTokens();
        return ending.end() == End.COMPLETE ? told : Math.max(told, bySize);
    }
}

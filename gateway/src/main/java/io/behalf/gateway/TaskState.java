package io.behalf.gateway;

import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.TaskId;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import javax.crypto.SecretKey;

/**
 * A task's running state: the key of its MACs, what it has used of its limits, what models planned in it. One object a
 * task and node, shared by all event loops; thread-safe, and no method waits.
 */
public final class TaskState {
    private final TaskId id;
    private final Macs macs;
    private final Limits limits;
    private final Plans plans = new Plans();
    private final AtomicLong calls;
    private final AtomicLong tokens;
    /** Expected of the calls that are running. */
    private final AtomicLong kept = new AtomicLong();

    private final AtomicInteger open = new AtomicInteger();

    /**
     * @param key HMAC-SHA-256
     * @param limits over all the task's agents together
     * @param calls forwarded so far
     * @param tokens used so far
     */
    public TaskState(TaskId id, SecretKey key, Limits limits, long calls, long tokens) {
        this.id = id;
        this.macs = new Macs(key);
        this.limits = limits;
        this.calls = new AtomicLong(calls);
        this.tokens = new AtomicLong(tokens);
    }

    public TaskId id() {
        return id;
    }

    /** Calls forwarded. Never goes down by more than calls whose intent could not be recorded. */
    public long calls() {
        return calls.get();
    }

    /** Model tokens, input and output together; estimated by size where a provider told no usage. */
    public long tokens() {
        return tokens.get();
    }

    /** Whether any call of it is on its way: while one is, the state must stay in memory. */
    public boolean idle() {
        return open.get() == 0;
    }

    Macs macs() {
        return macs;
    }

    Plans plans() {
        return plans;
    }

    /**
     * Whether the task's totals are used up.
     *
     * @param granted limits of the delegation at hand, which may be lower than the task's
     */
    Optional<Refusal> usedUp(Limits granted) {
        Limits most = limits.narrow(granted);
        if (most.spend().isPresent()) { // a limit that nobody can hold anything against refuses
            return Optional.of(Refusal.of(
                    Reason.LIMIT_EXCEEDED,
                    "This task limits what is spent, and nothing here knows what a call costs. Ask for a task that limits"
                            + " calls or tokens instead."));
        }
        if (most.tokens().isPresent() && tokens.get() >= most.tokens().getAsLong()) {
            return Optional.of(usedUp(most.tokens().getAsLong() + " model tokens"));
        }
        if (most.calls().isPresent() && calls.get() >= most.calls().getAsLong()) {
            return Optional.of(usedUp(most.calls().getAsLong() + " calls"));
        }
        return Optional.empty();
    }

    /**
     * Takes one call off the totals, which two event loops may want at once. Given back by {@link #untake}.
     *
     * @param expected tokens that are kept for it until {@link #settled} tells how many it took: without, all calls that
     *     begin before the first one ends would pass the limit together
     */
    Optional<Refusal> take(Limits granted, long expected) {
        Limits most = limits.narrow(granted);
        long mostTokens = most.tokens().orElse(Long.MAX_VALUE);
        long keptBefore = kept.getAndAdd(expected);
        if (expected > 0 && tokens.get() + keptBefore >= mostTokens) {
            kept.addAndGet(-expected);
            return Optional.of(Refusal.of(
                    Reason.LIMIT_EXCEEDED,
                    "This task was approved for " + mostTokens + " model tokens, and the calls that are running may use"
                            + " them up. Try again when they have ended."));
        }
        long mostCalls = most.calls().orElse(Long.MAX_VALUE);
        long before = calls.getAndUpdate(n -> n < mostCalls ? n + 1 : n);
        if (before >= mostCalls) {
            kept.addAndGet(-expected);
            return Optional.of(usedUp(mostCalls + " calls"));
        }
        open.incrementAndGet();
        return Optional.empty();
    }

    /** Counts a call that goes on beyond the limit, where nobody enforces it. */
    void takeAnyway(long expected) {
        kept.addAndGet(expected);
        calls.incrementAndGet();
        open.incrementAndGet();
    }

    void untake(long expected) {
        kept.addAndGet(-expected);
        calls.decrementAndGet();
        open.decrementAndGet();
    }

    void settled(long usedTokens, long expected) {
        tokens.addAndGet(usedTokens);
        kept.addAndGet(-expected);
        open.decrementAndGet();
    }

    private static Refusal usedUp(String what) {
        return Refusal.of(
                Reason.LIMIT_EXCEEDED,
                "This task was approved for " + what
                        + ", and they are used up. Ask for more with a new approval of the same task, or finish with what"
                        + " there is.");
    }
}

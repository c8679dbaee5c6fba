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
        if (most.tokens().isPresent() && tokens.get() >= most.tokens().getAsLong()) {
            return Optional.of(usedUp(most.tokens().getAsLong() + " model tokens"));
        }
        if (most.calls().isPresent() && calls.get() >= most.calls().getAsLong()) {
            return Optional.of(usedUp(most.calls().getAsLong() + " calls"));
        }
        return Optional.empty();
    }

    /** Takes one call off the total, which two event loops may want at once. Given back by {@link #untake}. */
    Optional<Refusal> take(Limits granted) {
        long limit = limits.narrow(granted).calls().orElse(Long.MAX_VALUE);
        long before = calls.getAndUpdate(n -> n < limit ? n + 1 : n);
        if (before >= limit) {
            return Optional.of(usedUp(limit + " calls"));
        }
        open.incrementAndGet();
        return Optional.empty();
    }

    /** Counts a call that goes on beyond the limit, where nobody enforces it. */
    void takeAnyway() {
        calls.incrementAndGet();
        open.incrementAndGet();
    }

    void untake() {
        calls.decrementAndGet();
        open.decrementAndGet();
    }

    void settled(long usedTokens) {
        tokens.addAndGet(usedTokens);
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

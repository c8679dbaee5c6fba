package io.behalf.gateway;

import io.behalf.core.delegation.Reason;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the ledger from being filled with refusals: those of strangers are only counted, an authenticated agent's are
 * recorded one by one up to a rate and then counted too. What was counted is drained once in a while and stands in one
 * record. Thread-safe; the lock is held for a few map operations.
 */
final class TurnedAway {
    /** Refusals of one agent that are recorded in a minute. */
    static final int RECORDED_PER_MINUTE = 60;

    /** Agents and reasons told apart; what comes on top is counted together. */
    static final int MAX_COUNTED = 1_024;

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final String OTHERS = "others";

    private final Map<String, Spent> recorded = new HashMap<>();
    private Map<String, Long> counted = new TreeMap<>();
    private @Nullable Instant since;

    private static final class Spent {
        Instant minute;
        int refusals;

        Spent(Instant minute) {
            this.minute = minute;
        }
    }

    /** What was counted from {@code since} on, by {@code <who> <reason>}. */
    record Counted(Instant since, Map<String, Long> refusals) {}

    /** Whether this refusal of an authenticated agent is to be recorded; it is counted if not. */
    synchronized boolean record(String agent, Reason reason, Instant now) {
        Spent spent = recorded.get(agent);
        if (spent == null) {
            if (recorded.size() >= MAX_COUNTED) {
                recorded.values().removeIf(old -> ended(old, now));
            }
            if (recorded.size() >= MAX_COUNTED) {
                count(OTHERS, reason, now);
                return false;
            }
            spent = new Spent(now);
            recorded.put(agent, spent);
        } else if (ended(spent, now)) {
            spent.minute = now;
            spent.refusals = 0;
        }
        if (spent.refusals >= RECORDED_PER_MINUTE) {
            count(agent, reason, now);
            return false;
        }
        spent.refusals++;
        return true;
    }

    /** @param where the route, as nothing is known of who asked */
    synchronized void count(String where, Reason reason, Instant now) {
        String key = where + " " + reason.code();
        if (counted.size() >= MAX_COUNTED && !counted.containsKey(key)) {
            key = OTHERS + " " + reason.code();
        }
        counted.merge(key, 1L, Long::sum);
        if (since == null) {
            since = now;
        }
    }

    /** What was counted since the last time; null if nothing. */
    synchronized @Nullable Counted drain() {
        if (since == null) {
            return null;
        }
        Counted all = new Counted(since, counted);
        counted = new TreeMap<>();
        since = null;
        return all;
    }

    private static boolean ended(Spent spent, Instant now) {
        return !now.isBefore(spent.minute.plus(MINUTE));
    }
}

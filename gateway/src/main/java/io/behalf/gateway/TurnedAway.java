package io.behalf.gateway;

import io.behalf.core.delegation.Reason;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.record.RecordEncoder;
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
    /** Refusals of one agent in one task that are recorded in a minute: its tasks are different people's. */
    static final int RECORDED_PER_MINUTE = 60;

    /** Those of one agent in all of its tasks. */
    static final int RECORDED_OF_AN_AGENT_PER_MINUTE = 600;

    /** Agents whose rate is kept; those of more are counted together. */
    static final int MAX_AGENTS = 1_024;

    /** What one summary tells apart, in its JSON form, far below what a record's data may have; the rest is counted together. */
    static final int MAX_SUMMARY_BYTES = 16 << 10;

    /** Beside a counter's name: a colon, a comma and as many digits as a number has. */
    private static final int COUNTER_BYTES = 21;

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final String OTHERS = "others";

    private final Map<String, Spent> recorded = new HashMap<>();
    private Map<String, Long> counted = new TreeMap<>();
    private int bytes;
    private @Nullable Instant since;

    private static final class Spent {
        Instant minute;
        int refusals;
        /** Of each task. */
        final Map<String, Integer> tasks = new HashMap<>();

        Spent(Instant minute) {
            this.minute = minute;
        }
    }

    /** What was counted from {@code since} on, by {@code <who> <reason>}. */
    record Counted(Instant since, Map<String, Long> refusals) {}

    /**
     * Whether this refusal of an authenticated agent is to be recorded; it is counted if not.
     *
     * @param task empty for a call that belongs to none
     */
    synchronized boolean record(String agent, String task, Reason reason, Instant now) {
        Spent spent = recorded.get(agent);
        if (spent == null) {
            if (recorded.size() >= MAX_AGENTS) {
                recorded.values().removeIf(old -> ended(old, now));
            }
            if (recorded.size() >= MAX_AGENTS) {
                count(OTHERS, reason, now);
                return false;
            }
            spent = new Spent(now);
            recorded.put(agent, spent);
        } else if (ended(spent, now)) {
            spent.minute = now;
            spent.refusals = 0;
            spent.tasks.clear();
        }
        int ofTask = spent.tasks.getOrDefault(task, 0);
        if (ofTask >= RECORDED_PER_MINUTE || spent.refusals >= RECORDED_OF_AN_AGENT_PER_MINUTE) {
            count(agent, reason, now);
            return false;
        }
        spent.refusals++;
        spent.tasks.put(task, ofTask + 1);
        return true;
    }

    /** @param where the route, as nothing is known of who asked */
    synchronized void count(String where, Reason reason, Instant now) {
        String name = RecordEncoder.bounded(where) + " " + reason.code();
        add(name, OTHERS + " " + reason.code(), 1);
        if (since == null) {
            since = now;
        }
    }

    /** @param otherwise what it is counted under when there is no room for its own name: there are only as many as reasons */
    private void add(String name, String otherwise, long refusals) {
        if (!counted.containsKey(name)) {
            int more = new CanonicalWriter().string(name).length() + COUNTER_BYTES;
            if (bytes + more > MAX_SUMMARY_BYTES) {
                counted.merge(otherwise, refusals, Long::sum);
                return;
            }
            bytes += more;
        }
        counted.merge(name, refusals, Long::sum);
    }

    /** What was counted since the last time; null if nothing. */
    synchronized @Nullable Counted drain() {
        if (since == null) {
            return null;
        }
        Counted all = new Counted(since, counted);
        counted = new TreeMap<>();
        bytes = 0;
        since = null;
        return all;
    }

    /** What was drained could not be recorded, so it stands in the next summary. */
    synchronized void restore(Counted all) {
        all.refusals().forEach((name, refusals) -> add(name, OTHERS + name.substring(name.lastIndexOf(' ')), refusals));
        since = since == null || all.since().isBefore(since) ? all.since() : since;
    }

    private static boolean ended(Spent spent, Instant now) {
        return !now.isBefore(spent.minute.plus(MINUTE));
    }
}

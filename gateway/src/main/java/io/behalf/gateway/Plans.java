package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.PlannedBy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Optional;

/**
 * The tool calls that models planned in one task, newest first, and which of them were claimed by the call that carries
 * them out. Ids and names are as they stand in records, so that long ones take no more room. Thread-safe; the lock is
 * held for a walk over a bounded list.
 */
final class Plans {
    /** Plans remembered; older ones are forgotten, and a call that claims them stands without its link. */
    static final int MAX_PLANS = 512;

    private final Deque<Plan> newestFirst = new ArrayDeque<>();

    private static final class Plan {
        /** The model call's intent. */
        final String record;

        final String toolCallId;
        final String name;
        final Optional<String> argumentsMac;
        boolean claimed;

        Plan(String record, String toolCallId, String name, Optional<String> argumentsMac) {
            this.record = record;
            this.toolCallId = toolCallId;
            this.name = name;
            this.argumentsMac = argumentsMac;
        }
    }

    /** @param argumentsMac empty where its arguments are not known to their end: then it can be claimed by its id alone */
    synchronized void add(String record, String toolCallId, String name, Optional<String> argumentsMac) {
        newestFirst.addFirst(new Plan(record, toolCallId, name, argumentsMac));
        if (newestFirst.size() > MAX_PLANS) {
            newestFirst.removeLast();
        }
    }

    /** The plan with this id: what the caller says, so it is believed only as far as such a plan exists. */
    synchronized Optional<PlannedBy> claimById(String toolCallId) {
        for (Plan plan : newestFirst) {
            if (plan.toolCallId.equals(toolCallId)) {
                plan.claimed = true; // a retry names the same id again, and is still of that plan
                return Optional.of(new PlannedBy(plan.record, PlannedBy.Match.ID));
            }
        }
        return Optional.empty();
    }

    /** The newest plan not yet claimed with the same tool name and RFC 8785 arguments. */
    synchronized Optional<PlannedBy> claimByArguments(String name, String argumentsMac) {
        for (Iterator<Plan> all = newestFirst.iterator(); all.hasNext(); ) {
            Plan plan = all.next();
            if (!plan.claimed && plan.name.equals(name) && plan.argumentsMac.equals(Optional.of(argumentsMac))) {
                plan.claimed = true;
                return Optional.of(new PlannedBy(plan.record, PlannedBy.Match.ARGUMENTS));
            }
        }
        return Optional.empty();
    }
}

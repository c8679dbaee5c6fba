package io.behalf.authority;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Early ends. A stop is in force, then in the store, then in the ledger: whichever of the two cannot take it now gets it
 * later, and the stop holds all the same.
 */
final class Stops {
    private final Parts parts;
    private final OwedStops owed;

    Stops(Parts parts, OwedStops owed) {
        this.parts = parts;
        this.owed = owed;
    }

    /**
     * Stops what falls under the request now; what is begun later is not touched. Nothing escapes between the two: a task is in the store, as
     * pending, before its records are appended and before anybody is answered, and it is looked for there and not in the ledger.
     */
    Stopped stop(RevokeRequest request) {
        List<KnownTask> whole = new ArrayList<>();
        List<KnownTask> partly = new ArrayList<>();
        parts.store().read(sql -> {
            List<TaskId> tasks = parts.tasks().under(sql, request.what());
            tasks.forEach(id -> parts.tasks().find(sql, id).ifPresent(whole::add));
            if (request.what() instanceof RevokeRequest.What.Agent(var agent)) {
                for (TaskId id : parts.renewals().partsOf(sql, agent)) {
                    parts.tasks().find(sql, id).ifPresent(partly::add);
                }
            }
            return true;
        });
        // A stop that is repeated while it is owed is told again: so one sees what has become of it.
        OwedStops.Kept kept = request.dryRun() ? OwedStops.Kept.WHOLE : owed.carry(stops(whole, partly, request));
        return new Stopped(
                whole.stream().map(KnownTask::id).toList(),
                partly.stream().map(KnownTask::id).toList(),
                kept.stored(),
                kept.recorded());
    }

    private List<OwedStops.One> stops(List<KnownTask> whole, List<KnownTask> partly, RevokeRequest request) {
        Instant now = parts.now();
        List<OwedStops.One> out = new ArrayList<>();
        for (KnownTask task : whole) {
            StopRow row = StopRow.ofTask(task.id(), Reason.DELEGATION_REVOKED, now, task.end());
            out.add(new OwedStops.One(row, Optional.of(record(task, row, request))));
        }
        if (request.what() instanceof RevokeRequest.What.Agent(var agent)) {
            for (KnownTask task : partly) {
                StopRow row = StopRow.ofAgent(task.id(), agent, Reason.DELEGATION_REVOKED, now, task.end());
                out.add(new OwedStops.One(row, Optional.of(record(task, row, request))));
            }
        }
        return out;
    }

    /** Whether store or ledger still must get the task's stop. */
    boolean owes(TaskId task) {
        return owed.has(task);
    }

    /** The agent is done: no stop by others, and no record of its own but the chain's closing one. */
    OwedStops.Kept end(KnownTask task) {
        StopRow row = StopRow.ofTask(task.id(), Reason.TASK_ENDED, parts.now(), task.end());
        return owed.carry(List.of(new OwedStops.One(row, Optional.empty())));
    }

    /** The approved time is over. */
    void expire(KnownTask task) {
        // kept for a while beyond the end, so that what runs is told, and a late token is refused with its own reason
        Instant until = task.end().plusSeconds(60);
        StopRow row = StopRow.ofTask(task.id(), Reason.TASK_EXPIRED, parts.now(), until);
        owed.carry(List.of(new OwedStops.One(row, Optional.empty())));
    }

    /** One sub-agent gives up its part, and what it handed on falls with it. */
    OwedStops.Kept leave(KnownTask task, String agent) {
        StopRow row = StopRow.ofAgent(task.id(), agent, Reason.TASK_ENDED, parts.now(), task.end());
        return owed.carry(List.of(new OwedStops.One(row, Optional.of(record(task, row, agent, "the agent is done")))));
    }

    /** One token, with what was made from it; what was renewed stands on its renewal token. */
    OwedStops.Kept token(KnownTask task, Delegation delegation) {
        StopRow row = StopRow.ofToken(delegation.jti(), Reason.DELEGATION_REVOKED, parts.now(), delegation.expires());
        Lifecycle record = record(task, row, delegation.actor(), "given back by its agent");
        return owed.carry(List.of(new OwedStops.One(row, Optional.of(record))));
    }

    private Lifecycle record(KnownTask task, StopRow row, RevokeRequest request) {
        return record(task, row, request.by(), request.reason());
    }

    private Lifecycle record(KnownTask task, StopRow row, String by, String why) {
        return parts.issuer().record(Event.REVOKED, task, by, row.data(why));
    }
}

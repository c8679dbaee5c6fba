package io.behalf.authority;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * Early ends. A stop is in the store, then in force, then in the ledger: if the ledger is away, the stop holds all the
 * same and its record follows at the next start.
 */
final class Stops {
    private final Parts parts;

    Stops(Parts parts) {
        this.parts = parts;
    }

    /** Stops what falls under the request now; what is begun later is not touched. */
    Stopped stop(RevokeRequest request) {
        List<KnownTask> whole = new ArrayList<>();
        List<KnownTask> partly = new ArrayList<>();
        parts.store().transaction(sql -> {
            List<TaskId> tasks = parts.tasks().under(sql, request.what());
            tasks.forEach(id -> parts.tasks().find(sql, id).ifPresent(whole::add));
            if (request.what() instanceof RevokeRequest.What.Agent(var agent)) {
                for (TaskId id : parts.renewals().partsOf(sql, agent)) {
                    parts.tasks().find(sql, id).ifPresent(partly::add);
                }
            }
            return true;
        });
        if (!request.dryRun()) {
            Instant now = parts.now();
            List<StopRow> rows = new ArrayList<>();
            List<Lifecycle> records = new ArrayList<>();
            for (KnownTask task : whole) {
                StopRow row = StopRow.ofTask(task.id(), Reason.DELEGATION_REVOKED, now, task.end());
                rows.add(row);
                records.add(record(task, row, request));
            }
            if (request.what() instanceof RevokeRequest.What.Agent(var agent)) {
                for (KnownTask task : partly) {
                    StopRow row = StopRow.ofAgent(task.id(), agent, Reason.DELEGATION_REVOKED, now, task.end());
                    rows.add(row);
                    records.add(record(task, row, request));
                }
            }
            apply(rows, records);
        }
        return new Stopped(
                whole.stream().map(KnownTask::id).toList(),
                partly.stream().map(KnownTask::id).toList());
    }

    /** The agent is done: no stop by others, and no record of its own but the chain's closing one. */
    void end(KnownTask task) {
        apply(List.of(StopRow.ofTask(task.id(), Reason.TASK_ENDED, parts.now(), task.end())), List.of());
    }

    /** The approved time is over. */
    void expire(KnownTask task) {
        // kept for a while beyond the end, so that what runs is told, and a late token is refused with its own reason
        apply(
                List.of(StopRow.ofTask(
                        task.id(), Reason.TASK_EXPIRED, parts.now(), task.end().plusSeconds(60))),
                List.of());
    }

    /** One sub-agent gives up its part, and what it handed on falls with it. */
    void leave(KnownTask task, String agent) {
        StopRow row = StopRow.ofAgent(task.id(), agent, Reason.TASK_ENDED, parts.now(), task.end());
        apply(List.of(row), List.of(record(task, row, agent, "the agent is done")));
    }

    /** One token only. */
    void token(KnownTask task, Delegation delegation) {
        StopRow row = StopRow.ofToken(delegation.jti(), Reason.DELEGATION_REVOKED, parts.now(), delegation.expires());
        apply(List.of(row), List.of(record(task, row, delegation.actor(), "given back by its agent")));
    }

    private void apply(List<StopRow> rows, List<Lifecycle> records) {
        parts.changes()
                .commit(
                        records,
                        sql -> {
                            for (StopRow row : rows) {
                                row.insert(sql);
                                switch (row.kind()) {
                                    case TASK -> {
                                        TaskId id = new TaskId(row.value());
                                        parts.tasks().stop(sql, id, row.reason());
                                        parts.renewals().voidTask(sql, id);
                                    }
                                    case AGENT ->
                                        parts.renewals().removeBranch(sql, new TaskId(row.task()), row.agent());
                                    case TOKEN -> {}
                                }
                            }
                            return Answer.ok(true);
                        },
                        () -> rows.forEach(parts.stops()::add));
    }

    private Lifecycle record(KnownTask task, StopRow row, RevokeRequest request) {
        return record(task, row, request.by(), request.reason());
    }

    private Lifecycle record(KnownTask task, StopRow row, String by, String why) {
        return parts.issuer().record(Event.REVOKED, task, by, row.data(why));
    }
}

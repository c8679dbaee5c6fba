package io.behalf.ledger;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import org.jspecify.annotations.Nullable;

/**
 * What the ledger itself looks at in a record.
 *
 * @param of the intent that an outcome or unknown closes
 * @param chained the task whose chain the record stands in; null for one without a task and for a service's own
 * @param ends whether it is the task's {@code ended}
 */
record RecordFacts(
        String id,
        String kind,
        @Nullable String of,
        @Nullable String chained,
        boolean ends) {
    static RecordFacts of(AuditRecord record) {
        String of = null;
        if (record instanceof AuditRecord.Outcome outcome) {
            of = outcome.of();
        } else if (record instanceof AuditRecord.Unknown unknown) {
            of = unknown.of();
        }
        String task = record instanceof AuditRecord.Downstream
                ? null
                : record.header().task().map(TaskId::value).orElse(null);
        boolean ends =
                record instanceof AuditRecord.Lifecycle lifecycle && lifecycle.event() == AuditRecord.Event.ENDED;
        return new RecordFacts(record.header().id(), record.kind(), of, task, ends);
    }
}

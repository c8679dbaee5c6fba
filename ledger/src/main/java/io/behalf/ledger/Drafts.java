package io.behalf.ledger;

import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import java.time.Instant;
import java.util.LinkedHashMap;
import org.jspecify.annotations.Nullable;

/** What the writer alone can say in a record, added to its draft. */
final class Drafts {
    private Drafts() {}

    /** Sets {@code late} on what follows the task's end, and the number of records in {@code ended}, this one included. */
    static AuditRecord placed(AuditRecord draft, long taskSeq, boolean afterEnd) {
        AuditRecord placed =
                afterEnd == draft.header().late() ? draft : withHeader(draft, late(draft.header(), afterEnd));
        if (placed instanceof AuditRecord.Lifecycle(Header header, Event event, String by, var data)
                && event == Event.ENDED
                && header.task().isPresent()) {
            var counted = new LinkedHashMap<String, @Nullable Object>(data);
            counted.put("records", taskSeq);
            return new AuditRecord.Lifecycle(header, event, by, counted);
        }
        return placed;
    }

    /** The outcome of what runs, a stop, the end of a task: written even from the space kept back. */
    static boolean usesReserve(AuditRecord draft) {
        return switch (draft) {
            case AuditRecord.Outcome _, AuditRecord.Unknown _ -> true;
            case AuditRecord.Lifecycle lifecycle ->
                lifecycle.event() == Event.REVOKED || lifecycle.event() == Event.ENDED;
            case AuditRecord.Intent _, AuditRecord.Check _, AuditRecord.Refused _, AuditRecord.Downstream _ -> false;
        };
    }

    static AuditRecord.Unknown unknown(Header intent, String id, Instant now, String node) {
        return new AuditRecord.Unknown(
                new Header(
                        id,
                        now,
                        node,
                        intent.task(),
                        intent.basis(),
                        intent.actors(),
                        intent.delegation(),
                        intent.trace(),
                        false),
                intent.id());
    }

    private static Header late(Header h, boolean late) {
        return new Header(h.id(), h.time(), h.node(), h.task(), h.basis(), h.actors(), h.delegation(), h.trace(), late);
    }

    private static AuditRecord withHeader(AuditRecord draft, Header header) {
        return switch (draft) {
            case AuditRecord.Intent r -> new AuditRecord.Intent(header, r.call(), r.decision(), r.plannedBy());
            case AuditRecord.Outcome r -> new AuditRecord.Outcome(header, r.of(), r.outcome());
            case AuditRecord.Check r -> new AuditRecord.Check(header, r.call(), r.decision());
            case AuditRecord.Refused r -> new AuditRecord.Refused(header, r.call(), r.decision());
            case AuditRecord.Unknown r -> new AuditRecord.Unknown(header, r.of());
            case AuditRecord.Downstream r ->
                new AuditRecord.Downstream(header, r.of(), r.call(), r.decision(), r.downstream());
            case AuditRecord.Lifecycle r -> new AuditRecord.Lifecycle(header, r.event(), r.by(), r.data());
        };
    }
}

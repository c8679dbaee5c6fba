package io.behalf.ledger;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/** Makes records as gateway and authority would; reproducible by its seed. */
final class Records {
    private static final Instant START = Instant.parse("2026-03-01T09:00:00Z");

    private final Random random;
    private long millis;

    Records(long seed) {
        random = new Random(seed);
    }

    TaskId task() {
        return new TaskId(id("tsk"));
    }

    String id(String prefix) {
        return Ids.next(prefix, now(), random);
    }

    AuditRecord.Intent intent(TaskId task) {
        return intent(header(Optional.of(task)), Optional.of("call_" + random.nextInt(1_000_000)));
    }

    AuditRecord.Intent unattributedIntent() {
        return intent(header(Optional.empty()), Optional.empty());
    }

    private AuditRecord.Intent intent(Header header, Optional<String> toolCall) {
        return new AuditRecord.Intent(header, call(toolCall), permit(), Optional.empty());
    }

    AuditRecord.Outcome outcome(AuditRecord.Intent intent) {
        return new AuditRecord.Outcome(
                header(intent.header().task()),
                intent.header().id(),
                new Ended(
                        AuditRecord.Sent.YES,
                        200,
                        AuditRecord.End.COMPLETE,
                        Optional.empty(),
                        Optional.empty(),
                        "b".repeat(64),
                        4096,
                        35,
                        -1,
                        Optional.of(new AuditRecord.Usage(120, 80)),
                        List.of(new AuditRecord.ToolCall(
                                "call_" + random.nextInt(1_000_000), "read_file", Optional.of("c".repeat(64)))),
                        List.of(),
                        Optional.empty()));
    }

    AuditRecord.Refused refusal(TaskId task) {
        return new AuditRecord.Refused(
                header(Optional.of(task)),
                call(Optional.empty()),
                new Decided(
                        false,
                        true,
                        Optional.of("scope_exceeded"),
                        List.of("within-scope"),
                        "a".repeat(64),
                        AuditRecord.Mode.ENFORCE));
    }

    AuditRecord.Lifecycle lifecycle(TaskId task, Event event) {
        return new AuditRecord.Lifecycle(header(Optional.of(task)), event, "system", Map.of("note", "for a test"));
    }

    /** A record of exactly the size of a large entry, to fill bundles and segments. */
    AuditRecord.Lifecycle large(TaskId task, int bytes) {
        return new AuditRecord.Lifecycle(
                header(Optional.of(task)), Event.REVIEWED, "system", Map.of("filler", "x".repeat(bytes)));
    }

    Header header(Optional<TaskId> task) {
        return new Header(
                id("rec"),
                now(),
                "test",
                task,
                Optional.of(
                        task.isPresent()
                                ? new Basis.Person("sbj_01JNAAAAAAAAAAAAAAAAAAAAAA")
                                : new Basis.Unattributed("agent:probe", Optional.empty())),
                List.of("agent-reports"),
                task.map(_ -> new AuditRecord.Held(
                        "dlg_01JNBBBBBBBBBBBBBBBBBBBBBB",
                        "apr_01JNCCCCCCCCCCCCCCCCCCCCCC",
                        "asserted",
                        START.plusSeconds(300),
                        "d".repeat(64),
                        true)),
                Optional.of(new AuditRecord.Trace(
                        String.format("%032x", random.nextLong() & Long.MAX_VALUE), "00f067aa0ba902b7")),
                false);
    }

    private static Call call(Optional<String> toolCall) {
        return new Call(
                AuditRecord.Surface.MCP,
                "files",
                "read",
                List.of("/reports/{quarter}"),
                Optional.empty(),
                Optional.of("read_file"),
                toolCall,
                Optional.empty(),
                Optional.of("e".repeat(64)),
                512);
    }

    private static Decided permit() {
        return new Decided(
                true, true, Optional.empty(), List.of("within-scope"), "a".repeat(64), AuditRecord.Mode.ENFORCE);
    }

    private Instant now() {
        return START.plusMillis(millis++);
    }
}

package io.behalf.server;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.core.record.AuditRecord.Usage;
import io.behalf.ledger.Committed;
import io.behalf.ledger.EmbeddedLedger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Writes a task's records as authority and gateway do, a second apart; the same ids and times for the same seed. */
final class WrittenTask {
    static final String POLICY = "7f3a".repeat(16);
    static final String AUDIENCE = "http://127.0.0.1:8700/gateway";
    static final String AGENT = "ticket-agent";
    static final String SUB_AGENT = "summarizer";

    private static final String MAC = "5c".repeat(32);
    private static final Instant START = Instant.parse("2026-03-01T09:00:00Z");

    private final EmbeddedLedger ledger;
    private final Random random;
    private final List<AuditRecord> written = new ArrayList<>();
    private Instant now = START;
    private Instant expires = START;
    private String jti = "";

    final TaskId task;
    final String subject;
    final String approval;
    private Basis basis;
    private String kind;

    WrittenTask(EmbeddedLedger ledger, long seed) {
        this.ledger = ledger;
        this.random = new Random(seed);
        task = new TaskId(id("tsk"));
        subject = id("sbj");
        approval = id("apr");
        basis = new Basis.Person(subject);
        kind = "interactive";
    }

    static WrittenTask withNobody(EmbeddedLedger ledger, long seed) {
        WrittenTask task = new WrittenTask(ledger, seed);
        task.basis = new Basis.Nobody("scheduled", "nightly-report");
        task.kind = "none";
        return task;
    }

    WrittenTask approvedAs(String approvalKind) {
        kind = approvalKind;
        return this;
    }

    /** Everything that can happen to a task, once. */
    void whole() {
        approved(Map.of("subject_commitment", "ab".repeat(32), "task_s256", "t".repeat(43)));
        issued();
        String plan = model(List.of(
                new ToolCall("call_1", "tickets.search", Optional.of(MAC)),
                new ToolCall("call_2", "tickets.search", Optional.of(MAC))));
        tool("tickets.search", "call_1", Optional.of(new PlannedBy(plan, PlannedBy.Match.ID)), List.of(AGENT));
        refused("customers", "customers.get", "scope_exceeded");
        change(Event.LOGOUT_SEEN, "system", Map.of());
        renewed();
        String shown = forService();
        String second = tool(
                "tickets.search",
                "call_2",
                Optional.of(new PlannedBy(plan, PlannedBy.Match.ARGUMENTS)),
                List.of(AGENT));
        downstream(second, shown);
        handedOn();
        AuditRecord.Intent running =
                intent(toolCall("tickets.read", Optional.empty()), Optional.empty(), List.of(SUB_AGENT, AGENT));
        change(
                Event.REVOKED,
                subject,
                Map.of("stops", "task", "until", START.getEpochSecond() + 32_400, "reason", "Stop pressed"));
        outcome(running, End.CUT_BY_REVOCATION, -1, Optional.empty(), List.of());
        ended("delegation_revoked");
        refused("tickets", "tickets.read", "delegation_revoked");
    }

    void approved(Map<String, ? extends @Nullable Object> more) {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("approval_id", approval);
        data.put("approval_kind", kind);
        data.put("agent", AGENT);
        data.put(
                "permissions",
                List.of(
                        Map.of("service", "openai", "actions", List.of("chat")),
                        Map.of(
                                "service",
                                "tickets",
                                "actions",
                                List.of("tickets.read", "tickets.search"),
                                "resources",
                                List.of("enterprise/*"),
                                "constraints",
                                Map.of("quarter", List.of("Q3")))));
        data.put("limits", Map.of("calls", 200L));
        data.put("end", "2026-03-01T18:00:00Z");
        if (kind.equals("interactive")) {
            data.put("login_commitment", "cd".repeat(32));
            data.put("seconds_shown", 12L);
        }
        data.putAll(more);
        write(new AuditRecord.Lifecycle(
                header(Optional.empty(), List.of(AGENT)),
                Event.APPROVED,
                kind.equals("interactive") || kind.equals("ciba") ? subject : AGENT,
                data));
    }

    void issued() {
        token(Event.ISSUED, List.of(AGENT), Map.of("facts_sha256", "ef".repeat(32)), permission("chat", "openai"));
    }

    void renewed() {
        token(Event.RENEWED, List.of(AGENT), Map.of("facts_sha256", "ef".repeat(32)), permission("chat", "openai"));
    }

    /** Returns the token's id. */
    String forService() {
        String held = jti;
        token(
                Event.NARROWED,
                List.of(AGENT),
                Map.of("from", held, "for", "service"),
                permission("tickets.search", "tickets"));
        String made = jti;
        jti = held;
        return made;
    }

    void handedOn() {
        String from = jti;
        token(
                Event.NARROWED,
                List.of(SUB_AGENT, AGENT),
                Map.of("from", from, "for", "agent", "facts_sha256", "ef".repeat(32)),
                Map.of(
                        "service",
                        "tickets",
                        "actions",
                        List.of("tickets.read"),
                        "resources",
                        List.of("enterprise/*"),
                        "constraints",
                        Map.of("quarter", List.of("Q3"))));
    }

    private void token(
            Event event,
            List<String> actors,
            Map<String, ? extends @Nullable Object> more,
            Map<String, ? extends @Nullable Object> permission) {
        jti = id("dlg");
        expires = now.plus(Duration.ofMinutes(5));
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("audience", AUDIENCE);
        data.put("permissions", List.of(permission));
        data.putAll(more);
        write(new AuditRecord.Lifecycle(header(Optional.of(held()), actors), event, actors.getFirst(), data));
    }

    private static Map<String, @Nullable Object> permission(String action, String service) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("service", service);
        out.put("actions", List.of(action));
        return out;
    }

    /** Returns the intent's id. */
    String model(List<ToolCall> plans) {
        AuditRecord.Intent intent = intent(
                new Call(
                        Surface.LLM,
                        "openai",
                        "chat",
                        List.of(),
                        Optional.of("demo-model"),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(MAC),
                        310),
                Optional.empty(),
                List.of(AGENT));
        outcome(intent, End.COMPLETE, 200, Optional.of(new Usage(310, 120)), plans);
        return intent.header().id();
    }

    String tool(String name, String callId, Optional<PlannedBy> plannedBy, List<String> actors) {
        AuditRecord.Intent intent = intent(toolCall(name, Optional.of(callId)), plannedBy, actors);
        outcome(intent, End.COMPLETE, 200, Optional.empty(), List.of());
        return intent.header().id();
    }

    static Call toolCall(String name, Optional<String> callId) {
        return new Call(
                Surface.MCP,
                "tickets",
                name,
                List.of("enterprise/4711"),
                Optional.empty(),
                Optional.of(name),
                callId,
                Optional.empty(),
                Optional.of(MAC),
                96);
    }

    AuditRecord.Intent intent(Call call, Optional<PlannedBy> plannedBy, List<String> actors) {
        var intent = new AuditRecord.Intent(
                header(Optional.of(held()), actors), call, permit(call.service() + "-read"), plannedBy);
        write(intent);
        return intent;
    }

    void check(Call call) {
        write(new AuditRecord.Check(header(Optional.of(held()), List.of(AGENT)), call, permit("within-scope")));
    }

    void outcome(AuditRecord.Intent of, End end, int status, Optional<Usage> usage, List<ToolCall> plans) {
        write(new AuditRecord.Outcome(
                header(of.header().delegation(), of.header().actors()),
                of.header().id(),
                new Ended(
                        Sent.YES,
                        status,
                        end,
                        Optional.empty(),
                        Optional.empty(),
                        MAC,
                        4_096,
                        35,
                        -1,
                        usage,
                        plans,
                        List.of(),
                        Optional.empty())));
    }

    void refused(String service, String action, String reason) {
        write(new AuditRecord.Refused(
                header(Optional.of(held()), List.of(AGENT)),
                new Call(
                        Surface.MCP,
                        service,
                        action,
                        List.of(),
                        Optional.empty(),
                        Optional.of(action),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.of(MAC),
                        88),
                new Decided(false, true, Optional.of(reason), List.of("within-scope"), POLICY, Mode.ENFORCE)));
    }

    void downstream(String of, String seenJti) {
        write(new AuditRecord.Downstream(
                header(Optional.empty(), List.of(AGENT)),
                Optional.of(of),
                Optional.empty(),
                Optional.of(permit("own-rights")),
                new ServiceSigned("tickets", 1, Optional.empty(), "kid-of-" + task.value(), "c2ln", seenJti)));
    }

    void change(Event event, String by, Map<String, ? extends @Nullable Object> data) {
        write(new AuditRecord.Lifecycle(
                header(Optional.empty(), List.of(AGENT)), event, by, new LinkedHashMap<>(data)));
    }

    void ended(String reason) {
        change(Event.ENDED, "system", Map.of("reason", reason));
    }

    /** A call in observe mode, without a delegation. */
    String unattributed() {
        String id = id("rec");
        write(new AuditRecord.Intent(
                new Header(
                        id,
                        tick(),
                        "test",
                        Optional.empty(),
                        Optional.of(new Basis.Unattributed("key:reports", Optional.empty())),
                        List.of(),
                        Optional.empty(),
                        Optional.of(new Trace("9".repeat(32), "8".repeat(16))),
                        false),
                toolCall("tickets.read", Optional.empty()),
                new Decided(
                        false, false, Optional.of("delegation_missing"), List.of("within-scope"), POLICY, Mode.OBSERVE),
                Optional.empty()));
        return id;
    }

    List<String> ids() {
        return written.stream().map(record -> record.header().id()).toList();
    }

    String id(int written) {
        return this.written.get(written).header().id();
    }

    /** The delegation held now. */
    String jti() {
        return jti;
    }

    String trace() {
        return "4bf92f3577b34da6a3ce929d"
                + task.value().substring(22).toLowerCase(java.util.Locale.ROOT).replaceAll("[^0-9a-f]", "0");
    }

    /** Waits until a checkpoint covers all of it. */
    void show() {
        try {
            long last = ledger.append(new AuditRecord.Lifecycle(
                            new Header(
                                    id("rec"),
                                    tick(),
                                    "test",
                                    Optional.empty(),
                                    Optional.empty(),
                                    List.of(),
                                    Optional.empty(),
                                    Optional.empty(),
                                    false),
                            Event.CONFIGURATION,
                            "operator",
                            Map.of()))
                    .toCompletableFuture()
                    .join()
                    .index()
                    .orElseThrow();
            if (!ledger.awaitIntegrated(last, Duration.ofSeconds(10))) {
                throw new IllegalStateException("the ledger did not integrate its records");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private void write(AuditRecord record) {
        Committed done = ledger.append(record).toCompletableFuture().join();
        if (!done.recordId().equals(record.header().id())) {
            throw new IllegalStateException("another record was committed");
        }
        written.add(record);
    }

    private static Decided permit(String rule) {
        return new Decided(true, true, Optional.empty(), List.of(rule), POLICY, Mode.ENFORCE);
    }

    private Held held() {
        return new Held(jti, approval, kind, expires, "de".repeat(32), true);
    }

    private Header header(Optional<Held> held, List<String> actors) {
        return new Header(
                id("rec"),
                tick(),
                "test",
                Optional.of(task),
                Optional.of(basis),
                actors,
                held,
                held.map(_ -> new Trace(trace(), "00f067aa0ba902b7")),
                false);
    }

    private Instant tick() {
        now = now.plusSeconds(1);
        return now;
    }

    private String id(String prefix) {
        return Ids.next(prefix, now, random);
    }
}

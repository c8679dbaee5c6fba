package io.behalf.server.kill;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.server.kill.Told.Arrived;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The check finds each kind of broken promise, and nothing where all were kept. */
class PromisesTest {
    private static final Instant NOW = Instant.parse("2026-03-01T09:00:00Z");
    private static final String TRACE = "4b".repeat(16);
    private static final Random RANDOM = new Random(4711);
    private static final TaskId TASK = new TaskId(id("tsk"));
    private static final String JTI = id("dlg");

    private final LedgerFacts ledger = new LedgerFacts();
    private final String intent = id("rec");

    @Test
    void findsNothingWhereEverythingWasKept() {
        called(End.COMPLETE);
        String refusal = add(new AuditRecord.Refused(header(), call(), decided(false)));
        change(Event.ISSUED, Map.of());
        change(Event.REVOKED, Map.of());
        change(Event.LOGOUT_SEEN, Map.of("token_sha256", "ab".repeat(32)));

        assertThat(Promises.broken(
                        List.of(
                                new Told.Answered(intent, 200, true),
                                new Told.Answered(refusal, 403, false),
                                new Told.Cut(intent),
                                new Told.Issued(JTI),
                                new Told.Stopped(TASK.value()),
                                new Told.LoggedOut(TASK.value(), "ab".repeat(32))),
                        List.of(new Arrived(TRACE, Optional.of(intent), "/tickets/1")),
                        ledger))
                .isEmpty();
    }

    @Test
    void findsAnAnswerWhoseRecordIsLost() {
        assertThat(broken(new Told.Answered(intent, 200, true))).containsExactly(Promises.NOT_LOST);
        assertThat(broken(new Told.Cut(intent))).containsExactly(Promises.NOT_LOST);
        assertThat(broken(new Told.Answered(intent, 403, false))).containsExactly(Promises.NOT_LOST);
        assertThat(broken(new Told.Kept(intent))).containsExactly(Promises.NOT_LOST);
    }

    @Test
    void findsAWholeAnswerWhoseOutcomeIsLost() {
        add(new AuditRecord.Intent(header(intent), call(), decided(true), Optional.empty()));
        add(new AuditRecord.Unknown(header(), intent));

        assertThat(broken(new Told.Cut(intent))).isEmpty();
        assertThat(broken(new Told.Answered(intent, 200, true))).containsExactly(Promises.NOT_LOST);
        assertThat(ledger.unknown()).isOne();
    }

    @ParameterizedTest
    @EnumSource(value = End.class, mode = EnumSource.Mode.EXCLUDE, names = "COMPLETE")
    void findsAWholeAnswerWhoseOutcomeSaysThatItWasCut(End end) {
        called(end);
        assertThat(broken(new Told.Answered(intent, 200, true))).containsExactly(Promises.NOT_LOST);
    }

    @Test
    void findsARefusedCallThatWentOn() {
        called(End.COMPLETE);
        assertThat(broken(new Told.Answered(intent, 403, false))).containsExactly(Promises.NOT_LOST);
    }

    @Test
    void findsARequestWithoutAnIntent() {
        called(End.COMPLETE);
        assertThat(broken(new Arrived("5c".repeat(16), Optional.empty(), "/v1/chat/completions")))
                .containsExactly(Promises.NO_CALL);
    }

    @Test
    void findsARequestThatNamesAnotherRecord() {
        called(End.COMPLETE);
        String refusal = add(new AuditRecord.Refused(header(), call(), decided(false)));
        assertThat(broken(new Arrived(TRACE, Optional.of(refusal), "/tickets/1")))
                .containsExactly(Promises.NO_CALL);
    }

    @Test
    void findsACallThatIsStillOpen() {
        add(new AuditRecord.Intent(header(intent), call(), decided(true), Optional.empty()));
        assertThat(broken(new Told.Cut(intent))).containsExactly(Promises.CLOSED);
    }

    @Test
    void findsACallWithTwoEnds() {
        called(End.COMPLETE);
        add(new AuditRecord.Unknown(header(), intent));
        assertThat(broken(new Told.Cut(intent))).containsExactly(Promises.CLOSED);
    }

    @Test
    void findsWhatIsForgotten() {
        assertThat(broken(new Told.Issued(JTI))).containsExactly(Promises.REMEMBERED);
        assertThat(broken(new Told.Stopped(TASK.value()))).containsExactly(Promises.REMEMBERED);
        change(Event.LOGOUT_SEEN, Map.of("token_sha256", "cd".repeat(32)));
        assertThat(broken(new Told.LoggedOut(TASK.value(), "ab".repeat(32)))).containsExactly(Promises.REMEMBERED);
    }

    private List<String> broken(Told told) {
        return Promises.broken(List.of(told), List.of(), ledger).stream()
                .map(Violation::promise)
                .toList();
    }

    private List<String> broken(Arrived arrived) {
        return Promises.broken(List.of(), List.of(arrived), ledger).stream()
                .map(Violation::promise)
                .toList();
    }

    private void called(End end) {
        add(new AuditRecord.Intent(header(intent), call(), decided(true), Optional.empty()));
        add(new AuditRecord.Outcome(
                header(),
                intent,
                new Ended(
                        Sent.YES,
                        200,
                        end,
                        Optional.empty(),
                        Optional.empty(),
                        "5c".repeat(32),
                        10,
                        3,
                        -1,
                        Optional.empty(),
                        List.of(),
                        List.of(),
                        Optional.empty())));
    }

    private void change(Event event, Map<String, Object> data) {
        add(new Lifecycle(header(), event, "system", Map.copyOf(data)));
    }

    private String add(AuditRecord record) {
        ledger.add(record);
        return record.header().id();
    }

    private static Header header() {
        return header(id("rec"));
    }

    private static String id(String prefix) {
        return Ids.next(prefix, NOW, RANDOM);
    }

    private static Header header(String id) {
        return new Header(
                id,
                NOW,
                "local",
                Optional.of(TASK),
                Optional.empty(),
                List.of("lead"),
                Optional.of(new Held(JTI, "apr_1", "asserted", NOW.plusSeconds(300), "6d".repeat(32), true)),
                Optional.of(new Trace(TRACE, "7e".repeat(8))),
                false);
    }

    private static Call call() {
        return new Call(
                Surface.HTTP,
                "tickets",
                "read",
                List.of(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                0);
    }

    private static Decided decided(boolean permit) {
        return new Decided(permit, true, Optional.empty(), List.of(), "7f3a".repeat(16), Mode.ENFORCE);
    }
}

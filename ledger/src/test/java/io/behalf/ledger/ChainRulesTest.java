package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordEncoder;
import io.behalf.ledger.Verification.Finding;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An operator breaks a rule of the chains and signs the log with its own key: each breach is named, at the record that shows it. */
class ChainRulesTest {
    @TempDir
    private Path data;

    private final Records records = new Records(7);
    private final TaskId task = records.task();
    private final List<byte[]> entries = new ArrayList<>();
    private final List<AuditRecord> written = new ArrayList<>();
    private final TreeHasher hasher = new TreeHasher();
    private long seq;
    private @Nullable Hash last;

    @Test
    void aTaskThatEndedWithALateRecordIsSound() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        write(records.lifecycle(task, Event.ENDED), false);
        write(records.refusal(task), true);
        write(records.lifecycle(task, Event.ENDED), true);

        assertThat(finding()).isEmpty();
    }

    @Test
    void aRecordLeftOutIsNamedByTheNext() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        seq++;
        write(records.refusal(task), false);

        assertThat(finding()).hasValueSatisfying(at(1, "number 3 of its task where 2 was due"));
    }

    @Test
    void aRecordPutInAnothersPlaceIsNamedByTheNext() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        last = hasher.leaf(new byte[] {1});
        write(records.refusal(task), false);

        assertThat(finding()).hasValueSatisfying(at(1, "does not follow its task's previous record"));
    }

    @Test
    void aTasksFirstRecordNamesNone() throws IOException {
        last = hasher.leaf(new byte[] {1});
        write(records.lifecycle(task, Event.ISSUED), false);

        assertThat(finding()).hasValueSatisfying(at(0, "does not follow its task's previous record"));
    }

    @Test
    void whatComesAfterTheEndMustSayThatItIsLate() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        write(records.lifecycle(task, Event.ENDED), false);
        write(records.refusal(task), false);

        assertThat(finding()).hasValueSatisfying(at(2, "does not say that it is late"));
    }

    @Test
    void nothingIsLateBeforeTheEnd() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        write(records.refusal(task), true);

        assertThat(finding()).hasValueSatisfying(at(1, "its task had not ended"));
    }

    @Test
    void theEndCountsTheTasksRecords() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        add(Drafts.placed(records.lifecycle(task, Event.ENDED), 7, false), 2);

        assertThat(finding()).hasValueSatisfying(at(1, "with 7 records, and is number 2"));
    }

    @Test
    void theEndDoesNotLeaveTheNumberOut() throws IOException {
        write(records.lifecycle(task, Event.ISSUED), false);
        add(records.lifecycle(task, Event.ENDED), 2);

        assertThat(finding()).hasValueSatisfying(at(1, "ends its task"));
    }

    @Test
    void eachKeyOfAServiceHasItsChain() throws IOException {
        var first = service("tickets", "k1", 1, Optional.empty());
        add(first, 0);
        add(service("tickets", "k2", 1, Optional.empty()), 0);
        add(service("customers", "k1", 1, Optional.empty()), 0);
        add(service("tickets", "k1", 2, Optional.of(leaf(first))), 0);

        assertThat(finding()).isEmpty();
    }

    @Test
    void aServicesRecordLeftOutIsNamedByTheNext() throws IOException {
        var first = service("tickets", "k1", 1, Optional.empty());
        add(first, 0);
        add(service("tickets", "k1", 3, Optional.of(leaf(first))), 0);

        assertThat(finding()).hasValueSatisfying(at(1, "number 3 of the records that tickets signed"));
    }

    @Test
    void aServicesFirstRecordsCannotBeLeftOut() throws IOException {
        add(service("tickets", "k1", 2, Optional.of("ab".repeat(32))), 0);

        assertThat(finding()).hasValueSatisfying(at(0, "where 1 was due"));
    }

    @Test
    void aServicesRecordPutInAnothersPlaceIsNamedByTheNext() throws IOException {
        add(service("tickets", "k1", 1, Optional.empty()), 0);
        add(service("tickets", "k1", 2, Optional.of("ab".repeat(32))), 0);

        assertThat(finding()).hasValueSatisfying(at(1, "does not follow the previous record that tickets signed"));
    }

    @Test
    void theSameRecordOfAServiceTwiceIsSound() throws IOException {
        var first = service("tickets", "k1", 1, Optional.empty());
        add(first, 0);
        add(first, 0);
        add(service("tickets", "k1", 2, Optional.of(leaf(first))), 0);

        assertThat(finding()).isEmpty();
    }

    @Test
    void whatCallsItselfAServicesRecordMustBeOne() throws IOException {
        entries.add("{\"id\":\"rec_01JNAAAAAAAAAAAAAAAAAAAAAA\",\"kind\":\"downstream\",\"v\":1}"
                .getBytes(StandardCharsets.UTF_8));

        var finding = Verification.verify(forged(), Optional.empty()).finding();

        assertThat(finding)
                .hasValueSatisfying(found -> assertThat(found.problem()).contains("no service's record"));
    }

    /** As the ledger would write it, if the task had ended or not. */
    private void write(AuditRecord draft, boolean late) {
        add(Drafts.placed(draft, seq + 1, late), ++seq);
    }

    private void add(AuditRecord record, long taskSeq) {
        var out = new CanonicalWriter();
        RecordEncoder.encode(record, taskSeq, last == null ? null : last.bytes(), out);
        entries.add(out.toByteArray());
        written.add(record);
        last = hasher.leaf(out.toByteArray());
    }

    private AuditRecord.Downstream service(String name, String kid, long number, Optional<String> prev) {
        var intent = records.intent(task);
        return new AuditRecord.Downstream(
                intent.header(),
                Optional.of(records.id("rec")),
                Optional.of(intent.call()),
                Optional.of(intent.decision()),
                new ServiceSigned(name, number, prev, kid, "c2ln", "dlg_01JNBBBBBBBBBBBBBBBBBBBBBB"));
    }

    private String leaf(AuditRecord.Downstream record) {
        return hasher.leaf(RecordEncoder.signedForm(record)).hex();
    }

    private Optional<Finding> finding() throws IOException {
        return Verification.verify(forged(), Optional.empty()).finding();
    }

    private Path forged() throws IOException {
        LedgerSettings settings = LedgerSettings.in(data);
        Forger.write(settings, entries);
        return settings.directory();
    }

    private Consumer<Finding> at(int index, String problem) {
        return finding -> {
            assertThat(finding.problem()).contains(problem);
            assertThat(finding.index()).hasValue(index);
            assertThat(finding.record()).contains(written.get(index).header().id());
            assertThat(finding.file()).contains("tile/entries/000.p/" + entries.size());
        };
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LedgerInvariants.class)
class LedgerIndexTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    /** Records whose pairs are too many to stay in memory. */
    private static final int MORE_THAN_A_FILE = 22_500;

    @TempDir
    Path data;

    private final Records records = new Records(11);

    @Test
    void findsARecordByEachOfItsKeys() throws Exception {
        TaskId task = records.task();
        AuditRecord.Intent intent = records.intent(task);
        AuditRecord.Outcome outcome = records.outcome(intent);
        try (EmbeddedLedger ledger = open()) {
            append(
                    ledger,
                    List.of(records.lifecycle(task, Event.ISSUED), intent, outcome, records.refusal(records.task())));
            LedgerIndex index = caughtUp(ledger, 4);

            assertThat(index.lookup(IndexKey.RECORD, intent.header().id())).containsExactly(1);
            assertThat(index.lookup(IndexKey.OF, intent.header().id())).containsExactly(2);
            assertThat(index.lookup(IndexKey.TASK, task.value())).containsExactly(0, 1, 2);
            assertThat(index.lookup(
                            IndexKey.TRACE,
                            intent.header().trace().orElseThrow().traceId()))
                    .containsExactly(1);
            assertThat(index.lookup(IndexKey.TOKEN, "dlg_01JNBBBBBBBBBBBBBBBBBBBBBB"))
                    .containsExactly(0, 1, 2, 3);
            assertThat(index.lookup(
                            IndexKey.TOOL_CALL, intent.call().toolCallId().orElseThrow()))
                    .containsExactly(1);
            assertThat(index.lookup(
                            IndexKey.TOOL_CALL,
                            outcome.outcome().toolCalls().getFirst().id()))
                    .containsExactly(2);
            assertThat(index.lookup(IndexKey.SUBJECT, "sbj_01JNAAAAAAAAAAAAAAAAAAAAAA"))
                    .containsExactly(0, 1, 2, 3);
            assertThat(index.lookup(IndexKey.AGENT, "agent-reports")).containsExactly(0, 1, 2, 3);
            assertThat(index.lookup(IndexKey.EVENT, "issued")).containsExactly(0);
        }
    }

    @Test
    void findsNothingForWhatIsNotThereOrStandsUnderAnotherKey() throws Exception {
        TaskId task = records.task();
        try (EmbeddedLedger ledger = open()) {
            append(ledger, List.of(records.refusal(task)));
            LedgerIndex index = caughtUp(ledger, 1);

            assertThat(index.lookup(IndexKey.RECORD, task.value())).isEmpty();
            assertThat(index.lookup(IndexKey.TASK, records.task().value())).isEmpty();
        }
    }

    @Test
    void agreesWithTheLedgerThroughFilesMergesAndRestarts() throws Exception {
        int tasks = 40;
        int rounds = 4;
        int perRound = 40_000;
        List<TaskId> all = new ArrayList<>();
        for (int i = 0; i < tasks; i++) {
            all.add(records.task());
        }
        Map<TaskId, List<Long>> expected = new HashMap<>();
        var random = new Random(5);
        long next = 0;
        for (int round = 0; round < rounds; round++) {
            try (EmbeddedLedger ledger = open()) {
                var drafts = new ArrayList<AuditRecord>();
                for (int i = 0; i < perRound; i++) {
                    TaskId task = all.get(random.nextInt(tasks));
                    expected.computeIfAbsent(task, _ -> new ArrayList<>()).add(next++);
                    drafts.add(records.refusal(task));
                }
                append(ledger, drafts);
                LedgerIndex index = caughtUp(ledger, next);
                for (TaskId task : all) {
                    assertThat(index.lookup(IndexKey.TASK, task.value()))
                            .containsExactly(expected.getOrDefault(task, List.of()).stream()
                                    .mapToLong(Long::longValue)
                                    .toArray());
                }
            }
        }
        try (var files = Files.list(data.resolve("index/main"))) {
            assertThat(files.filter(file -> file.toString().endsWith(".run")).count())
                    .isLessThan(20);
        }
    }

    @Test
    void comesBackWhenDeleted() throws Exception {
        TaskId task = records.task();
        try (EmbeddedLedger ledger = open()) {
            append(ledger, List.of(records.refusal(task), records.refusal(task)));
        }
        try (var files = Files.list(data.resolve("index/main"))) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        try (EmbeddedLedger ledger = open()) {
            assertThat(caughtUp(ledger, 2).lookup(IndexKey.TASK, task.value())).containsExactly(0, 1);
        }
    }

    @Test
    void isMadeAnewWhenItIsOfAnotherHistory() throws Exception {
        TaskId task = records.task();
        TaskId foreign = records.task();
        try (EmbeddedLedger ledger = open()) {
            append(ledger, List.of(records.refusal(task), records.refusal(task)));
        }
        Path elsewhere = data.resolve("elsewhere");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(elsewhere))) {
            append(ledger, List.of(records.refusal(foreign), records.refusal(foreign)));
            caughtUp(ledger, 2);
        }
        try (var files = Files.list(elsewhere.resolve("index/main"))) {
            for (Path file : files.toList()) {
                Files.copy(
                        file,
                        data.resolve("index/main").resolve(file.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
        try (EmbeddedLedger ledger = open()) {
            LedgerIndex index = caughtUp(ledger, 2);
            assertThat(index.lookup(IndexKey.TASK, task.value())).containsExactly(0, 1);
            assertThat(index.lookup(IndexKey.TASK, foreign.value())).isEmpty();
        }
    }

    @Test
    void aClosedLedgerCanBeSearched() throws Exception {
        TaskId task = records.task();
        try (EmbeddedLedger ledger = open()) {
            append(ledger, List.of(records.refusal(task), records.refusal(records.task()), records.refusal(task)));
        }
        try (ClosedLedger ledger = ClosedLedger.open(settings(data).directory())) {
            assertThat(ledger.index(SOON).lookup(IndexKey.TASK, task.value())).containsExactly(0, 2);
            assertThat(ledger.reader().size()).isEqualTo(3);
        }
    }

    @Test
    void aLedgerThatIsWrittenCanBeSearchedBesideIt() throws Exception {
        TaskId task = records.task();
        try (EmbeddedLedger ledger = open()) {
            append(ledger, List.of(records.refusal(task), records.refusal(records.task())));
            caughtUp(ledger, 2);
            try (ClosedLedger snapshot = ClosedLedger.open(settings(data).directory())) {
                append(ledger, List.of(records.refusal(task)));
                caughtUp(ledger, 3);
                assertThat(snapshot.size()).isEqualTo(2);
                assertThat(snapshot.index(SOON).lookup(IndexKey.TASK, task.value()))
                        .containsExactly(0);
            }
        }
    }

    @Test
    void findsTheChainOfATaskThatWasLetGo() throws Exception {
        LedgerSettings few = settings(data).withResidentTasks(4);
        List<TaskId> tasks = new ArrayList<>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(few)) {
            for (int i = 0; i < 30; i++) {
                TaskId task = records.task();
                tasks.add(task);
                append(ledger, List.of(records.lifecycle(task, Event.ISSUED), records.lifecycle(task, Event.ENDED)));
                caughtUp(ledger, 2 * i + 2);
            }
            append(ledger, List.of(records.refusal(tasks.getFirst())));
        }
        try (EmbeddedLedger ledger = EmbeddedLedger.open(few)) {
            append(ledger, List.of(records.refusal(tasks.get(1)), records.refusal(records.task())));
        }
        // That the late records stand in their tasks' chains is among the invariants.
        try (var reader = ClosedLedger.open(settings(data).directory())) {
            assertThat(reader.reader().size()).isEqualTo(63);
        }
    }

    // ---- failures

    /** What cannot be read is not passed over: until it can be, a search would not be complete, and that is said. */
    @Test
    void saysThatItIsBehindWhileABundleCannotBeReadAndThenCatchesUp() throws Exception {
        TaskId task = records.task();
        LedgerReader reader = written(300, task);
        Path bundle = settings(data).directory().resolve("tile/entries/000");
        Path away = data.resolve("away");
        Files.move(bundle, away);
        try (LedgerIndex index = over(reader, data.resolve("behind"))) {
            assertThat(index.await(300, SOON)).isFalse();
            assertThat(index.behind()).hasValueSatisfying(why -> assertThat(why).contains("from entry 0 on", "000"));
            assertThat(index.caughtUpTo()).isZero();

            Files.move(away, bundle);
            awaitCaughtUp(index, 300);
            assertThat(index.lookup(IndexKey.TASK, task.value())).hasSize(300);
        }
    }

    @Test
    void saysThatItIsBehindOnAFullDiskAndThenCatchesUp() throws Exception {
        TaskId task = records.task();
        LedgerReader reader = written(MORE_THAN_A_FILE, task);
        var disk = new FaultDisk(data.resolve("full"));
        disk.capacity(1 << 10);
        try (LedgerIndex index = over(reader, disk)) {
            assertThat(index.await(MORE_THAN_A_FILE, SOON)).isFalse();
            assertThat(index.behind()).hasValueSatisfying(why -> assertThat(why).contains("no space left"));

            disk.capacity(Long.MAX_VALUE);
            awaitCaughtUp(index, MORE_THAN_A_FILE);
            assertThat(index.lookup(IndexKey.TASK, task.value())).hasSize(MORE_THAN_A_FILE);
        }
    }

    @Test
    void goesOnAfterEachFailureOfItsDisk() throws Exception {
        TaskId task = records.task();
        LedgerReader reader = written(MORE_THAN_A_FILE, task);
        var undisturbed = new FaultDisk(data.resolve("undisturbed"));
        try (LedgerIndex index = over(reader, undisturbed)) {
            awaitCaughtUp(index, MORE_THAN_A_FILE);
        }
        assertThat(undisturbed.seen().keySet()).extracting(FaultOperation::kind).contains("create", "write", "force");
        var disks = new ArrayList<FaultDisk>();
        for (FaultOperation operation : undisturbed.seen().keySet()) {
            for (FaultDisk.Fault fault : FaultDisk.Fault.values()) {
                disks.add(new FaultDisk(data.resolve("failing" + disks.size())).failing(operation, 0, fault));
            }
        }
        var indexes = new ArrayList<LedgerIndex>(); // side by side, as each waits for its next attempt
        for (FaultDisk disk : disks) {
            indexes.add(over(reader, disk));
        }
        for (LedgerIndex index : indexes) {
            awaitCaughtUp(index, MORE_THAN_A_FILE);
            assertThat(index.lookup(IndexKey.TASK, task.value())).hasSize(MORE_THAN_A_FILE);
            index.close();
        }
        assertThat(disks).allSatisfy(disk -> assertThat(disk.failed()).isPresent());
    }

    private LedgerReader written(int count, TaskId task) throws Exception {
        try (EmbeddedLedger ledger = open()) {
            var drafts = new ArrayList<AuditRecord>();
            for (int i = 0; i < count; i++) {
                drafts.add(records.refusal(task));
            }
            append(ledger, drafts);
        }
        return new LedgerReader(settings(data).directory());
    }

    private static LedgerIndex over(LedgerReader reader, Path folder) throws Exception {
        return LedgerIndex.open(folder, new FileDisk(folder), reader, new ClosedLedger.Still(reader.size()));
    }

    private static LedgerIndex over(LedgerReader reader, FaultDisk disk) throws Exception {
        return LedgerIndex.open(disk.root(), disk, reader, new ClosedLedger.Still(reader.size()));
    }

    private static void awaitCaughtUp(LedgerIndex index, long size) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!index.await(size, SOON) || index.behind().isPresent()) {
            assertThat(System.nanoTime()).as("the index catches up").isLessThan(deadline);
            Thread.sleep(20);
        }
    }

    private static LedgerSettings settings(Path data) {
        return LedgerSettings.in(data)
                .withSegmentBytes(1 << 22)
                .withCheckpointInterval(Duration.ofMillis(10))
                .withAppendTimeout(Duration.ofMinutes(1)); // the disk is shared with the tests beside this one
    }

    private EmbeddedLedger open() {
        return EmbeddedLedger.open(settings(data));
    }

    private static LedgerIndex caughtUp(EmbeddedLedger ledger, long size) throws InterruptedException {
        assertThat(ledger.index().await(size, SOON)).isTrue();
        return ledger.index();
    }

    private static void append(EmbeddedLedger ledger, List<? extends AuditRecord> drafts) {
        var all = new ArrayList<CompletableFuture<Committed>>();
        for (AuditRecord draft : drafts) {
            all.add(ledger.append(draft).toCompletableFuture());
        }
        all.forEach(CompletableFuture::join);
    }
}

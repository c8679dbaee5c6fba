package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.StoredRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LedgerInvariants.class)
class EmbeddedLedgerTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    @TempDir
    Path data;

    private final Records records = new Records(1);
    private final TaskId task = records.task();

    @Test
    void givesEachRecordTheNextIndexAndItsPlaceInItsTask() throws Exception {
        TaskId other = records.task();
        try (EmbeddedLedger ledger = open()) {
            List<AuditRecord> drafts = List.of(
                    records.lifecycle(task, Event.ISSUED),
                    records.lifecycle(other, Event.ISSUED),
                    records.refusal(task),
                    records.unattributedIntent(),
                    records.refusal(task));
            appendAll(ledger, drafts);

            List<StoredRecord> stored = stored(ledger, 5);
            assertThat(stored.stream().map(r -> r.record().header().id()))
                    .containsExactlyElementsOf(
                            drafts.stream().map(r -> r.header().id()).toList());
            assertThat(stored.stream().map(StoredRecord::taskSeq)).containsExactly(1L, 1L, 2L, 0L, 3L);
            var hasher = new TreeHasher();
            assertThat(stored.get(0).prev()).isEmpty();
            assertThat(stored.get(2).prev())
                    .contains(hasher.leaf(ledger.reader().entry(0)).hex());
            assertThat(stored.get(4).prev())
                    .contains(hasher.leaf(ledger.reader().entry(2)).hex());
        }
    }

    @Test
    void confirmsWithIdAndIndex() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            AuditRecord first = records.refusal(task);
            AuditRecord second = records.refusal(task);

            assertThat(append(ledger, first).recordId())
                    .isEqualTo(first.header().id());
            assertThat(append(ledger, second).index()).hasValue(1);
        }
    }

    @Test
    void proofsOfItsReaderHoldUnderItsCheckpoint() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            for (int i = 0; i < 700; i++) {
                append(ledger, records.refusal(task));
            }
            awaitAll(ledger, 700);
            for (long index : List.of(0L, 255L, 256L, 511L, 512L, 699L)) {
                LedgerReader.Receipt receipt = ledger.reader().receipt(index);
                assertThat(receipt.checkpoint().signedBy(List.of(ledger.verifierKey())))
                        .isInstanceOf(Parsed.Valid.class);
                Checkpoint checkpoint =
                        Checkpoint.parse(receipt.checkpoint().text()).orElseThrow();
                assertThat(Proofs.includes(
                                new TreeHasher().leaf(ledger.reader().entry(index)),
                                index,
                                checkpoint.size(),
                                receipt.proof(),
                                checkpoint.root()))
                        .isTrue();
            }
        }
    }

    @Test
    void aLaterCheckpointExtendsAnEarlierOne() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(300));
            awaitAll(ledger, 300);
            Checkpoint first = ledger.checkpoint();
            appendAll(ledger, refusals(301));
            awaitAll(ledger, 601);
            Checkpoint second = ledger.checkpoint();

            assertThat(Proofs.extendsTree(
                            first.size(),
                            first.root(),
                            second.size(),
                            second.root(),
                            ledger.reader().consistency(first.size(), second.size())))
                    .isTrue();
        }
    }

    @Test
    void keepsThePartialTilesOfEarlierCheckpointsUntilItIsClosed() throws Exception {
        Path partials = directory().resolve("tile/entries/000.p");
        try (EmbeddedLedger ledger = open()) {
            for (int i = 0; i < 3; i++) {
                append(ledger, records.refusal(task));
                assertThat(ledger.awaitIntegrated(i, SOON)).isTrue();
            }
            for (String earlier : List.of("1", "2", "3")) {
                assertThat(partials.resolve(earlier)).exists();
            }
        }
        try (var left = Files.list(partials)) {
            assertThat(left).containsExactly(partials.resolve("3"));
        }
    }

    @Test
    void goesOnWhereItEnded() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(258));
        }
        try (EmbeddedLedger ledger = open()) {
            assertThat(ledger.checkpoint().size()).isEqualTo(258);
            Committed next = append(ledger, records.refusal(task));

            assertThat(next.index()).hasValue(258);
            awaitAll(ledger, 259);
            assertThat(RecordDecoder.decode(ledger.reader().entry(258)).taskSeq())
                    .isEqualTo(259);
        }
    }

    @Test
    void goesOnThroughManySegmentsAndDeletesThoseItNoLongerNeeds() throws Exception {
        LedgerSettings small = settings().withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES);
        int records = 3_000;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(small)) {
            appendAll(ledger, refusals(records));
            awaitAll(ledger, records);
        }
        assertThat(walFiles()).hasSizeLessThan(4);
        try (EmbeddedLedger ledger = EmbeddedLedger.open(small)) {
            assertThat(ledger.checkpoint().size()).isEqualTo(records);
            List<StoredRecord> stored = stored(ledger, records);
            for (int i = 0; i < records; i++) {
                assertThat(stored.get(i).taskSeq()).isEqualTo(i + 1);
            }
        }
    }

    @Test
    void marksWhatFollowsTheEndOfATaskAsLateAndCountsOn() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            append(ledger, records.lifecycle(task, Event.ISSUED));
            AuditRecord.Intent intent = records.intent(task);
            append(ledger, intent);
            append(ledger, records.lifecycle(task, Event.ENDED));
            append(ledger, records.outcome(intent));

            List<StoredRecord> stored = stored(ledger, 4);
            assertThat(stored.stream().map(r -> r.record().header().late())).containsExactly(false, false, false, true);
            assertThat(stored.get(3).taskSeq()).isEqualTo(4);
            assertThat(((AuditRecord.Lifecycle) stored.get(2).record()).data()).containsEntry("records", 3L);
        }
    }

    @Test
    void closesAtItsStartWhatWasRunningAtItsEnd() throws Exception {
        AuditRecord.Intent lost = records.intent(task);
        AuditRecord.Intent nobodys = records.unattributedIntent();
        AuditRecord.Intent settled = records.intent(task);
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, List.of(lost, settled, nobodys, records.outcome(settled)));
        }
        try (EmbeddedLedger ledger = open()) {
            List<StoredRecord> stored = stored(ledger, 6);
            AuditRecord.Unknown first = (AuditRecord.Unknown) stored.get(4).record();
            AuditRecord.Unknown second = (AuditRecord.Unknown) stored.get(5).record();
            assertThat(first.of()).isEqualTo(lost.header().id());
            assertThat(first.header().task()).contains(task);
            assertThat(stored.get(4).taskSeq()).isEqualTo(4);
            assertThat(second.of()).isEqualTo(nobodys.header().id());
            assertThat(second.header().task()).isEmpty();
        }
        try (EmbeddedLedger ledger = open()) {
            assertThat(ledger.checkpoint().size()).isEqualTo(6);
        }
    }

    @Test
    void aRecordTooLargeFailsAloneAndLeavesNoHole() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            append(ledger, records.refusal(task));
            assertFails(ledger, records.large(task, 70_000), LedgerFault.Code.INVALID);
            assertThat(append(ledger, records.refusal(task)).index()).hasValue(1);

            List<StoredRecord> stored = stored(ledger, 2);
            assertThat(stored.get(1).taskSeq()).isEqualTo(2);
        }
    }

    @Test
    void answersEachExecutorInFewTasksAndNeverOnItsOwnThread() throws Exception {
        var tasks = new AtomicInteger();
        var threads = new ArrayList<String>();
        Executor counting = task -> {
            tasks.incrementAndGet();
            Thread.ofVirtual().start(() -> {
                synchronized (threads) {
                    threads.add(Thread.currentThread().toString());
                }
                task.run();
            });
        };
        try (EmbeddedLedger ledger = open()) {
            var all = new ArrayList<CompletableFuture<Committed>>();
            for (AuditRecord draft : refusals(2_000)) {
                all.add(ledger.append(draft, counting).toCompletableFuture());
            }
            CompletableFuture.allOf(all.toArray(CompletableFuture[]::new)).get(10, TimeUnit.SECONDS);
        }
        assertThat(tasks.get()).isLessThan(2_000);
        assertThat(threads).noneMatch(name -> name.contains("sequencer"));
    }

    @Test
    void refusesAppendsWhenClosed() {
        EmbeddedLedger ledger = open();
        ledger.close();

        assertFails(ledger, records.refusal(task), LedgerFault.Code.CLOSED);
    }

    @Test
    void isNotOpenedTwice() {
        try (EmbeddedLedger ledger = open()) {
            assertThatThrownBy(this::open).isInstanceOfSatisfying(LedgerFault.class, no -> assertThat(no.code())
                    .isEqualTo(LedgerFault.Code.LOCKED));
            assertThat(ledger.checkpoint().size()).isZero();
        }
    }

    @Test
    void keepsItsKeyFromOthers() throws Exception {
        open().close();

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("keys/main.pem"))))
                .isEqualTo("rw-------");
    }

    @Test
    void theAuditorsCopyIsEnoughToStartFrom() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(300));
        }
        for (String name : walFiles()) {
            Files.delete(directory().resolve("wal").resolve(name));
        }
        Files.delete(directory().resolve("wal/chains"));

        try (EmbeddedLedger ledger = open()) {
            append(ledger, records.refusal(task));
            List<StoredRecord> stored = stored(ledger, 301);
            assertThat(stored.get(300).taskSeq()).isEqualTo(301);
        }
    }

    @Test
    void aCheckpointUnderLoadIsShownWhereABundleEnds() throws Exception {
        int wanted = 3;
        int burst = 700;
        var shown = new TreeSet<Long>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings().withCheckpointInterval(Duration.ofMillis(100)))) {
            long since = System.nanoTime();
            while (shown.stream().filter(EmbeddedLedgerTest::endsWithABundle).count() < wanted
                    && System.nanoTime() - since < SOON.toNanos()) {
                appendAll(ledger, refusals(burst));
                shown.add(ledger.checkpoint().size());
            }
        }

        assertThat(shown.stream().filter(EmbeddedLedgerTest::endsWithABundle)).hasSizeGreaterThanOrEqualTo(wanted);
    }

    @Test
    void underLoadCheckpointsAreFewUntilSomebodyAsksForOne() throws Exception {
        Duration interval = Duration.ofMillis(250);
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings().withCheckpointInterval(interval))) {
            underLoad(ledger, () -> {
                var shown = new TreeSet<Long>();
                long since = System.nanoTime();
                while (System.nanoTime() - since < 10 * interval.toNanos()) {
                    shown.add(ledger.checkpoint().size());
                    Thread.sleep(1);
                }
                assertThat(shown)
                        .as(
                                "of the start, one where the load began, two after a second each, and three where it paused")
                        .hasSizeLessThanOrEqualTo(7);

                long fastest = Long.MAX_VALUE;
                for (int i = 0; i < 5; i++) { // each after a checkpoint, so that none comes by itself for a second
                    long asked = System.nanoTime();
                    assertThat(ledger.awaitIntegrated(SOON)).isTrue();
                    fastest = i == 0 ? fastest : Math.min(fastest, System.nanoTime() - asked);
                }
                assertThat(fastest).isLessThan(3 * interval.toNanos());
            });
        }
    }

    /** Those who do not ask, such as auditors, see no less of it than this. */
    @Test
    void underLoadACheckpointComesAfterASecondWhereTenIntervalsAreLonger() throws Exception {
        Duration interval = Duration.ofMillis(500);
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings().withCheckpointInterval(interval))) {
            underLoad(ledger, () -> {
                var shown = new TreeSet<Long>();
                long since = System.nanoTime();
                while (shown.size() < 4) { // of the start, one where the load began, and two
                    assertThat(System.nanoTime() - since).isLessThan(15 * interval.toNanos());
                    shown.add(ledger.checkpoint().size());
                    Thread.sleep(1);
                }
            });
        }
    }

    @Test
    void anIntervalLongerThanAnyProcessRunsIsOne() throws Exception {
        LedgerSettings never = settings().withCheckpointInterval(Duration.ofSeconds(Long.MAX_VALUE));
        try (EmbeddedLedger ledger = EmbeddedLedger.open(never)) {
            appendAll(ledger, refusals(700));
            assertThat(ledger.awaitIntegrated(0, Duration.ofMillis(200))).isFalse();
        }
        try (EmbeddedLedger ledger = EmbeddedLedger.open(never)) {
            assertThat(ledger.checkpoint().size()).isEqualTo(700);
        }
    }

    // ---- helpers

    @FunctionalInterface
    private interface Watching {
        void look() throws Exception;
    }

    private void underLoad(EmbeddedLedger ledger, Watching watching) throws Exception {
        try (ExecutorService load = Executors.newSingleThreadExecutor()) {
            var ended = new AtomicBoolean();
            Future<?> all = load.submit(() -> {
                while (!ended.get()) {
                    appendAll(ledger, refusals(700));
                }
                return null;
            });
            try {
                watching.look();
            } finally {
                ended.set(true);
                all.get(SOON.toMillis(), TimeUnit.MILLISECONDS);
            }
        }
    }

    private static boolean endsWithABundle(long size) {
        return size > 0 && size % 256 == 0;
    }

    private LedgerSettings settings() {
        return settings(data);
    }

    private static LedgerSettings settings(Path data) {
        return LedgerSettings.in(data)
                .withSegmentBytes(1 << 20)
                .withCheckpointInterval(Duration.ofMillis(20))
                .withOrigin("test.example/log");
    }

    private EmbeddedLedger open() {
        return EmbeddedLedger.open(settings());
    }

    private Path directory() {
        return settings().directory();
    }

    private List<String> walFiles() throws Exception {
        try (var names = Files.list(directory().resolve("wal"))) {
            return names.map(name -> name.getFileName().toString())
                    .filter(name -> name.matches("[0-9]+"))
                    .toList();
        }
    }

    private List<AuditRecord> refusals(int count) {
        var drafts = new ArrayList<AuditRecord>();
        for (int i = 0; i < count; i++) {
            drafts.add(records.refusal(task));
        }
        return drafts;
    }

    private static Committed append(Ledger ledger, AuditRecord draft) throws Exception {
        return ledger.append(draft).toCompletableFuture().get(SOON.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static void appendAll(Ledger ledger, List<AuditRecord> drafts) throws Exception {
        var all = new ArrayList<CompletableFuture<Committed>>();
        for (AuditRecord draft : drafts) {
            all.add(ledger.append(draft).toCompletableFuture());
        }
        for (CompletableFuture<Committed> one : all) {
            one.get(SOON.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private static void assertFails(Ledger ledger, AuditRecord draft, LedgerFault.Code code) {
        assertThatThrownBy(() -> append(ledger, draft))
                .isInstanceOfAny(ExecutionException.class, CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(
                        LedgerFault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }

    private static void awaitAll(EmbeddedLedger ledger, long size) throws InterruptedException {
        assertThat(ledger.awaitIntegrated(size - 1, SOON)).isTrue();
    }

    private static List<StoredRecord> stored(EmbeddedLedger ledger, int size) throws Exception {
        awaitAll(ledger, size);
        var stored = new ArrayList<StoredRecord>();
        for (byte[] entry : ledger.reader().entries(0, size)) {
            stored.add(RecordDecoder.decode(entry));
        }
        return stored;
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.FaultDisk.Fault;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What a failing, full, hanging or dying disk does to records: what was confirmed stays, what was not is never half there. */
@ExtendWith(LedgerInvariants.class)
class DiskFaultTest {
    private static final int LARGE = 32_000;
    private static final int LARGE_IN_FILE = 8;

    private static final Duration SOON = Duration.ofSeconds(30);

    /** For an append on a disk that hangs. On a machine that is slower than this an append may be refused on a sound disk too. */
    private static final Duration HANGS_AT_MOST = Duration.ofMillis(300);

    @TempDir
    Path data;

    private final Records records = new Records(21);
    private final TaskId task = records.task();

    // ---- crashes

    @Test
    void whatWasConfirmedSurvivesAPowerLossAtAnyMoment(@TempDir Path dead) throws Exception {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int sample = 0; sample < 10; sample++) {
            // what a dead process left is no log before a start has put it in order
            LedgerSettings settings = settings(dead.resolve("run" + sample));
            var disk = new FaultDisk(settings.directory());
            Set<String> confirmed = new HashSet<>();
            EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below);
            int count = 1 + random.nextInt(400);
            for (int i = 0; i < count; i++) {
                AuditRecord draft = records.refusal(task);
                var _ = ledger.append(draft).thenAccept(done -> {
                    synchronized (confirmed) {
                        confirmed.add(done.recordId());
                    }
                });
            }
            TimeUnit.MICROSECONDS.sleep(random.nextInt(3_000));
            Set<String> before;
            synchronized (confirmed) {
                before = new HashSet<>(confirmed);
            }
            String what = "seed " + seed + ", sample " + sample;
            LedgerSettings left = settings("left" + sample);
            FaultDisk.write(disk.remains(random::nextBoolean), left.directory());
            ledger.close();
            FaultStory.copy(settings.data().resolve("keys"), left.data().resolve("keys"));
            FaultStory.remove(settings.data());
            Recovered recovered = Recovered.start(left, records.refusal(task), what);
            assertThat(recovered.records()).as(what).containsAll(before);
        }
    }

    // ---- failing

    @Test
    void aFailedForceStopsItForGood() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            append(ledger, records.refusal(task));
            FaultOperation force = FaultOperation.on("force", "wal/00000001");
            disk.failing(force, 0, Fault.STORED);

            assertFails(ledger, LedgerFault.Code.STOPPED);
            assertThat(disk.failed()).hasValue(force);
            int forces = disk.times(force);
            assertFails(ledger, LedgerFault.Code.STOPPED);
            assertThat(disk.times(force)).isEqualTo(forces);
            assertThat(ledger.stopped()
                            .toCompletableFuture()
                            .get(SOON.toSeconds(), TimeUnit.SECONDS)
                            .code())
                    .isEqualTo(LedgerFault.Code.STOPPED);
        }
        EmbeddedLedger.open(settings).close();
    }

    // ---- hanging

    @Test
    void aHangingDiskRefusesInsteadOfHanging() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            append(ledger, records.lifecycle(task, Event.ISSUED));
        }
        AuditRecord.Intent intent = records.intent(task);
        AuditRecord.Refused neverBegun = records.refusal(task);
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings.withAppendTimeout(HANGS_AT_MOST), disk::below)) {
            disk.hang("force wal/0");
            CompletableFuture<Committed> flying = ledger.append(intent).toCompletableFuture();
            assertThat(disk.awaitHung(SOON)).isTrue();
            CompletableFuture<Committed> queued = ledger.append(neverBegun).toCompletableFuture();

            assertTimesOut(flying);
            assertTimesOut(queued);

            disk.goOn();
            awaitAppended(ledger);
        }
        List<String> kinds = new ArrayList<>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            for (byte[] entry : ledger.reader().entries(0, ledger.reader().size())) {
                AuditRecord record = RecordDecoder.decode(entry).record();
                kinds.add(record.kind());
                assertThat(record.header().id())
                        .isNotEqualTo(neverBegun.header().id());
                if (record instanceof AuditRecord.Unknown unknown) {
                    assertThat(unknown.of()).isEqualTo(intent.header().id());
                }
            }
        }
        // The intent was stored after all, and closed, since its call was never made.
        kinds.removeAll(List.of("refusal"));
        assertThat(kinds).containsExactlyInAnyOrder("lifecycle", "intent", "unknown");
    }

    /** The next write-ahead file is made ahead; here the writer comes to need it while that hangs. */
    @Test
    void aDiskThatHangsInMakingTheNextFileRefusesToo() throws Exception {
        LedgerSettings settings = settings("log").withAppendTimeout(HANGS_AT_MOST);
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            awaitAppended(ledger);
            disk.hang("write wal/spare");
            LedgerFault.@Nullable Code refused = null;
            for (int i = 0; refused == null && i < 4_000; i++) {
                refused = tryAppend(ledger, records.refusal(task));
            }
            assertThat(refused).isEqualTo(LedgerFault.Code.TIMED_OUT);

            disk.goOn();
            awaitAppended(ledger);
        }
    }

    @Test
    void aFullQueueFailsFast() throws Exception {
        LedgerSettings settings = settings("log").withQueueRecords(8);
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            disk.hang("force wal/0");
            var waiting = new ArrayList<CompletableFuture<Committed>>();
            waiting.add(ledger.append(records.refusal(task)).toCompletableFuture());
            assertThat(disk.awaitHung(SOON)).isTrue(); // it is no longer in the queue
            for (int i = 0; i < 8; i++) {
                waiting.add(ledger.append(records.refusal(task)).toCompletableFuture());
            }

            CompletableFuture<Committed> tooMany =
                    ledger.append(records.refusal(task)).toCompletableFuture();
            assertThat(tooMany).isCompletedExceptionally();
            assertCode(tooMany, LedgerFault.Code.BUSY);

            disk.goOn();
            for (CompletableFuture<Committed> one : waiting) {
                one.get(SOON.toSeconds(), TimeUnit.SECONDS);
            }
        }
    }

    // ---- the next write-ahead file

    /** However seldom it signs: whoever needs the file waits for it, and a full disk shows while there is room for outcomes. */
    @Test
    void theNextFileIsMadeAsSoonAsOneIsBegunAndNotWhenItIsNeeded() throws Exception {
        LedgerSettings settings = settings("log").withCheckpointInterval(Duration.ofDays(1));
        var disk = new FaultDisk(settings.directory());
        var next = FaultOperation.on("create", "wal/spare");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            for (int i = 0; i < 3 * LARGE_IN_FILE; i++) { // far fewer than a bundle
                append(ledger, records.large(records.task(), LARGE));
                // One for each file that was begun, and one more. Until it is made nothing is written.
                int begun = i / LARGE_IN_FILE + 1;
                awaitTimes(disk, next, begun + 1);
            }
        }
    }

    /** What a checkpoint releases together costs one settlement, not one for each file. */
    @Test
    void filesThatOneCheckpointReleasesAreSettledTogether() throws Exception {
        LedgerSettings settings = settings("log").withCheckpointInterval(Duration.ofDays(1));
        var disk = new FaultDisk(settings.directory());
        var settled = FaultOperation.on("create", "wal/chains");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            for (int i = 0; i < 4 * LARGE_IN_FILE; i++) {
                append(ledger, records.large(records.task(), LARGE));
            }
            assertThat(disk.times(settled))
                    .as("of the first file, which nothing is before")
                    .isEqualTo(1);
        }
        assertThat(disk.times(settled))
                .as("of the three others together, and of the end")
                .isEqualTo(1 + 2);
        assertThat(disk.root().resolve("wal/00000004")).exists();
    }

    private static void awaitTimes(FaultDisk disk, FaultOperation operation, int times) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (disk.times(operation) < times) {
            assertThat(System.nanoTime()).as("%s, %d times", operation, times).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    // ---- full

    @Test
    void onAFullDiskRunningCallsGetTheirOutcomesAndNewOnesAreRefusedUntilThereIsSpace() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        var running = new ArrayList<AuditRecord.Intent>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            for (int i = 0; i < 20; i++) {
                AuditRecord.Intent intent = records.intent(task);
                append(ledger, intent);
                running.add(intent);
            }
            assertThat(ledger.awaitIntegrated(19, SOON)).isTrue();
            disk.capacity(0);

            LedgerFault.@Nullable Code refused = null;
            for (int i = 0; refused == null && i < 4_000; i++) {
                refused = tryAppend(ledger, records.refusal(task));
            }
            assertThat(refused).isEqualTo(LedgerFault.Code.NO_SPACE);
            for (AuditRecord.Intent intent : running) {
                append(ledger, records.outcome(intent));
            }
            append(ledger, records.lifecycle(task, Event.REVOKED));

            disk.capacity(Long.MAX_VALUE);
            awaitAppended(ledger);
        }
        EmbeddedLedger.open(settings).close();
    }

    /** However seldom it signs: a checkpoint and the tiles take less than the next file does. */
    @Test
    void whereThereIsNoSpaceForTheNextFileWhatACheckpointReleasesIsFreed() throws Exception {
        LedgerSettings settings = settings("log").withCheckpointInterval(Duration.ofDays(1));
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            appendUntil(ledger, disk, "wal/00000004");
            awaitTimes(disk, FaultOperation.on("create", "wal/spare"), 5);
            disk.hang("create wal/spare");
            appendUntil(ledger, disk, "wal/00000005");
            assertThat(disk.awaitHung(SOON)).isTrue();
            long shown = ledger.checkpoint().size();
            disk.capacity(disk.used() + LedgerSettings.MIN_SEGMENT_BYTES - 1);
            disk.goOn();

            awaitGone(disk, "wal/00000003");
            assertThat(ledger.checkpoint().size()).isGreaterThan(shown);
            appendUntil(ledger, disk, "wal/00000006"); // there is space for it now
        }
        EmbeddedLedger.open(settings).close();
    }

    @Test
    void whatFoundNoSpaceWhenItWasReleasedIsFreedWhenThereIsSome() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        var settled = FaultOperation.on("rename", "wal/chains");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            appendUntil(ledger, disk, "wal/00000002");
            awaitTimes(disk, settled, 2);
            disk.hang("create wal/chains");
            appendUntil(ledger, disk, "wal/00000003");
            assertThat(disk.awaitHung(SOON)).isTrue();
            disk.capacity(0);
            disk.goOn();
            awaitTimes(disk, FaultOperation.on("create", "wal/chains"), 3);
            TimeUnit.MILLISECONDS.sleep(100); // for the write that finds no space

            disk.capacity(Long.MAX_VALUE);
            awaitGone(disk, "wal/00000001");
            assertThat(disk.times(settled)).isEqualTo(3);
        }
    }

    private void appendUntil(EmbeddedLedger ledger, FaultDisk disk, String file) throws Exception {
        while (!Files.exists(disk.root().resolve(file))) {
            append(ledger, records.lifecycle(task, Event.REVIEWED));
        }
    }

    private static void awaitGone(FaultDisk disk, String file) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (Files.exists(disk.root().resolve(file))) {
            assertThat(System.nanoTime()).as("%s is deleted", file).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    /** The entry that fills a bundle waits for space, and is in the bundle once. */
    @Test
    void aBundleThatFoundNoSpaceIsWrittenWhenThereIsSome() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            for (int i = 0; i < TilePath.FULL - 1; i++) {
                append(ledger, records.refusal(task));
            }
            assertThat(ledger.awaitIntegrated(TilePath.FULL - 2, SOON)).isTrue();
            disk.capacity(0);
            append(ledger, records.lifecycle(task, Event.REVOKED)); // takes the space that is kept for stops
            assertThat(ledger.awaitIntegrated(TilePath.FULL - 1, Duration.ofSeconds(2)))
                    .as("there is no space for the bundle")
                    .isFalse();

            disk.capacity(Long.MAX_VALUE);
            assertThat(ledger.awaitIntegrated(TilePath.FULL - 1, SOON)).isTrue();
            assertThat(ledger.reader().entries(0, TilePath.FULL)).hasSize(TilePath.FULL);
        }
        EmbeddedLedger.open(settings).close();
    }

    // ---- helpers

    private LedgerSettings settings(String folder) {
        return settings(data.resolve(folder));
    }

    private static LedgerSettings settings(Path data) {
        return LedgerSettings.in(data)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ofMillis(5))
                .withOrigin("test.example/log");
    }

    private static void append(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        ledger.append(draft).toCompletableFuture().get(SOON.toSeconds(), TimeUnit.SECONDS);
    }

    /** Each attempt is a refusal, which may be stored though it comes too late to be confirmed. */
    private void awaitAppended(EmbeddedLedger ledger) throws Exception {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (tryAppend(ledger, records.refusal(task)) != null) {
            assertThat(System.nanoTime()).as("a record is written").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    private static LedgerFault.@Nullable Code tryAppend(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        try {
            append(ledger, draft);
            return null;
        } catch (ExecutionException e) {
            return e.getCause() instanceof LedgerFault fault ? fault.code() : null;
        }
    }

    private void assertFails(EmbeddedLedger ledger, LedgerFault.Code code) {
        assertCode(ledger.append(records.refusal(task)).toCompletableFuture(), code);
    }

    private static void assertTimesOut(CompletableFuture<Committed> append) {
        assertCode(append, LedgerFault.Code.TIMED_OUT);
    }

    private static void assertCode(CompletableFuture<Committed> append, LedgerFault.Code code) {
        assertThatThrownBy(() -> append.get(SOON.toSeconds(), TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        LedgerFault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }
}

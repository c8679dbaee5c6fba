package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.FaultDisk.Fault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final int SAMPLES = 40;

    @TempDir
    Path data;

    private final Records records = new Records(21);
    private final TaskId task = records.task();

    // ---- crashes

    @Test
    void whatWasConfirmedSurvivesEveryFailedOperationAndThePowerLossAfterIt() throws Exception {
        long seed = System.nanoTime();
        var random = new Random(seed);
        int operations = story(settings("none"), new FaultDisk(settings("none").directory()), new HashSet<>());
        for (int sample = 0; sample < SAMPLES; sample++) {
            LedgerSettings settings = settings("run" + sample);
            // Evenly over the story, so that its rare operations have their turn.
            int at = sample * operations / SAMPLES + random.nextInt(Math.max(1, operations / SAMPLES));
            Fault how = random.nextBoolean() ? Fault.LOST : Fault.STORED;
            FaultDisk disk = new FaultDisk(settings.directory()).failing(at, how);
            Set<String> confirmed = new HashSet<>();
            String what = "seed " + seed + ", operation " + at + " " + how + ": ";
            try {
                story(settings, disk, confirmed);
            } catch (LedgerFault fault) {
                what += fault.code() + " ";
            }
            what += disk.failed().orElse("nothing failed");
            if (random.nextBoolean()) {
                disk.losePower(random);
                what += ", power lost";
            } else {
                disk.kill();
                what += ", killed";
            }
            assertRecovers(settings, confirmed, what);
        }
    }

    @Test
    void whatWasConfirmedSurvivesAPowerLossAtAnyMoment() throws Exception {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int sample = 0; sample < 10; sample++) {
            LedgerSettings settings = settings("run" + sample);
            var disk = new FaultDisk(settings.directory());
            Set<String> confirmed = new HashSet<>();
            EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk);
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
            disk.losePower(random);
            ledger.close();
            assertRecovers(settings, before, "seed " + seed + ", sample " + sample);
        }
    }

    /** Opens, appends a few groups over two segments with an intent left open, closes. Returns how many operations the disk saw. */
    private int story(LedgerSettings settings, FaultDisk disk, Set<String> confirmed) throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk)) {
            List<AuditRecord> drafts = new ArrayList<>();
            drafts.add(records.lifecycle(task, Event.ISSUED));
            drafts.add(records.intent(task));
            for (int i = 0; i < 9; i++) {
                drafts.add(records.large(records.task(), 30_000));
            }
            for (int i = 0; i < 260; i++) {
                drafts.add(records.refusal(task));
            }
            for (int from = 0; from < drafts.size(); from += 60) {
                var group = new ArrayList<CompletableFuture<Committed>>();
                for (AuditRecord draft : drafts.subList(from, Math.min(drafts.size(), from + 60))) {
                    group.add(ledger.append(draft).toCompletableFuture());
                }
                for (CompletableFuture<Committed> one : group) {
                    try {
                        confirmed.add(one.get(10, TimeUnit.SECONDS).recordId());
                    } catch (ExecutionException e) {
                        assertThat(e).hasCauseInstanceOf(LedgerFault.class);
                    }
                }
            }
        }
        return disk.operations();
    }

    private void assertRecovers(LedgerSettings settings, Set<String> confirmed, String what) throws Exception {
        Map<String, String> kinds = new HashMap<>();
        Set<String> closed = new HashSet<>();
        try (EmbeddedLedger again = EmbeddedLedger.open(settings)) {
            // One more, so that the place after what was recovered is written too.
            long last = again.append(records.refusal(task))
                    .toCompletableFuture()
                    .get(10, TimeUnit.SECONDS)
                    .index()
                    .orElseThrow();
            assertThat(again.awaitIntegrated(last, SOON)).as(what).isTrue();
            for (byte[] entry : again.reader().entries(0, last + 1)) {
                AuditRecord record = RecordDecoder.decode(entry).record();
                kinds.put(record.header().id(), record.kind());
                if (record instanceof AuditRecord.Unknown unknown) {
                    closed.add(unknown.of());
                }
            }
        } catch (LedgerFault fault) {
            throw new AssertionError(what, fault);
        }
        assertThat(kinds.keySet()).as(what).containsAll(confirmed);
        kinds.forEach((id, kind) -> {
            if (kind.equals("intent")) {
                assertThat(closed).as(what).contains(id);
            }
        });
        assertThat(Verification.verify(settings.directory(), Optional.empty()).finding())
                .as(what)
                .isEmpty();
    }

    // ---- failing

    @Test
    void aFailedForceStopsItForGood() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk)) {
            append(ledger, records.refusal(task));
            assertThat(ledger.awaitIntegrated(0, SOON)).isTrue();
            TimeUnit.MILLISECONDS.sleep(
                    50); // until the integrator is idle, so that the next operations are the append's
            disk.failing(disk.operations() + 1, Fault.STORED);

            assertFails(ledger, LedgerFault.Code.STOPPED);
            assertThat(disk.failed().orElseThrow()).startsWith("force wal/");
            int after = disk.operations();
            assertFails(ledger, LedgerFault.Code.STOPPED);
            assertThat(disk.operations()).isEqualTo(after);
            assertThat(ledger.stopped()
                            .toCompletableFuture()
                            .get(1, TimeUnit.SECONDS)
                            .code())
                    .isEqualTo(LedgerFault.Code.STOPPED);
        }
        EmbeddedLedger.open(settings).close();
    }

    // ---- hanging

    @Test
    void aHangingDiskRefusesInsteadOfHanging() throws Exception {
        LedgerSettings settings = settings("log").withAppendTimeout(Duration.ofMillis(300));
        var disk = new FaultDisk(settings.directory());
        AuditRecord.Intent intent = records.intent(task);
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk)) {
            append(ledger, records.lifecycle(task, Event.ISSUED));
            disk.hang();
            long start = System.nanoTime();
            CompletableFuture<Committed> flying = ledger.append(intent).toCompletableFuture();
            TimeUnit.MILLISECONDS.sleep(50);
            CompletableFuture<Committed> queued =
                    ledger.append(records.refusal(task)).toCompletableFuture();

            assertTimesOut(flying);
            assertTimesOut(queued);
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(2));

            disk.goOn();
            append(ledger, records.refusal(task));
        }
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            List<String> kinds = new ArrayList<>();
            for (byte[] entry : ledger.reader().entries(0, ledger.reader().size())) {
                AuditRecord record = RecordDecoder.decode(entry).record();
                kinds.add(record.kind());
                if (record instanceof AuditRecord.Unknown unknown) {
                    assertThat(unknown.of()).isEqualTo(intent.header().id());
                }
            }
            // The intent was stored after all, and closed, since its call was never made; the refusal never began.
            assertThat(kinds).containsExactlyInAnyOrder("lifecycle", "intent", "unknown", "refusal");
        }
    }

    @Test
    void aFullQueueFailsFast() throws Exception {
        LedgerSettings settings = settings("log").withQueueRecords(8);
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk)) {
            disk.hang();
            var waiting = new ArrayList<CompletableFuture<Committed>>();
            waiting.add(ledger.append(records.refusal(task)).toCompletableFuture());
            TimeUnit.MILLISECONDS.sleep(50); // until the first one is being forced
            for (int i = 0; i < 8; i++) {
                waiting.add(ledger.append(records.refusal(task)).toCompletableFuture());
            }

            CompletableFuture<Committed> tooMany =
                    ledger.append(records.refusal(task)).toCompletableFuture();
            assertThat(tooMany).isCompletedExceptionally();
            assertCode(tooMany, LedgerFault.Code.BUSY);

            disk.goOn();
            for (CompletableFuture<Committed> one : waiting) {
                one.get(5, TimeUnit.SECONDS);
            }
        }
    }

    // ---- full

    @Test
    void onAFullDiskRunningCallsGetTheirOutcomesAndNewOnesAreRefusedUntilThereIsSpace() throws Exception {
        LedgerSettings settings = settings("log");
        var disk = new FaultDisk(settings.directory());
        var running = new ArrayList<AuditRecord.Intent>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk)) {
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
            long deadline = System.nanoTime() + SOON.toNanos();
            while (tryAppend(ledger, records.refusal(task)) != null) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(50);
            }
        }
        EmbeddedLedger.open(settings).close();
    }

    // ---- helpers

    private LedgerSettings settings(String folder) {
        return LedgerSettings.in(data.resolve(folder))
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ofMillis(5))
                .withOrigin("test.example/log");
    }

    private static void append(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        ledger.append(draft).toCompletableFuture().get(10, TimeUnit.SECONDS);
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
        assertThatThrownBy(() -> append.get(10, TimeUnit.SECONDS))
                .cause()
                .isInstanceOfSatisfying(
                        LedgerFault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }
}

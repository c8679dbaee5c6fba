package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the ledger says of itself without writing anything: whether it would take a record, and whether it has one. */
class ReadinessTest {
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration APPEND_TIMEOUT = Duration.ofSeconds(3);
    private static final FaultOperation WRITE = FaultOperation.on("write", "wal/00000001");

    @TempDir
    Path data;

    private final Records records = new Records(22);
    private final TaskId task = records.task();
    private LedgerSettings settings;
    private FaultDisk disk;

    @BeforeEach
    void settings() throws IOException {
        settings = LedgerSettings.in(data)
                .withOrigin("ledger.test/ready")
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withAppendTimeout(APPEND_TIMEOUT);
        disk = new FaultDisk(settings.directory());
    }

    @Test
    void isReadyAndWritesNothing() throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            assertThat(ready(ledger)).isEmpty();
            assertThat(ledger.checkpoint().size()).isZero();
        }
    }

    /** Nobody needs to make a call first, neither to learn that the disk is full nor that there is space again. */
    @Test
    void isNotReadyOnAFullDiskAndIsAgainWhenThereIsSpace() throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            disk.capacity(0);
            while (refusedFor(ledger, records.refusal(task)).isEmpty()) {
                assertThat(ledger.stopped().toCompletableFuture()).isNotDone();
            }

            assertThat(ready(ledger)).contains(LedgerFault.Code.NO_SPACE);

            disk.capacity(Long.MAX_VALUE);
            long deadline = System.nanoTime() + SOON.toNanos();
            while (ready(ledger).isPresent()) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(50);
            }
            assertThat(refusedFor(ledger, records.refusal(task))).isEmpty();
        }
    }

    @Test
    void doesNotAnswerWhileTheDiskHangsAndDoesAfterwards() throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            var _ = appendIntoAHang(ledger, records.refusal(task));

            var answer = ledger.ready().toCompletableFuture();
            assertThat(answer).isNotDone();

            disk.goOn();
            assertThat(answer).succeedsWithin(SOON);
        }
    }

    @Test
    void isNotReadyOnceItHasStopped() throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            disk.failing(FaultOperation.on("force", "wal/00000001"), 0, FaultDisk.Fault.LOST);
            assertThat(refusedFor(ledger, records.refusal(task))).contains(LedgerFault.Code.STOPPED);

            assertThat(ready(ledger)).contains(LedgerFault.Code.STOPPED);
        }
    }

    @Test
    void knowsOfAGivenUpRecordWhetherTheDiskStoredIt() throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            AuditRecord flying = records.lifecycle(task, Event.REVOKED);
            AuditRecord queued = records.lifecycle(task, Event.REVOKED);
            var first = appendIntoAHang(ledger, flying);
            var second = ledger.append(queued).toCompletableFuture();
            assertThatThrownBy(() -> first.get(SOON.toSeconds(), TimeUnit.SECONDS))
                    .hasRootCauseInstanceOf(LedgerFault.class);
            assertThatThrownBy(() -> second.get(SOON.toSeconds(), TimeUnit.SECONDS))
                    .hasRootCauseInstanceOf(LedgerFault.class);

            assertThatThrownBy(() -> ledger.holds(flying.header().id(), Duration.ofMillis(100)))
                    .as("nobody can know yet")
                    .isInstanceOf(LedgerFault.class);

            disk.goOn();
            assertThat(ledger.holds(flying.header().id(), SOON)).isTrue();
            assertThat(ledger.holds(queued.header().id(), SOON)).isFalse();
        }
    }

    /** Returns when the record is written and its force hangs. */
    private CompletableFuture<Committed> appendIntoAHang(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        assertThat(refusedFor(ledger, records.refusal(task))).isEmpty(); // the file is there
        int written = disk.times(WRITE);
        disk.hang("force wal/00000001");
        var append = ledger.append(draft).toCompletableFuture();
        long deadline = System.nanoTime() + SOON.toNanos();
        while (disk.times(WRITE) == written) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(5);
        }
        return append;
    }

    private static Optional<LedgerFault.Code> ready(EmbeddedLedger ledger) throws Exception {
        return failureOf(ledger.ready());
    }

    private static Optional<LedgerFault.Code> refusedFor(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        return failureOf(ledger.append(draft));
    }

    private static Optional<LedgerFault.Code> failureOf(CompletionStage<?> asked) throws Exception {
        try {
            asked.toCompletableFuture().get(SOON.toSeconds(), TimeUnit.SECONDS);
            return Optional.empty();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof LedgerFault fault) {
                return Optional.of(fault.code());
            }
            throw e;
        }
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A disk that never answers a read: a bundle in whose place there is a pipe that nobody writes to. */
@ExtendWith(LedgerInvariants.class)
class HangingReadTest {
    /** More than are searched for at once, or than there are threads that carry virtual ones. */
    private static final int HANGING = 40;

    private static final int OTHERS = 5;

    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path data;

    private final Records records = new Records(31);

    @Test
    @Timeout(120)
    void recordsOfTasksWhoseChainsCannotBeReadAreRefusedInTimeAndOthersGoOn() throws Exception {
        LedgerSettings settings = LedgerSettings.in(data)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ofMillis(5))
                .withResidentTasks(1);
        List<TaskId> ended = endedAndLetGo(settings.withAppendTimeout(Duration.ofMinutes(1)));
        var disk = new FaultDisk(settings.directory());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings, disk::below)) {
            try (var _ = HangingFile.inPlaceOf(settings.directory().resolve("tile/entries/000"), data)) {
                var hanging = new ArrayList<CompletableFuture<Committed>>();
                for (TaskId task : ended) {
                    hanging.add(ledger.append(records.refusal(task)).toCompletableFuture());
                }
                for (int i = 0; i < OTHERS; i++) {
                    append(ledger, records.refusal(records.task()));
                }
                for (CompletableFuture<Committed> one : hanging) {
                    assertThatThrownBy(() -> one.get(SOON.toSeconds(), TimeUnit.SECONDS))
                            .cause()
                            .isInstanceOfSatisfying(LedgerFault.class, fault -> assertThat(fault.code())
                                    .isEqualTo(LedgerFault.Code.TIMED_OUT));
                }
                append(ledger, records.refusal(records.task()));
            }
            awaitAppended(ledger, ended.getFirst());
        }
        // That this record, and none of those, stands in its task's chain is among the invariants.
        assertThat(new LedgerReader(settings.directory()).size()).isEqualTo(TilePath.FULL + 1 + OTHERS + 1 + 1);
    }

    /** What it holds until it is closed are the threads that come to read the file. */
    private record HangingFile(Path file, Path away, Path pipe) implements AutoCloseable {
        static HangingFile inPlaceOf(Path file, Path folder) throws Exception {
            var hanging = new HangingFile(file, folder.resolve("away"), folder.resolve("pipe"));
            assertThat(new ProcessBuilder("mkfifo", hanging.pipe().toString())
                            .start()
                            .waitFor())
                    .isZero();
            Files.move(file, hanging.away());
            Files.createLink(file, hanging.pipe());
            return hanging;
        }

        @Override
        public void close() throws IOException {
            Files.move(away, file, StandardCopyOption.REPLACE_EXISTING);
            // whoever hangs reads the pipe's end
            FileChannel.open(pipe, StandardOpenOption.READ, StandardOpenOption.WRITE)
                    .close();
            Files.delete(pipe);
        }
    }

    /** Their chains end in the first bundle, and are no longer in memory. */
    private List<TaskId> endedAndLetGo(LedgerSettings settings) throws Exception {
        var tasks = new ArrayList<TaskId>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            for (int i = 0; i < TilePath.FULL / 2; i++) {
                TaskId task = records.task();
                append(ledger, records.lifecycle(task, Event.ISSUED));
                append(ledger, records.lifecycle(task, Event.ENDED));
                tasks.add(task);
            }
            assertThat(ledger.index().await(TilePath.FULL, SOON)).isTrue();
            append(ledger, records.refusal(records.task())); // chains are let go when something has been written
        }
        return tasks.subList(0, HANGING);
    }

    private void awaitAppended(EmbeddedLedger ledger, TaskId task) throws Exception {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (true) {
            try {
                append(ledger, records.refusal(task));
                return;
            } catch (ExecutionException refused) {
                assertThat(System.nanoTime()).as("%s", refused.getCause()).isLessThan(deadline);
                TimeUnit.MILLISECONDS.sleep(50);
            }
        }
    }

    private static void append(EmbeddedLedger ledger, AuditRecord draft) throws Exception {
        ledger.append(draft).toCompletableFuture().get(SOON.toSeconds(), TimeUnit.SECONDS);
    }
}

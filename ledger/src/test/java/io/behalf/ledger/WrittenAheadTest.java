package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.ledger.Verification.Finding;
import io.behalf.ledger.Verification.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A server that signs seldom has bundles and tiles ahead of its checkpoint, and one that is killed leaves them: they are sound, and what
 * somebody else put there is not. A copy of the folder of a server that rests is what a kill would leave.
 */
class WrittenAheadTest {
    private static final int SIGNED = 10;
    private static final int WRITTEN = 700;
    private static final Duration NEVER = Duration.ofDays(1);
    private static final Duration SOON = Duration.ofSeconds(30);

    /** Where nobody writes, waiting changes nothing. */
    private static final Duration BRIEFLY = Duration.ofMillis(50);

    @TempDir
    static Path data;

    private static LedgerSettings settings;
    private static EmbeddedLedger running;

    @TempDir
    Path temporary;

    private Path copy;

    @BeforeAll
    static void write() throws Exception {
        settings = LedgerSettings.in(data).withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES);
        var records = new Records(41);
        TaskId task = records.task();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            append(ledger, List.of(records.lifecycle(task, Event.ISSUED)));
            append(ledger, refusals(records, task, SIGNED - 1));
        }
        running = EmbeddedLedger.open(settings.withCheckpointInterval(NEVER));
        append(running, refusals(records, task, WRITTEN - SIGNED));
        awaitFile(settings.directory().resolve("tile/0/001"));
    }

    @AfterAll
    static void close() {
        running.close();
        assertThat(Verification.verify(settings.directory(), Optional.empty()).finding())
                .isEmpty();
    }

    @BeforeEach
    void kill() throws IOException {
        copy = temporary.resolve("killed");
        FaultStory.copy(settings.directory(), copy);
    }

    @Test
    void theFilesOfAServerThatSignsSeldomAreSound() {
        Report report = Verification.verify(settings.directory(), Optional.empty());

        assertThat(report.finding()).isEmpty();
        assertThat(report.entries()).isEqualTo(SIGNED);
        assertThat(report.ahead()).isEqualTo(4); // two bundles and their tiles
    }

    @Test
    void whatAKilledServerHadWrittenAndNotSignedIsSound() {
        Report report = verify();

        assertThat(report.finding()).isEmpty();
        assertThat(report.entries()).isEqualTo(SIGNED);
        assertThat(report.ahead()).isEqualTo(4);
    }

    /** A kill between the partial tiles and the checkpoint that needs them. */
    @Test
    void aPartialTileThatWasAboutToBeSignedIsSound() throws IOException {
        List<byte[]> entries = bundle(0);
        write("tile/entries/000.p/40", EntryBundle.encode(entries.subList(0, 40)));
        write("tile/0/000.p/40", begin("tile/0/000", 40 * 32));

        assertThat(verify().finding()).isEmpty();
        assertThat(verify().ahead()).isEqualTo(6);
    }

    /** The write-ahead files that went on from the checkpoint which was read are deleted as soon as the next one is shown. */
    @Test
    @Timeout(60)
    void filesAheadAreSoundThoughAnotherCheckpointIsShownMeanwhile(@TempDir Path elsewhere) throws Exception {
        LedgerSettings seldom = LedgerSettings.in(elsewhere)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(NEVER);
        Path log = seldom.directory();
        var records = new Records(42);
        TaskId task = records.task();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(seldom)) {
            append(ledger, refusals(records, task, SIGNED));
        }
        byte[] read = Files.readAllBytes(log.resolve("checkpoint"));
        try (EmbeddedLedger ledger = EmbeddedLedger.open(seldom)) {
            append(ledger, refusals(records, task, WRITTEN));
        }
        try (EmbeddedLedger ledger = EmbeddedLedger.open(seldom)) {
            append(ledger, refusals(records, task, WRITTEN));
            awaitFile(log.resolve("tile/0/004"));
            Path seen = temporary.resolve("seen");
            FaultStory.copy(log, seen);
            Path next = Files.move(seen.resolve("checkpoint"), temporary.resolve("next"));
            Files.write(seen.resolve("checkpoint"), read);
            var verification = new FutureTask<>(() -> Verification.verify(seen, SOON));
            Thread verifying = Thread.ofPlatform().start(verification);
            while (verifying.getState() != Thread.State.TIMED_WAITING) { // between two looks
                assertThat(verifying.isAlive()).isTrue();
                TimeUnit.MILLISECONDS.sleep(1);
            }
            Files.move(next, seen.resolve("checkpoint"), StandardCopyOption.ATOMIC_MOVE);

            Report report = verification.get();
            assertThat(report.finding()).isEmpty();
            assertThat(report.entries()).isEqualTo(SIGNED);
            assertThat(report.ahead()).isPositive();
        }
    }

    @Test
    void aBundleAheadThatTheWriteAheadFilesDoNotHoldIsFound() throws IOException {
        List<byte[]> entries = bundle(1);
        Collections.swap(entries, 5, 6);
        write("tile/entries/001", EntryBundle.encode(entries));

        assertFound("tile/entries/001");
    }

    @Test
    void aPartialBundleAheadThatTheWriteAheadFilesDoNotHoldIsFound() throws IOException {
        List<byte[]> entries = bundle(0);
        Collections.swap(entries, 38, 39);
        write("tile/entries/000.p/40", EntryBundle.encode(entries.subList(0, 40)));

        assertFound("tile/entries/000.p/40");
    }

    @Test
    void aTileAheadThatIsNotThatOfTheEntriesIsFound() throws IOException {
        byte[] hashes = Files.readAllBytes(copy.resolve("tile/0/001"));
        hashes[100] ^= 1;
        write("tile/0/001", hashes);

        assertFound("tile/0/001");
    }

    @Test
    void aFileAheadOfTheWriteAheadFilesThemselvesIsFound() throws IOException {
        for (String file : List.of("tile/entries/002", "tile/0/002.p/255", "tile/1/000.p/3", "tile/entries/009.p/1")) {
            write(file, new byte[32]);
            assertFound(file);
            Files.delete(copy.resolve(file));
        }
    }

    @Test
    @Timeout(60)
    void aFileOfAnotherKindIsFoundAtOnce() throws IOException {
        write("tile/entries/notes", new byte[1]);

        Finding finding = Verification.verify(copy, NEVER).finding().orElseThrow();

        assertThat(finding.file()).contains("tile/entries/notes");
    }

    @Test
    void filesAheadAreFoundWhereNoWriteAheadFileVouchesForThem() throws IOException {
        FaultStory.remove(copy.resolve("wal"));

        assertFound("tile/0/000");
    }

    private Report verify() {
        return Verification.verify(copy, BRIEFLY);
    }

    private void assertFound(String file) {
        Finding finding = verify().finding().orElseThrow();
        assertThat(finding.file()).contains(file);
        assertThat(finding.problem()).contains("a log of " + SIGNED + " entries has no such file");
    }

    private List<byte[]> bundle(long number) throws IOException {
        TilePath path = new TilePath(TilePath.ENTRIES, number, TilePath.FULL);
        byte[] bytes = Files.readAllBytes(copy.resolve(path.path()));
        return new ArrayList<>(EntryBundle.decode(bytes, path.width()).orElseThrow());
    }

    private byte[] begin(String file, int bytes) throws IOException {
        return Arrays.copyOf(Files.readAllBytes(copy.resolve(file)), bytes);
    }

    private void write(String file, byte[] bytes) throws IOException {
        Path path = copy.resolve(file);
        Files.createDirectories(path.resolveSibling(""));
        Files.write(path, bytes);
    }

    private static List<AuditRecord> refusals(Records records, TaskId task, int count) {
        var refusals = new ArrayList<AuditRecord>();
        for (int i = 0; i < count; i++) {
            refusals.add(records.refusal(task));
        }
        return refusals;
    }

    private static void append(EmbeddedLedger ledger, List<? extends AuditRecord> drafts) throws Exception {
        var all = new ArrayList<CompletableFuture<Committed>>();
        for (AuditRecord draft : drafts) {
            all.add(ledger.append(draft).toCompletableFuture());
        }
        for (CompletableFuture<Committed> one : all) {
            one.get(SOON.toSeconds(), TimeUnit.SECONDS);
        }
    }

    /** The last of the files that are written ahead. */
    private static void awaitFile(Path file) throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!Files.exists(file)) {
            assertThat(System.nanoTime()).as("%s is written", file).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }
}

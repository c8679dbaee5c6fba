package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.Verification.Finding;
import io.behalf.ledger.Verification.Report;
import io.behalf.ledger.Verification.Trust;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each way of changing a copy of a log is caught, and named. */
class VerificationTest {
    private static final int SIZE = 600;

    /** Where nobody writes, waiting changes nothing. */
    private static final Duration BRIEFLY = Duration.ofMillis(50);

    @TempDir
    static Path original;

    private static Path log;

    @TempDir
    Path temporary;

    private Path copy;

    @BeforeAll
    static void fill() {
        LedgerSettings settings =
                LedgerSettings.in(original).withSegmentBytes(1 << 20).withCheckpointInterval(Duration.ofMillis(20));
        var records = new Records(2);
        List<TaskId> tasks = List.of(records.task(), records.task(), records.task());
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            var all = new ArrayList<CompletableFuture<Committed>>();
            for (int i = 0; i < SIZE; i++) {
                TaskId task = tasks.get(i % 3);
                all.add(ledger.append(i < 3 ? records.lifecycle(task, Event.ISSUED) : records.refusal(task))
                        .toCompletableFuture());
            }
            all.forEach(CompletableFuture::join);
        }
        log = settings.directory();
    }

    @BeforeEach
    void copy() throws IOException {
        copy = temporary.resolve("copy");
        try (var files = Files.walk(log)) {
            for (Path file :
                    files.filter(file -> !file.startsWith(log.resolve("wal"))).toList()) {
                Files.copy(file, copy.resolve(log.relativize(file).toString()));
            }
        }
    }

    @Test
    void anUntouchedCopyIsSound() {
        Report report = verify();

        assertThat(report.finding()).isEmpty();
        assertThat(report.trust()).isEqualTo(Trust.CONSISTENT);
        assertThat(report.entries()).isEqualTo(SIZE);
        assertThat(report.tasks()).isEqualTo(3);
        assertThat(report.checkpoint().orElseThrow().size()).isEqualTo(SIZE);
    }

    @Test
    void aPinnedKeyMakesItAuthentic() throws IOException {
        Report report = Verification.verify(copy, pin(ownKey()));

        assertThat(report.sound()).isTrue();
        assertThat(report.trust()).isEqualTo(Trust.AUTHENTIC);
    }

    @Test
    void aLogUnderAnotherKeyThanThePinnedOneIsRefused() throws IOException {
        Path other = temporary.resolve("other");
        EmbeddedLedger.open(LedgerSettings.in(other).withSegmentBytes(1 << 20)).close();
        VerifierKey foreign = keyIn(other.resolve("ledger/main/vkey"));

        Finding finding = Verification.verify(copy, pin(foreign)).finding().orElseThrow();

        assertThat(finding.file()).contains("vkey");
    }

    @Test
    void oneChangedByteAnywhereIsCaughtAndItsFileNamed() throws IOException {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (Path file : files()) {
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 0; i < 8; i++) {
                int at = i == 0 ? 0 : i == 1 ? bytes.length - 1 : random.nextInt(bytes.length);
                byte[] changed = bytes.clone();
                changed[at] ^= (byte) (1 << random.nextInt(8));
                Files.write(file, changed);
                Finding finding = verify().finding().orElseThrow();
                assertThat(finding.file())
                        .as("byte %d of %s, seed %d: %s", at, file, seed, finding)
                        .contains(copy.relativize(file).toString());
            }
            Files.write(file, bytes);
        }
        assertThat(verify().sound()).isTrue();
    }

    @Test
    void aChangedEntryIsNamedWithItsIndexAndRecord() throws Exception {
        String id = RecordDecoder.decode(new LedgerReader(copy).entry(300))
                .record()
                .header()
                .id();
        List<byte[]> entries = bundle(1);
        String changed = new String(entries.get(44), StandardCharsets.UTF_8).replace("\"refuse\"", "\"permit\"");
        entries.set(44, changed.getBytes(StandardCharsets.UTF_8));
        write(1, entries);

        Finding finding = verify().finding().orElseThrow();

        assertThat(finding.index()).hasValue(300);
        assertThat(finding.record()).contains(id);
        assertThat(finding.file()).contains("tile/entries/001");
    }

    @Test
    void aRemovedEntryIsCaught() throws IOException {
        List<byte[]> entries = bundle(0);
        entries.remove(10);
        write(0, entries);

        Finding finding = verify().finding().orElseThrow();

        assertThat(finding.index()).hasValue(10);
        assertThat(finding.file()).contains("tile/entries/000");
    }

    @Test
    void swappedEntriesAreCaught() throws IOException {
        List<byte[]> entries = bundle(2);
        Collections.swap(entries, 5, 6);
        write(2, entries);

        Finding finding = verify().finding().orElseThrow();

        assertThat(finding.index()).hasValue(517);
        assertThat(finding.file()).contains("tile/entries/002.p/88");
    }

    @Test
    void anEntryTooManyIsCaught() throws IOException {
        List<byte[]> entries = bundle(2);
        entries.add(entries.getLast());
        write(2, entries);

        assertThat(verify().finding().orElseThrow().file()).contains("tile/entries/002.p/88");
    }

    @Test
    void aCutTailIsCaught() throws IOException {
        Files.delete(copy.resolve("tile/entries/002.p/88"));

        assertThat(verify().finding().orElseThrow().file()).contains("tile/entries/002.p/88");
    }

    @Test
    void eachMissingFileIsNamed() throws IOException {
        for (Path file : files()) {
            byte[] bytes = Files.readAllBytes(file);
            Files.delete(file);
            assertThat(verify().finding().orElseThrow().file())
                    .contains(copy.relativize(file).toString());
            Files.write(file, bytes);
        }
    }

    @Test
    void aFileTooManyIsNamed() throws IOException {
        for (String stranger : List.of(
                "tile/0/002.p/87",
                "tile/0/003",
                "tile/entries/000.p/9",
                "tile/1/000",
                "tile/notes",
                "tile/notes.tmp",
                "tile/2/000.p/1")) {
            Path file = copy.resolve(stranger);
            Files.createDirectories(file.getParent());
            Files.write(file, new byte[32]);
            assertThat(Verification.verify(copy, BRIEFLY)
                            .finding()
                            .orElseThrow()
                            .file())
                    .contains(stranger);
            Files.delete(file);
        }
    }

    @Test
    void aPartialTileOfAnEarlierCheckpointIsSoundIfItIsTheBeginningOfItsTile() throws IOException {
        List<byte[]> entries = bundle(2);
        Path earlier = copy.resolve("tile/entries/002.p/40");
        Files.write(earlier, EntryBundle.encode(entries.subList(0, 40)));
        assertThat(verify().finding()).isEmpty();

        Collections.swap(entries, 5, 6);
        Files.write(earlier, EntryBundle.encode(entries.subList(0, 40)));
        assertThat(verify().finding().orElseThrow().file()).contains("tile/entries/002.p/40");
    }

    @Test
    void aTileThatIsNotWholeYetIsNoPartOfTheLog() throws IOException {
        Files.write(copy.resolve("tile/0/002.p/87.tmp"), new byte[32]);
        assertThat(verify().finding()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 1000})
    @Timeout(60)
    void aLogIsSoundWhileItIsWritten(int intervalMillis, @TempDir Path elsewhere) throws Exception {
        LedgerSettings settings = LedgerSettings.in(elsewhere)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ofMillis(intervalMillis));
        var records = new Records(3);
        TaskId task = records.task();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            var goesOn = new AtomicBoolean(true);
            Thread writer = Thread.ofVirtual().start(() -> {
                while (goesOn.get()) {
                    ledger.append(records.refusal(task)).toCompletableFuture().join();
                }
            });
            // Through tiles that grow, those that become full, and write-ahead files that are deleted.
            for (long verified = 0; verified < 2_000; ) {
                Report report = Verification.verify(settings.directory(), Optional.empty());
                assertThat(report.finding()).isEmpty();
                verified = report.entries();
            }
            goesOn.set(false);
            writer.join();
        }
        assertThat(Verification.verify(settings.directory(), Optional.empty()).finding())
                .isEmpty();
    }

    @Test
    void aLogThatContinuesWhatHadBeenSeenIsSound() throws IOException {
        Checkpoint seen = new Checkpoint(ownKey().name(), 300, Proofs.root(300, new LedgerReader(copy).nodes(SIZE)));

        assertThat(Verification.verify(copy, Optional.of(new Pin(ownKey(), Optional.of(seen))))
                        .sound())
                .isTrue();
    }

    @Test
    void aTailCutTogetherWithAnOlderSignedCheckpointIsCaughtByWhatHadBeenSeen() throws IOException {
        Checkpoint seen = new Checkpoint(ownKey().name(), SIZE + 1, new TreeHasher().emptyRoot());

        Finding finding = Verification.verify(copy, Optional.of(new Pin(ownKey(), Optional.of(seen))))
                .finding()
                .orElseThrow();

        assertThat(finding.file()).contains("checkpoint");
        assertThat(finding.problem()).contains("covers 600 entries, and 601 had been seen");
    }

    @Test
    void aLogWrittenAnewUnderTheSameKeyIsCaughtByWhatHadBeenSeen() throws IOException {
        Checkpoint seen = new Checkpoint(ownKey().name(), 300, new TreeHasher().emptyRoot());

        Finding finding = Verification.verify(copy, Optional.of(new Pin(ownKey(), Optional.of(seen))))
                .finding()
                .orElseThrow();

        assertThat(finding.problem()).contains("first 300 entries are not those that had been seen");
    }

    @Test
    void aRecordThatIsNotCanonicalIsCaughtEvenUnderAValidSignature() throws Exception {
        LedgerSettings forged = LedgerSettings.in(temporary.resolve("forged")).withSegmentBytes(1 << 20);
        List<byte[]> entries = new LedgerReader(copy).entries(0, 3);
        entries.set(1, (new String(entries.get(1), StandardCharsets.UTF_8) + " ").getBytes(StandardCharsets.UTF_8));
        Forger.write(forged, entries);

        Finding finding = Verification.verify(forged.directory(), Optional.empty())
                .finding()
                .orElseThrow();

        assertThat(finding.index()).hasValue(1);
        assertThat(finding.problem()).contains("canonical");
    }

    private static Optional<Pin> pin(VerifierKey key) {
        return Optional.of(new Pin(key, Optional.empty()));
    }

    private Report verify() {
        return Verification.verify(copy, Optional.empty());
    }

    private List<Path> files() throws IOException {
        try (var files = Files.walk(copy)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }

    private VerifierKey ownKey() throws IOException {
        return keyIn(copy.resolve("vkey"));
    }

    private static VerifierKey keyIn(Path vkey) throws IOException {
        return LogKey.parse(Files.readString(vkey)).orElseThrow().getFirst();
    }

    private List<byte[]> bundle(long index) throws IOException {
        TilePath path = TilePath.in(SIZE, TilePath.ENTRIES, index);
        byte[] bytes = Files.readAllBytes(copy.resolve(path.path()));
        return new ArrayList<>(EntryBundle.decode(bytes, path.width()).orElseThrow());
    }

    private void write(long index, List<byte[]> entries) throws IOException {
        Files.write(copy.resolve(TilePath.in(SIZE, TilePath.ENTRIES, index).path()), EntryBundle.encode(entries));
    }
}

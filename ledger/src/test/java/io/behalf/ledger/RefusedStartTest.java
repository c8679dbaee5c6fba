package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A log that is not what it was does not start, says what is wrong, and stays as it was found, byte for byte. */
@ExtendWith(LedgerInvariants.class)
class RefusedStartTest {
    private static final Duration SOON = Duration.ofSeconds(10);

    @TempDir
    Path data;

    private final Records records = new Records(3);
    private final TaskId task = records.task();

    @Test
    @LedgerInvariants.Broken
    void refusesWhenWriteAheadFilesAreGoneThatTheCheckpointNeeds() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(300));
        }
        for (String name : walFiles()) {
            Files.delete(directory().resolve("wal").resolve(name));
        }
        delete("tile/entries/001.p/44");

        assertRefuses(settings(), LedgerFault.Code.UNREADABLE, "a file is missing");
    }

    @Test
    @LedgerInvariants.Broken
    void refusesUnderAnOlderCheckpointThanItsSnapshot() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(10));
        }
        byte[] old = Files.readAllBytes(directory().resolve("checkpoint"));
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(10));
        }
        Files.write(directory().resolve("checkpoint"), old);

        assertRefuses(settings(), LedgerFault.Code.SHORTER, "restore the newest checkpoint");
    }

    @Test
    void refusesWithoutItsCheckpoint() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            appendAll(ledger, refusals(10));
        }
        delete("checkpoint");

        assertRefuses(settings(), LedgerFault.Code.SHORTER, "it is missing or an older one");
    }

    @Test
    @LedgerInvariants.Broken
    void refusesOnAChangedCheckpoint() throws Exception {
        open().close();
        Path checkpoint = directory().resolve("checkpoint");
        Files.writeString(checkpoint, Files.readString(checkpoint).replaceFirst("\n0\n", "\n1\n"));

        assertRefuses(settings(), LedgerFault.Code.BAD_CHECKPOINT, "restore it from a backup");
    }

    @Test
    void refusesWithAnotherLogsKey() throws Exception {
        open().close();
        Path elsewhere = data.resolve("elsewhere");
        EmbeddedLedger.open(settings(elsewhere)).close();
        Files.copy(
                elsewhere.resolve("keys/main.pem"), data.resolve("keys/main.pem"), StandardCopyOption.REPLACE_EXISTING);

        assertRefuses(settings(), LedgerFault.Code.OTHER_KEY, "another log's key");
    }

    @Test
    void refusesWithoutItsKey() throws Exception {
        open().close();
        Files.delete(data.resolve("keys/main.pem"));

        assertRefuses(settings(), LedgerFault.Code.OTHER_KEY, "restore it from the backup of keys/");
    }

    @Test
    void refusesUnderAnotherOrigin() throws Exception {
        open().close();

        assertRefuses(
                settings().withOrigin("other.example/log"),
                LedgerFault.Code.OTHER_KEY,
                "the configuration says other.example/log");
    }

    @Test
    void refusesWhenAnEntryInTheWriteAheadFileWasChanged() throws Exception {
        try (EmbeddedLedger ledger = open()) {
            for (int i = 0; i < 3; i++) {
                appendAll(ledger, refusals(1));
            }
        }
        Path segment = directory().resolve("wal/00000001");
        byte[] bytes = Files.readAllBytes(segment);
        bytes[100] ^= 1;
        Files.write(segment, bytes);

        assertRefuses(settings(), LedgerFault.Code.CORRUPT, "restore the file from a copy");
    }

    // ---- held against the pin file

    @Test
    void refusesALogThatItsPinHasSeenLonger() throws Exception {
        write(pinned("in"), 5);
        FaultStory.copy(data.resolve("in"), data.resolve("older"));
        write(pinned("in"), 5);

        assertRefuses(pinned("older"), LedgerFault.Code.SHORTER, "5 entries, 10 had been seen", "older copy");

        write(pinned("in"), 1);
    }

    @Test
    @LedgerInvariants.Broken // as a crash leaves it; what is refused is not mended
    void leavesAlsoTheRemainsOfACrashInALogThatItRefuses() throws Exception {
        LedgerSettings older = settings(data.resolve("older"));
        FaultStory.AFTER_A_CRASH.prepare(older.withLog("base"));
        LedgerSettings in = pinned("in").withLog("base");
        FaultStory.copy(older.data(), in.data());
        write(in, 5);

        assertRefuses(pinned("older").withLog("base"), LedgerFault.Code.SHORTER, "older copy");
    }

    @Test
    void refusesALogThatForkedFromItsPin() throws Exception {
        write(pinned("in"), 5);
        FaultStory.copy(data.resolve("in"), data.resolve("fork"));
        write(pinned("in"), 1);
        write(settings(data.resolve("fork")), 2);

        assertRefuses(pinned("fork"), LedgerFault.Code.FORKED, "somebody rewrote it");
    }

    @Test
    void refusesALogUnderAnotherKeyThanItsPin() throws Exception {
        write(pinned("in"), 1);
        write(settings(data.resolve("new")), 1);

        assertRefuses(pinned("new"), LedgerFault.Code.OTHER_KEY, "remembers another key", "signed anew");
    }

    @Test
    void refusesThePinFileOfAnotherLog() throws Exception {
        write(pinned("in"), 1);
        LedgerSettings other = settings(data.resolve("other")).withOrigin("other.example/log");
        write(other, 1);

        assertRefuses(
                other.withPin(pin()),
                LedgerFault.Code.OTHER_KEY,
                "is of the log test.example/log",
                "this is other.example/log",
                "name another ledger.pin-file");
    }

    @Test
    void refusesADamagedPinFile() throws Exception {
        write(pinned("in"), 1);
        byte[] whole = Files.readAllBytes(pin());
        for (int length = 0; length < whole.length; length++) {
            Files.write(pin(), Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> new PinFile(pin()).read()).isInstanceOf(LedgerFault.class);
        }
        assertRefuses(pinned("in"), LedgerFault.Code.BAD_CHECKPOINT, "the pin file " + pin() + " is damaged");
        Files.write(pin(), Base64.getDecoder().decode("gIGCg/8="));
        assertRefuses(pinned("in"), LedgerFault.Code.BAD_CHECKPOINT, "is damaged");
    }

    @Test
    void takesALogAsItIsWhereThereIsNoPinFileAndRemembersIt() throws Exception {
        write(settings(data.resolve("in")), 5);

        write(pinned("in"), 1);

        assertThat(new PinFile(pin()).read().orElseThrow().seen())
                .hasValueSatisfying(seen -> assertThat(seen.size()).isEqualTo(6));
    }

    @Test
    void knowsALogAgainWhoseNameIsNotAscii() throws Exception {
        LedgerSettings settings = pinned("in").withOrigin("bücher.example/log");
        write(settings, 1);

        write(settings, 1);

        assertThat(new PinFile(pin()).read().orElseThrow().key().name()).isEqualTo("bücher.example/log");
    }

    // ---- helpers

    private void assertRefuses(LedgerSettings settings, LedgerFault.Code code, String... said) throws IOException {
        var before = content(settings.data());
        assertThatThrownBy(() -> EmbeddedLedger.open(settings)).isInstanceOfSatisfying(LedgerFault.class, no -> {
            assertThat(no.code()).isEqualTo(code);
            assertThat(no).hasMessageContainingAll(said);
        });
        assertThat(content(settings.data())).isEqualTo(before);
    }

    /** Each file with its bytes; a folder has none. */
    private static Map<String, String> content(Path folder) throws IOException {
        var content = new TreeMap<String, String>();
        try (var paths = Files.walk(folder)) {
            for (Path path : paths.toList()) {
                byte[] bytes = Files.isDirectory(path) ? new byte[0] : Files.readAllBytes(path);
                content.put(
                        folder.relativize(path).toString(), Base64.getEncoder().encodeToString(bytes));
            }
        }
        return content;
    }

    private LedgerSettings settings() {
        return settings(data);
    }

    private static LedgerSettings settings(Path data) {
        return LedgerSettings.in(data)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ofMillis(20))
                .withOrigin("test.example/log");
    }

    private LedgerSettings pinned(String folder) {
        return settings(data.resolve(folder)).withPin(pin());
    }

    private Path pin() {
        return data.resolve("outside/pin");
    }

    private EmbeddedLedger open() {
        return EmbeddedLedger.open(settings());
    }

    private Path directory() {
        return settings().directory();
    }

    private void delete(String path) throws IOException {
        Files.delete(directory().resolve(path));
    }

    private List<String> walFiles() throws IOException {
        try (var names = Files.list(directory().resolve("wal"))) {
            return names.map(name -> name.getFileName().toString())
                    .filter(name -> name.matches("[0-9]+"))
                    .toList();
        }
    }

    private void write(LedgerSettings settings, int count) throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            appendAll(ledger, refusals(count));
        }
    }

    private List<AuditRecord> refusals(int count) {
        var drafts = new ArrayList<AuditRecord>();
        for (int i = 0; i < count; i++) {
            drafts.add(records.refusal(task));
        }
        return drafts;
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
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A data directory from somebody else: whatever lies in a file's place, the tasks are told from it or it is said why not. */
class HostileDataTest {
    /** Far more than a command takes; only what hangs or never ends is still there then. */
    private static final Duration AT_MOST = Duration.ofSeconds(60);

    private static final long SPARSE_BYTES = 8L << 30;
    private static final int OFFSETS = 40;

    @TempDir
    private Path temporary;

    private Path data;
    private Path log;
    private WrittenTask task;

    @BeforeEach
    void write() {
        data = temporary.resolve("data");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/hostile"))) {
            task = new WrittenTask(ledger, 1);
            task.whole();
        }
        log = data.resolve("ledger/main");
    }

    @Test
    void changesNothingInTheCopyAndSaysThatItVerifiedNothing() throws IOException {
        Map<String, String> before = state(data);

        for (CommandRun run : List.of(task(), tasks())) {
            assertThat(run.exit()).isEqualTo(Exit.FINE);
            assertThat(run.err()).contains("Told from the files in " + data + " as they are now", "behalf verify");
        }

        assertThat(state(data)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {"checkpoint", "bundle", "store.key", "behalf.db", "behalf.db-wal"})
    void whatIsNoRegularFileIsNamedAndNotOpened(String name) throws Exception {
        Path place = place(name);
        Path moved = temporary.resolve("moved");
        if (Files.exists(place)) {
            Files.move(place, moved);
        } else {
            Files.write(moved, new byte[32]);
        }

        assertThat(new ProcessBuilder("mkfifo", place.toString()).start().waitFor())
                .isZero();
        isNamed(place);

        for (Path target : List.of(Path.of("/dev/zero"), moved, temporary.resolve("nowhere"))) {
            Files.delete(place);
            Files.createSymbolicLink(place, target);
            isNamed(place);
        }

        Files.delete(place);
        Files.createDirectory(place);
        isNamed(place);
    }

    @ParameterizedTest
    @ValueSource(strings = {"checkpoint", "bundle", "store.key", "behalf.db", "behalf.db-wal"})
    void whatIsFarTooLongIsNamedAndNotRead(String name) throws IOException {
        Path place = place(name);
        Files.deleteIfExists(place);
        try (var sparse = new RandomAccessFile(place.toFile(), "rw")) {
            sparse.setLength(SPARSE_BYTES);
        }

        isNamed(name.endsWith("-wal") ? place("behalf.db") : place);
    }

    /** What does not belong to an index is deleted where a server opens its own. */
    @Test
    void aLinkInThePlaceOfTheIndexOrTheLockLeadsNowhere() throws IOException {
        Path outside = Files.createDirectory(temporary.resolve("outside"));
        Files.writeString(outside.resolve("letter"), "mine");
        delete(data.resolve("index"));
        Files.createDirectory(data.resolve("index"));
        Files.createSymbolicLink(data.resolve("index/main"), outside);
        Files.delete(data.resolve("lock"));
        Files.createSymbolicLink(data.resolve("lock"), outside.resolve("lock"));

        assertThat(task().exit()).isEqualTo(Exit.FINE);

        try (var left = Files.list(outside)) {
            assertThat(left).containsExactly(outside.resolve("letter"));
        }
        assertThat(outside.resolve("letter")).hasContent("mine");
    }

    /** Under another secret than it was made with, an index finds nothing, and says so without a fault. */
    @Test
    void anIndexThatHidesATaskIsNotBelieved() throws IOException {
        Files.write(data.resolve("index/main/secret"), new byte[16]);

        assertThat(task().out()).contains("none missing");
        assertThat(tasks().out()).contains(task.task.value());
    }

    /** Lengths, and what is in the records: a "no" or a story that is broken, and never a fault of ours. */
    @Test
    void aChangedByteAnywhereNeverEndsInAFault() throws IOException {
        for (Path file : List.of(place("bundle"), place("checkpoint"))) {
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 0; i < OFFSETS; i++) {
                byte[] changed = bytes.clone();
                int at = i < 3 ? i : (int) ((long) i * (bytes.length - 1) / (OFFSETS - 1));
                changed[at] ^= (byte) 0xff;
                Files.write(file, changed);
                saysItInALine(task(), "byte " + at + " of " + file);
            }
            Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
            saysItInALine(task(), "half of " + file);
            Files.write(file, bytes);
        }
        assertThat(task().exit()).isEqualTo(Exit.FINE);
    }

    @Test
    void aLogWithoutItsCheckpointIsNotTakenForNone() throws IOException {
        Files.delete(log.resolve("checkpoint"));

        isNamed(log.resolve("checkpoint"));
    }

    @Test
    void aNameThatSteersATerminalIsShownAsItIs() throws IOException {
        Path strange = Files.createDirectories(data.resolve("ledger/\u001b[2J\u202emain"));
        Files.createSymbolicLink(strange.resolve("checkpoint"), Path.of("/dev/zero"));

        CommandRun run = tasks();

        assertThat(run.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(run.err()).contains("\\u{1b}[2J\\u{202e}main").doesNotContain("\u001b", "\u202e");
    }

    @Test
    void moreLogsThanAServerKeepsAreNotOpened() throws IOException {
        for (int i = 0; i <= DataReader.MOST_LOGS; i++) {
            Files.createDirectories(data.resolve("ledger/log" + i + "/tile"));
        }

        CommandRun run = tasks();

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("at most " + DataReader.MOST_LOGS);
    }

    private Path place(String name) throws IOException {
        return switch (name) {
            case "checkpoint" -> log.resolve("checkpoint");
            case "bundle" -> log.resolve("tile/entries/000.p/" + task.ids().size());
            default -> {
                Files.createDirectories(data.resolve("keys"));
                Path key = data.resolve("keys/store.key");
                if (name.equals("store.key")) {
                    yield key;
                }
                Files.write(key, new byte[32]);
                if (name.equals("behalf.db-wal") && !Files.exists(data.resolve("behalf.db"))) {
                    Files.write(data.resolve("behalf.db"), new byte[0]);
                }
                yield data.resolve(name);
            }
        };
    }

    private CommandRun task() {
        return assertTimeoutPreemptively(AT_MOST, () -> CommandRun.of("task", task.task, "--data", data));
    }

    private CommandRun tasks() {
        return assertTimeoutPreemptively(AT_MOST, () -> CommandRun.of("tasks", "--data", data));
    }

    private void isNamed(Path file) {
        for (CommandRun run : List.of(task(), tasks())) {
            assertThat(run.exit()).isIn(Exit.NO, Exit.UNREACHABLE);
            assertThat(run.out()).isEmpty();
            assertThat(run.err()).contains(file.toString()).doesNotContain("\tat ");
        }
    }

    private static void saysItInALine(CommandRun run, String as) {
        assertThat(run.err()).as("%s", as).doesNotContain("\tat ").hasLineCount(1);
        assertThat(run.exit()).as("%s", as).isNotEqualTo(Exit.USAGE);
    }

    private static Map<String, String> state(Path folder) throws IOException {
        Map<String, String> state = new TreeMap<>();
        try (var files = Files.walk(folder)) {
            for (Path file : files.toList()) {
                state.put(
                        file.toString(),
                        Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS) + " "
                                + (Files.isRegularFile(file) ? Arrays.hashCode(Files.readAllBytes(file)) : 0));
            }
        }
        return state;
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (Path file : files.toList().reversed()) {
                Files.delete(file);
            }
        }
    }
}

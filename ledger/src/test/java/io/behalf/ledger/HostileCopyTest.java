package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.ledger.Verification.Finding;
import io.behalf.ledger.Verification.Report;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever hands over a copy may have put anything in a file's place: it is named, not read, and nothing waits for it. */
class HostileCopyTest {
    private static final int SIZE = TilePath.FULL + 10;

    /** Far more than verifying takes; only what hangs or never ends is still there then. */
    private static final Duration AT_MOST = Duration.ofSeconds(60);

    private static final Duration BRIEFLY = Duration.ofMillis(50);
    private static final long SPARSE_BYTES = 8L << 30;

    @TempDir
    static Path original;

    private static Path log;

    @TempDir
    Path temporary;

    private Path copy;

    @BeforeAll
    static void fill() {
        LedgerSettings settings = LedgerSettings.in(original).withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES);
        var records = new Records(5);
        TaskId task = records.task();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            ledger.append(records.lifecycle(task, Event.ISSUED))
                    .toCompletableFuture()
                    .join();
            IntStream.range(1, SIZE)
                    .mapToObj(_ -> ledger.append(records.refusal(task)).toCompletableFuture())
                    .toList()
                    .forEach(CompletableFuture::join);
        }
        log = settings.directory();
    }

    @BeforeEach
    void copy() throws IOException {
        copy = temporary.resolve("copy");
        FaultStory.copy(log, copy);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"vkey", "checkpoint", "tile/entries/000", "tile/entries/001.p/10", "tile/0/000", "tile/1/000.p/1"
            })
    void whatIsNoRegularFileIsNamedAndNotOpened(String file) throws Exception {
        Path place = copy.resolve(file);

        Files.move(place, temporary.resolve("moved"));
        assertThat(new ProcessBuilder("mkfifo", place.toString()).start().waitFor())
                .isZero();
        isNamed(file, "a special file");

        Files.delete(place);
        Files.createSymbolicLink(place, Path.of("/dev/zero"));
        isNamed(file, "a symbolic link");

        Files.delete(place);
        Files.createSymbolicLink(place, temporary.resolve("moved")); // the right bytes, outside the copy
        isNamed(file, "a symbolic link");

        Files.delete(place);
        try (var socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            socket.bind(UnixDomainSocketAddress.of(place));
            isNamed(file, "a special file");
        }

        Files.delete(place);
        try (var sparse = new RandomAccessFile(place.toFile(), "rw")) {
            sparse.setLength(SPARSE_BYTES);
        }
        isNamed(file, "longer than");
    }

    @ParameterizedTest
    @ValueSource(strings = {"vkey", "checkpoint", "tile/entries/000", "tile/0/000", "tile/1/000.p/1"})
    void aFolderInAFilesPlaceIsNamed(String file) throws IOException {
        Files.delete(copy.resolve(file));
        Files.createDirectory(copy.resolve(file));

        isNamed(file, "a directory");
    }

    @ParameterizedTest
    @ValueSource(strings = {"tile", "tile/entries", "tile/0"})
    void aLinkInAFoldersPlaceIsNamedAndNotFollowed(String folder) throws IOException {
        Files.move(copy.resolve(folder), temporary.resolve("moved"));
        Files.createSymbolicLink(copy.resolve(folder), temporary.resolve("moved"));

        isNamed(folder, "no such file");
    }

    /** 2^56 times 256 entries comes round to the first bundle, which is another file. */
    @ParameterizedTest
    @ValueSource(strings = {"tile/entries/x072/x057/x594/x037/x927/936", "tile/0/x072/x057/x594/x037/x927/936"})
    void aTileNumberThatComesRoundIsAFileTooMany(String file) throws IOException {
        Files.createDirectories(copy.resolve(file).resolveSibling(""));
        Files.writeString(copy.resolve(file), "hidden");

        isNamed(file, "no such file");
    }

    /** Files ahead of the checkpoint are compared with these, so they are read. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aWriteAheadFileThatIsNoneVouchesForNothing(boolean pipe) throws Exception {
        Files.write(copy.resolve("tile/entries/001.p/11"), new byte[32]);
        for (Path segment : segments()) {
            Files.delete(segment);
            if (pipe) {
                assertThat(new ProcessBuilder("mkfifo", segment.toString())
                                .start()
                                .waitFor())
                        .isZero();
            } else {
                try (var sparse = new RandomAccessFile(segment.toFile(), "rw")) {
                    sparse.setLength(SPARSE_BYTES);
                }
            }
        }

        isNamed("tile/entries/001.p/11", "no such file");
    }

    @Test
    void theFolderItselfMayBeReachedByALink() throws IOException {
        Path link = Files.createSymbolicLink(temporary.resolve("link"), copy);

        assertThat(Verification.verify(link, Optional.empty()).finding()).isEmpty();
    }

    private List<Path> segments() throws IOException {
        try (var files = Files.list(copy.resolve("wal"))) {
            return files.toList();
        }
    }

    private void isNamed(String file, String problem) {
        Report report = assertTimeoutPreemptively(AT_MOST, () -> Verification.verify(copy, BRIEFLY));

        Finding finding = report.finding().orElseThrow();
        assertThat(finding.file()).contains(file);
        assertThat(finding.problem()).contains(problem);
    }
}

package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerBench;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A published reader of tile logs that is not ours comes to the same answer about a log of ours, sound or altered. */
@Tag("go")
@ExtendWith(RealParts.class)
class OutsideVerifierTest {
    private static final int PART = 302;
    /** Two full tiles, a partial one, and a partial one above them. */
    private static final int SIZE = 2 * PART;

    @TempDir
    private Path folder;

    private Path log;
    private Path earlier;
    private String vkey;

    @BeforeEach
    void writeLog(TileVerifier present) throws Exception {
        var settings = LedgerSettings.in(folder.resolve("data")).withSegmentBytes(1 << 20);
        log = folder.resolve("log");
        earlier = folder.resolve("earlier");
        var written = settings.directory();
        try (var ledger = EmbeddedLedger.open(settings)) {
            writePart(ledger, PART);
            Files.copy(written.resolve("checkpoint"), earlier);
            writePart(ledger, SIZE);
            vkey = ledger.verifierKey().vkey();
        }
        copyWithoutWal(written);
    }

    @Test
    void findsEveryEntryIncludedAndTheEarlierCheckpointContinued(TileVerifier verifier) {
        var answer = verifier.verify(log, vkey, earlier);

        assertThat(answer.said()).contains(SIZE + " entries are as signed");
        assertThat(answer.sound()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "checkpoint",
                "tile/entries/000",
                "tile/entries/002.p/92",
                "tile/0/001",
                "tile/0/002.p/92",
                "tile/1/000.p/2"
            })
    void findsOneChangedByte(String file, TileVerifier verifier) throws IOException {
        var path = log.resolve(file);
        var bytes = Files.readAllBytes(path);
        bytes[bytes.length / 2] ^= 1;
        Files.write(path, bytes);

        assertThat(verifier.verify(log, vkey, earlier).sound()).isFalse();
    }

    @Test
    void findsThatTheLogDoesNotContinueAnother(TileVerifier verifier) throws Exception {
        var other = LedgerSettings.in(folder.resolve("other")).withSegmentBytes(1 << 20);
        var otherKeys = other.data().resolve("keys");
        Files.createDirectories(otherKeys);
        Files.copy(folder.resolve("data/keys/main.pem"), otherKeys.resolve("main.pem"));
        var origin = vkey.substring(0, vkey.indexOf('+'));
        try (var ledger = EmbeddedLedger.open(other.withOrigin(origin))) {
            writePart(ledger, PART);
        }

        var answer = verifier.verify(log, vkey, other.directory().resolve("checkpoint"));

        assertThat(answer.sound()).isFalse();
        assertThat(answer.said()).contains("consistency");
    }

    @Test
    void acceptsNoOtherKey(TileVerifier verifier) {
        String otherKey;
        try (var ledger = EmbeddedLedger.open(LedgerSettings.in(folder.resolve("other")))) {
            otherKey = ledger.verifierKey().vkey();
        }

        assertThat(verifier.verify(log, otherKey, earlier).sound()).isFalse();
    }

    /** Records as a gateway writes them, up to a size, under a checkpoint. */
    private static void writePart(EmbeddedLedger ledger, int size) throws InterruptedException {
        LedgerBench.run(ledger, PART / 2 - 1, 20, Duration.ofMillis(100));
        assertThat(ledger.awaitIntegrated(size - 1, Duration.ofSeconds(10))).isTrue();
    }

    private void copyWithoutWal(Path written) throws IOException {
        try (Stream<Path> files = Files.walk(written)) {
            for (var file : files.filter(file -> !file.startsWith(written.resolve("wal")))
                    .toList()) {
                Files.copy(file, log.resolve(written.relativize(file).toString()));
            }
        }
    }
}

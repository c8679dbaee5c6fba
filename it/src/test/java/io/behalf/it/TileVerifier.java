package io.behalf.it;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** {@code go/main.go}: Tessera's fsck and Go's sumdb packages, which read tile logs and know nothing of Behalf. */
final class TileVerifier implements AutoCloseable {
    static final Path PROGRAM = Checkout.file("it/go/target/verify-tiles");
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(60);

    /** What it said, and whether it found the log to be as signed. */
    record Answer(boolean sound, String said) {}

    static TileVerifier start() {
        return new TileVerifier();
    }

    /** @param earlier a checkpoint that the log must continue */
    Answer verify(Path log, String vkey, Path earlier) {
        var command = List.of(PROGRAM.toString(), log.toString(), vkey, earlier.toString());
        try (var program = Program.start("verify-tiles", command, Map.of())) {
            return new Answer(program.exitsWithin(ANSWERS_WITHIN) == 0, program.output());
        }
    }

    @Override
    public void close() {}
}

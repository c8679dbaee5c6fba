package io.behalf.server.kill;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bench itself is held to account; the rounds in which nothing may be found are in {@code it}. */
@Tag("kill")
class KillBenchTest {
    private static final long SEED = 4711;

    /** Nothing of what was acknowledged is there any more, and the server starts all the same. */
    @Test
    void findsThatEverythingIsLost(@TempDir Path folder) throws Exception {
        var result = KillBench.run(new KillBench.Settings(folder, 3, 1, SEED, _ -> {}), (_, data) -> {
            remove(data.resolve("data"));
            remove(data.resolve("pin"));
        });

        assertThat(result.rounds())
                .as("the first round with a violation is the last")
                .isOne();
        assertThat(result.violations())
                .extracting(Violation::promise)
                .contains(Promises.NOT_LOST, Promises.NO_CALL, Promises.REMEMBERED);
    }

    /** The ledger is gone, and the pin file remembers it. */
    @Test
    void findsThatItDoesNotStart(@TempDir Path folder) throws Exception {
        var result = KillBench.run(
                new KillBench.Settings(folder, 3, 1, SEED, _ -> {}),
                (_, data) -> remove(data.resolve("data").resolve("ledger")));

        assertThat(result.violations())
                .singleElement()
                .asString()
                .contains("starts on")
                .contains("does not start");
    }

    private static void remove(Path path) throws IOException {
        List<Path> deepestFirst;
        try (Stream<Path> all = Files.walk(path)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path each : deepestFirst) {
            Files.delete(each);
        }
    }
}

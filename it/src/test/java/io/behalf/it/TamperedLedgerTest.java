package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An auditor has a copy of the ledger and nothing else, and somebody has changed it on the way. {@code behalf verify}
 * says no, and where. The ledger has whole tiles and partial ones on two levels.
 */
class TamperedLedgerTest {
    /** Two records each: more than the 256 entries of one tile. */
    private static final int CALLS = 140;

    private static final String WHOLE_BUNDLE = "tile/entries/000";

    @TempDir
    static Path folder;

    private static LedgerCopy original;

    @BeforeAll
    static void record() throws Exception {
        try (var pretend = PretendDeployment.start(folder);
                var agent = pretend.agent(PretendDeployment.READ_TICKETS)) {
            for (var call = 0; call < CALLS; call++) {
                assertThat(agent.get(PretendDeployment.TICKET).statusCode()).isEqualTo(200);
            }
        }
        original = LedgerCopy.of(folder.resolve("data"), folder.resolve("original"));
    }

    static List<String> files() {
        return original.files();
    }

    @Test
    void acceptsTheUntouchedCopy() {
        var verified = verify(original);

        assertThat(verified.exit()).as(verified.said()).isZero();
        assertThat(verified.out()).contains("consistent");
        assertThat(files())
                .contains("checkpoint", "vkey", WHOLE_BUNDLE, "tile/0/000", "tile/1/000.p/1")
                .anyMatch(file -> file.startsWith("tile/entries/001.p/"))
                .anyMatch(file -> file.startsWith("tile/0/001.p/"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void namesTheFileOfWhichOneByteWasChanged(String file, @TempDir Path copy) {
        refuses(copy, ledger -> ledger.changeOneByteOf(file), file);
    }

    @Test
    void noticesARemovedEntry(@TempDir Path copy) {
        refuses(copy, ledger -> rewrite(ledger, entries -> entries.remove(100)), WHOLE_BUNDLE);
    }

    @Test
    void namesTheFirstOfTwoSwappedEntries(@TempDir Path copy) {
        refuses(copy, ledger -> rewrite(ledger, entries -> Collections.swap(entries, 100, 101)), "entry    100");
    }

    @Test
    void namesAnEntryThatWasWrittenAnew(@TempDir Path copy) {
        refuses(copy, ledger -> rewrite(ledger, entries -> entries.set(100, entries.get(101))), "entry    100");
    }

    @Test
    void namesWhatIsMissingWhenTheTailWasCut(@TempDir Path copy) {
        var tail = tail("tile/entries/001.p/");
        refuses(copy, ledger -> Stream.of(tail, tail("tile/0/001.p/")).forEach(ledger::delete), tail);
    }

    private static String tail(String prefix) {
        return files().stream()
                .filter(file -> file.startsWith(prefix))
                .max((one, other) -> Integer.compare(width(one), width(other)))
                .orElseThrow();
    }

    private static int width(String file) {
        return Integer.parseInt(file.substring(file.lastIndexOf('/') + 1));
    }

    private static void rewrite(LedgerCopy ledger, Consumer<List<byte[]>> change) {
        var entries = ledger.entries(WHOLE_BUNDLE);
        change.accept(entries);
        ledger.write(WHOLE_BUNDLE, entries);
    }

    private static void refuses(Path folder, Consumer<LedgerCopy> change, String named) {
        var changed = original.again(folder.resolve("changed"));
        change.accept(changed);

        var verified = verify(changed);

        assertThat(verified.exit()).as(verified.said()).isEqualTo(1);
        assertThat(verified.said()).contains(named);
    }

    private static Command verify(LedgerCopy ledger) {
        return Command.behalf(ledger.folder(), "verify", ledger.folder().toString());
    }
}

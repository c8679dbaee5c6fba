package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code behalf bench kill} with few rounds; whoever has the time runs its 500. */
@Tag("kill")
class KillTest {
    private static final int ROUNDS = 10;
    /** Two dozen starts, on a machine that does much else besides. */
    private static final Duration ENDS_WITHIN = Duration.ofMinutes(8);

    @Test
    void keepsItsWordHoweverOftenItIsKilled(@TempDir Path folder) {
        var command = Stream.concat(
                        Command.behalf().stream(),
                        Stream.of("bench", "kill", "--rounds", "" + ROUNDS, "--dir", folder.toString(), "--json"))
                .toList();

        var bench = Command.run(command, folder, Map.of(), ENDS_WITHIN);

        assertThat(bench.exit()).as(bench.said()).isZero();
        var facts = BehalfServer.parsed(bench.out()).path("kill");
        assertThat(facts.path("violations").asInt(-1)).isZero();
        assertThat(facts.path("rounds").asInt()).isEqualTo(ROUNDS);
        assertThat(facts.path("kills").asInt()).isGreaterThanOrEqualTo(ROUNDS);
        // a check of nothing finds nothing
        assertThat(Stream.of(
                        "calls",
                        "requests_at_upstreams",
                        "acknowledged",
                        "tasks_begun",
                        "approvals_in_the_browser",
                        "renewals",
                        "hand_overs",
                        "tasks_stopped",
                        "logouts",
                        "entries_verified"))
                .allSatisfy(name ->
                        assertThat(facts.path(name).asInt()).as("%s", name).isPositive());
    }
}

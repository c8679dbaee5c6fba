package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import io.behalf.gateway.GatewayBench;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCommandTest {
    @TempDir
    private Path dir;

    @Test
    void measuresTheLedgerAndLeavesNothingBehind() throws IOException, Json.Malformed {
        CommandRun run = CommandRun.of(
                "bench", "ledger", "--records", 200, "--pace", 100, "--seconds", 1, "--dir", dir, "--json");

        assertThat(run.exit()).as(run.err()).isEqualTo(Exit.FINE);
        Map<String, ?> facts = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(facts.get("ledger"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsKeys("durable_per_second", "append_p99_to_median");
        try (var left = Files.list(dir)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void saysThatTheFolderIsNotThere() {
        CommandRun run = CommandRun.of("bench", "ledger", "--dir", dir.resolve("nowhere"));
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains(dir.resolve("nowhere") + " is no folder that is there");
    }

    @Test
    void printsRatiosBesideFigures() {
        CommandRun run =
                CommandRun.of("bench", "ledger", "--records", 200, "--pace", 100, "--seconds", 1, "--dir", dir);
        assertThat(run.out())
                .contains("durable_per_second")
                .contains("append_p99_to_median")
                .contains("times");
    }

    @Test
    void measuresTheGatewayBesideNginxOrSaysWhatIsMissing() throws IOException, Json.Malformed {
        CommandRun run = CommandRun.of(
                "bench",
                "gateway",
                "--connections",
                4,
                "--rounds",
                1,
                "--warm-up",
                1,
                "--seconds",
                1,
                "--dir",
                dir,
                "--json");

        if (!GatewayBench.missing().isEmpty()) {
            assertThat(run.exit()).isEqualTo(Exit.USAGE);
            assertThat(run.err()).contains("apt-get install");
            return;
        }
        assertThat(run.exit()).as(run.err()).isEqualTo(Exit.FINE);
        Map<String, ?> facts = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(facts.get("gateway"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsKeys("file_system", "nginx_4_per_second", "bearer_4_to_nginx", "dpop_4_added_p99_nanos");
        try (var left = Files.list(dir)) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void knowsItsNamesOnly() {
        assertThat(CommandRun.of("bench", "weather").exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("bench", "ledger", "--records", 0).exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("bench", "gateway", "--connections", "32,0").exit())
                .isEqualTo(Exit.USAGE);
    }
}

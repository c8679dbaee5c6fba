package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("slow")
class DemoCommandTest {
    private static final int MOST_LINES = 40;

    @TempDir
    private Path data;

    @Test
    void tellsTheWholeStoryAndLeavesWhatItsCommandsNeed() throws Json.Malformed {
        CommandRun demo = CommandRun.of("demo", "--data", data);
        assertThat(demo.err()).isEmpty();
        assertThat(demo.exit()).isEqualTo(Exit.FINE);
        assertThat(demo.out().lines().count()).as(demo.out()).isLessThanOrEqualTo(MOST_LINES);
        assertThat(demo.out().lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
        assertThat(demo.out())
                .containsSubsequence(
                        "47 such lines",
                        "Alice Doe",
                        "plans 2 tool calls",
                        "tickets.search   ok       planned by #1",
                        "customers.get    REFUSED  scope_exceeded",
                        "told the agent:",
                        "Alice logs out",
                        "delegation renewed",
                        "by sub-agent summarizer, with less scope",
                        "its own signed record joins: permit",
                        "the operator stops the task (behalf revoke)",
                        "tool   a call           REFUSED  delegation_revoked, before it was read",
                        "PROOF",
                        "OK",
                        "CAUGHT at #4");
        for (String line :
                demo.out().lines().filter(each -> each.contains("./behalf ")).toList()) {
            assertPrintedCommandWorks(line.substring(line.indexOf("./behalf ") + "./behalf ".length())
                    .strip());
        }

        // once more on the same data: a second task in the same ledger
        CommandRun again = CommandRun.of("demo", "--json", "--data", data);
        Map<String, @Nullable Object> facts = Json.readObject(again.out().getBytes(StandardCharsets.UTF_8));
        assertThat(facts)
                .containsEntry("calls_before", 47L)
                .containsEntry("refusals", 2L)
                .containsEntry("renewals", 1L)
                .containsEntry("logouts_seen", 1L)
                .containsEntry("verified", true)
                .containsEntry("tamper_caught", true);
        assertThat((Long) facts.get("stopped_after_ms")).isBetween(0L, 1_000L);
        assertThat((Long) facts.get("records")).isGreaterThan(15);
        CommandRun told = CommandRun.of("task", "--record", String.valueOf(facts.get("record")), "--data", data);
        assertThat(told.exit()).isEqualTo(Exit.FINE);
        assertThat(told.out()).contains(String.valueOf(facts.get("task_id"))).contains("none missing");
    }

    private static void assertPrintedCommandWorks(String command) {
        if (!command.startsWith("demo --stay")) {
            CommandRun run = CommandRun.of((Object[]) command.split("\\s+"));
            assertThat(run.exit()).as("%s: %s", command, run.err()).isEqualTo(Exit.FINE);
        }
    }

    @Test
    void doesNotPlayOnRealData() throws Exception {
        Path real = data.resolve("real");
        new DataDirectory(real).prepare(false);
        Files.createDirectory(real.resolve("keys"));
        CommandRun demo = CommandRun.of("demo", "--data", real);
        assertThat(demo.exit()).isEqualTo(Exit.USAGE);
        assertThat(demo.err()).contains(real.toString());
    }
}

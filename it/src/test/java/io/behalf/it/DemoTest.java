package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** {@code behalf demo} tells the truth, in time, and what it leaves behind answers the commands that it prints. */
@Tag("slow")
@Isolated("how soon the stop bites is measured")
class DemoTest {
    private static final Duration WHOLE_STORY = Duration.ofSeconds(60);
    private static final int MOST_LINES = 40;
    private static final String TASK_COMMAND = "./behalf task --record rec_";

    @Test
    void countsWhatHappened(@TempDir Path folder) {
        var demo = demo(folder, "demo", "--json");
        var facts = BehalfServer.parsed(demo.out());

        assertThat(facts.path("task_id").asText()).startsWith("tsk_");
        assertThat(facts.path("records").asInt()).isGreaterThan(10);
        assertThat(facts.path("refusals").asInt()).isPositive();
        assertThat(facts.path("renewals").asInt()).isPositive();
        assertThat(facts.path("stopped_after_ms").asInt(-1)).isBetween(0, 1_000);
        assertThat(facts.path("verified").asBoolean()).isTrue();
        assertThat(facts.path("tamper_caught").asBoolean()).isTrue();
    }

    @Test
    void tellsItsStoryAndLeavesWhatItsCommandsNeed(@TempDir Path folder) {
        var demo = demo(folder, "demo");

        assertThat(demo.out().lines().count()).as(demo.out()).isLessThanOrEqualTo(MOST_LINES);
        assertThat(demo.out())
                .containsSubsequence("BEFORE", "47", "AFTER", "REFUSED", "scope_exceeded", "PROOF", "OK", "CAUGHT");
        var record = demo.out()
                .lines()
                .filter(line -> line.contains(TASK_COMMAND))
                .findFirst()
                .map(line -> line.substring(line.indexOf(TASK_COMMAND)).strip().split("\\s+")[3])
                .orElseThrow(() -> new AssertionError("no command in " + demo.out()));
        var told = demo(folder, "task", "--record", record);
        assertThat(told.out()).contains(record).contains("none missing");
        var ledger = folder.resolve("behalf-data/ledger/main").toString();
        assertThat(demo(folder, "verify", ledger).exit()).isZero();
    }

    private static Command demo(Path folder, String... words) {
        var command = Stream.concat(Command.behalf().stream(), Stream.of(words)).toList();
        var done = Command.run(List.copyOf(command), folder, Map.of(), WHOLE_STORY);
        assertThat(done.exit()).as(done.said()).isZero();
        return done;
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.json.Json;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TasksCommandTest {
    private static final Instant NOW = Instant.parse("2026-03-08T09:00:00Z");

    @TempDir
    private Path data;

    private WrittenTask whole;
    private WrittenTask nobody;

    @BeforeEach
    void write() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/tasks"))) {
            whole = new WrittenTask(ledger, 1);
            whole.whole();
            nobody = WrittenTask.withNobody(ledger, 2);
            nobody.issued();
        }
    }

    @Test
    void listsNewestFirst() {
        CommandRun run = CommandRun.of("tasks", "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out().lines())
                .containsExactly(
                        nobody.task + "  2026-03-01 09:00  open     0 calls, 0 refused",
                        "    ticket-agent for nobody (scheduled)",
                        whole.task + "  2026-03-01 09:00  stopped  4 calls, 2 refused",
                        "    ticket-agent for " + whole.subject);
    }

    @Test
    void keepsToWhatIsAskedFor() {
        assertThat(listed("--no-subject")).isEqualTo(nobody.task.value());
        assertThat(listed("--agent", WrittenTask.SUB_AGENT)).isEqualTo(whole.task.value());
        assertThat(listed("--user", whole.subject)).isEqualTo(whole.task.value());
        assertThat(listed("--agent", "nobody-knows")).isEmpty();
        assertThat(listed("--since", "2026-03-02")).isEmpty();
        assertThat(listed("--since", "2026-03-01", "--no-subject")).isEqualTo(nobody.task.value());
    }

    @Test
    void saysThatNoneMatches() {
        CommandRun run = CommandRun.of("tasks", "--agent", "nobody-knows", "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).endsWith("No task here matches.\n");
    }

    @Test
    void saysThatThereIsNoneYet(@TempDir Path empty) {
        EmbeddedLedger.open(LedgerSettings.in(empty)).close();
        CommandRun run = CommandRun.of("tasks", "--data", empty);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.err()).endsWith("There are no tasks here yet.\n");
    }

    @Test
    void saysThatPeopleCannotBeNamedWithoutTheStore() {
        CommandRun run = CommandRun.of("tasks", "--user", "alice", "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains("cannot be opened here");
    }

    @Test
    void printsFactsAsJson() throws Json.Malformed {
        CommandRun run = CommandRun.of("tasks", "--json", "--no-subject", "--data", data);
        Map<String, ?> facts = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(facts.get("task_id")).isEqualTo(nobody.task.value());
        assertThat(facts.get("on_behalf_of"))
                .isEqualTo(Map.of("kind", "none", "category", "scheduled", "reason_code", "nightly-report"));
    }

    @Test
    void readsWhenToBegin() {
        assertThat(TaskFilter.since("2026-03-01", NOW)).isEqualTo("2026-03-01T00:00:00Z");
        assertThat(TaskFilter.since("2026-03-01T09:30:00Z", NOW)).isEqualTo("2026-03-01T09:30:00Z");
        assertThat(TaskFilter.since("7d", NOW)).isEqualTo("2026-03-01T09:00:00Z");
        assertThat(TaskFilter.since("12h", NOW)).isEqualTo("2026-03-07T21:00:00Z");
        assertThat(TaskFilter.since("30m", NOW)).isEqualTo("2026-03-08T08:30:00Z");
        assertThatThrownBy(() -> TaskFilter.since("yesterday", NOW)).isInstanceOf(IllegalArgumentException.class);
    }

    private String listed(Object... options) {
        Object[] words = new Object[options.length + 3];
        words[0] = "tasks";
        System.arraycopy(options, 0, words, 1, options.length);
        words[words.length - 2] = "--data";
        words[words.length - 1] = data;
        CommandRun run = CommandRun.of(words);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        String out = run.out();
        return out.isEmpty() ? "" : out.substring(0, out.indexOf(' '));
    }
}

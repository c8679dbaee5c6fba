package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class TaskCommandTest {
    @TempDir
    private Path data;

    private static LedgerSettings settings(Path where) {
        return LedgerSettings.in(where).withOrigin("behalf.test/story");
    }

    private WrittenTask wholeTask() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            WrittenTask task = new WrittenTask(ledger, 1);
            task.whole();
            return task;
        }
    }

    @Test
    void tellsAWholeTask() throws IOException {
        WrittenTask task = wholeTask();

        CommandRun run = CommandRun.of("task", task.task, "--data", data);

        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).isEqualTo(resource("story.txt"));
    }

    @Test
    void tellsWhatTheProviderCalledApartFromWhatTheModelPlanned() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            WrittenTask task = new WrittenTask(ledger, 1);
            task.model(List.of(
                    ToolCall.byProvider("srv_1", "web_search", Optional.empty()),
                    ToolCall.byAgent("call_1", "tickets.search", Optional.empty()),
                    ToolCall.byProvider("mcp_1", "crm/delete", Optional.empty()),
                    ToolCall.byAgent("call_2", "provider:web_search", Optional.empty())));
        }

        CommandRun run = CommandRun.of("task", "--tool-call", "srv_1", "--data", data);

        assertThat(run.out().replaceAll("\\s+", " "))
                .contains("plans 2 tool calls: tickets.search, agent:provider:web_search;")
                .contains("the provider itself made 2 tool calls: web_search, crm/delete;");
    }

    @Test
    void tellsTheSameFromAnyOfItsRecords() {
        WrittenTask task = wholeTask();
        String text = CommandRun.of("task", task.task, "--data", data).out();

        for (String record : task.ids()) {
            CommandRun run = CommandRun.of("task", "--record", record, "--data", data);
            assertThat(run.out()).as(record).isEqualTo(text);
        }
        assertThat(CommandRun.of("task", "--trace", task.trace(), "--data", data)
                        .out())
                .isEqualTo(text);
        assertThat(CommandRun.of("task", "--token", task.jti(), "--data", data).out())
                .isEqualTo(text);
        for (String copied : List.of(task.id(4), task.jti())) {
            assertThat(CommandRun.of("task", copied, "--data", data).out())
                    .as(copied)
                    .isEqualTo(text);
        }
        assertThat(CommandRun.of("task", "--tool-call", "call_2", "--data", data)
                        .out())
                .isEqualTo(text);
    }

    @Test
    void tellsTheSameWhileAServerRuns() {
        WrittenTask task;
        CommandRun beside;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            task = new WrittenTask(ledger, 1);
            task.whole();
            task.show();
            beside = CommandRun.of("task", "--record", task.id(4), "--data", data);
        }

        CommandRun afterwards = CommandRun.of("task", task.task, "--data", data);

        assertThat(beside.exit()).isEqualTo(Exit.FINE);
        assertThat(beside.out()).contains("none missing").isEqualTo(afterwards.out());
    }

    @Test
    void printsTheSameFactsAsJson() throws Json.Malformed {
        WrittenTask task = wholeTask();

        CommandRun run = CommandRun.of("task", "--record", task.id(7), "--json", "--data", data);

        Map<String, ?> story = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(story.get("task_id")).isEqualTo(task.task.value());
        assertThat(story.get("on_behalf_of")).isEqualTo(Map.of("kind", "subject", "subject", task.subject));
        assertThat(story.get("calls")).isEqualTo(4L);
        assertThat(story.get("refusals")).isEqualTo(2L);
        assertThat(story.get("late")).isEqualTo(1L);
        assertThat(story.get("stopped")).isEqualTo(true);
        assertThat(story.get("policies")).isEqualTo(List.of(WrittenTask.POLICY));
        assertThat(story.get("chain"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("whole", true)
                .containsEntry("records", (long) task.ids().size() - 1); // one is a service's own
    }

    @Test
    void saysNoToAnIdThatNobodyKnows() {
        wholeTask();
        Map<String, String> unknown = Map.of(
                "--record", "rec_01JNAAAAAAAAAAAAAAAAAAAAAA",
                "--trace", "0123456789abcdef0123456789abcdef",
                "--token", "dlg_01JNAAAAAAAAAAAAAAAAAAAAAA",
                "--tool-call", "call_of_nobody");
        for (var each : unknown.entrySet()) {
            CommandRun run = CommandRun.of("task", each.getKey(), each.getValue(), "--data", data);
            assertThat(run.exit()).as(each.getKey()).isEqualTo(Exit.NO);
            assertThat(run.err()).contains("No record in " + data + " has this id.");
        }
        assertThat(CommandRun.of("task", "tsk_01JNAAAAAAAAAAAAAAAAAAAAAA", "--data", data)
                        .exit())
                .isEqualTo(Exit.NO);
    }

    @Test
    void whatIsNoIdIsAMistakeOfWhoeverTyped() {
        for (List<String> words : List.of(
                List.of("tsk_x!"),
                List.of("something"),
                List.of("rec_01JN"),
                List.of("dlg_01JN"),
                List.of("--record", "tsk_01JNAAAAAAAAAAAAAAAAAAAAAA"),
                List.of("--trace", "00-0123456789abcdef0123456789abcdef-01"))) {
            var command = new ArrayList<Object>(words);
            command.addFirst("task");
            command.addAll(List.of("--data", data));
            CommandRun run = CommandRun.of(command.toArray());
            assertThat(run.exit()).as("%s", words).isEqualTo(Exit.USAGE);
            assertThat(run.err()).contains(words.getLast() + " is no such id");
        }
    }

    /** A record that cannot be searched may be the one that was asked for. */
    @Test
    @Timeout(60)
    void saysThatItCannotKnowWhereNotAllCanBeSearched() throws IOException {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            for (int i = 0; i < 20; i++) {
                new WrittenTask(ledger, i).whole();
            }
        }
        Files.delete(data.resolve("ledger/main/tile/entries/000"));

        CommandRun run = CommandRun.of("task", "--record", "rec_01JNAAAAAAAAAAAAAAAAAAAAAA", "--data", data);

        assertThat(run.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(run.err()).contains("The index of the log main cannot be made", "tile/entries/000", "behalf verify");
    }

    @Test
    void wantsExactlyOneId() {
        assertThat(CommandRun.of("task", "--data", data).exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("task", "--record", "a", "--trace", "b").exit())
                .isEqualTo(Exit.USAGE);
    }

    @Test
    void namesAFolderWithoutALedger() {
        CommandRun run = CommandRun.of("task", "--tool-call", "a", "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("There is no ledger in " + data);
    }

    @Test
    void callsAnApplicationsWordWhatItIs() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            WrittenTask task = new WrittenTask(ledger, 2).approvedAs("asserted");
            task.approved(Map.of());
            task.issued();
            task.show();
            assertThat(CommandRun.of("task", task.task, "--data", data).out())
                    .contains("asserted by ticket-agent: an application's word")
                    .doesNotContain("approved by");
        }
    }

    @Test
    void saysThatNobodyStandsBehindATask() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            WrittenTask task = WrittenTask.withNobody(ledger, 3);
            task.issued();
            task.show();
            assertThat(CommandRun.of("task", task.task, "--data", data).out())
                    .contains("no person: scheduled, nightly-report")
                    .contains("by nobody: the agent is registered for tasks with no person behind them");
        }
    }

    @Test
    void tellsACallWithoutATaskAlone() {
        String record;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            record = new WrittenTask(ledger, 4).unattributed();
        }
        CommandRun run = CommandRun.of("task", "--record", record, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out())
                .contains("A call that belongs to no task")
                .contains("unattributed, called with key:reports")
                .contains("WOULD BE REFUSED: delegation_missing");
    }

    @Test
    void saysWhichOutcomeWasLostInACrash() {
        WrittenTask task;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            task = new WrittenTask(ledger, 5);
            task.approved(Map.of());
            task.issued();
            task.intent(
                    WrittenTask.toolCall("tickets.read", Optional.empty()),
                    Optional.empty(),
                    List.of(WrittenTask.AGENT));
        }
        assertThat(CommandRun.of("task", task.task, "--data", data).out())
                .contains("no outcome is recorded yet")
                .contains("1 call without an outcome yet");

        EmbeddedLedger.open(settings(data)).close();

        assertThat(CommandRun.of("task", task.task, "--data", data).out())
                .contains("how it ended was lost in a crash: it may have been carried out")
                .contains("1 outcome unknown");
    }

    @Test
    void letsNothingThroughThatSteersATerminal() {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            WrittenTask task = new WrittenTask(ledger, 6);
            task.approved(Map.of());
            task.issued();
            task.check(WrittenTask.toolCall("\u001b[2J\u202eevil\n#9 ok" + "x".repeat(180), Optional.empty()));
            task.change(Event.REVOKED, "operator", Map.of("stops", "task", "reason", "\u001b]0;owned\u0007"));
            task.show();

            String text = CommandRun.of("task", task.task, "--data", data).out();

            assertThat(text).contains("\\u{1b}[2J\\u{202e}evil\\u{a}#9").contains("\\u{1b}]0;owned\\u{7}");
            assertThat(text.chars().filter(c -> c < 0x20 && c != '\n')).isEmpty();
            assertThat(text.lines())
                    .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(StoryLines.WIDTH));
        }
    }

    private static String resource(String name) throws IOException {
        try (var in = TaskCommandTest.class.getResourceAsStream(name)) {
            assertThat(in).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}

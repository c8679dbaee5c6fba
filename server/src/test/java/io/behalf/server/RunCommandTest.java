package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code behalf run} as it is typed, at a real server, with a person at a browser. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RunCommandTest {
    private static final Duration PATIENCE = Duration.ofSeconds(40);
    private static final Pattern PASSWORD = Pattern.compile("pretend person alice, password (\\S+)");

    private Path folder = Path.of("");
    private RunningServer running;
    private Path answer = Path.of("");

    @BeforeAll
    void start(@TempDir Path given) throws IOException {
        folder = given;
        running = RunningServer.in(folder);
    }

    @BeforeEach
    void forgetAnswer() throws IOException {
        answer = folder.resolve("answer");
        Files.deleteIfExists(answer);
    }

    @AfterAll
    void stop() {
        running.close();
    }

    @Test
    void runsAProgramUnderTheTaskThatAPersonApproved() throws IOException {
        CommandRun run = run(
                ApprovingPerson::approve,
                Stream.concat(
                        Stream.of("--task", "Say hello", "--scope", "openai:chat", "--"),
                        CallingProgram.command(answer, "OPENAI_BASE_URL", "/chat/completions").stream()));

        assertThat(run.exit()).as(run.err()).isZero();
        String task = TypedRun.task(run);
        assertThat(Files.readString(answer)).startsWith("200 " + task).contains("chat.completion");
        assertThat(told(task)).contains("Alice Doe", "Say hello", "local", "openai:chat");
        awaitEnd(task);
        assertThat(run.err()).doesNotContain("made no call");
    }

    @Test
    void asksForEverythingThatTheServerHasWhereNothingIsNamed() {
        CommandRun run = run(ApprovingPerson::approve, Stream.of("--task", "Anything", "--", "true"));

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err())
                .contains("openai:* anthropic:* tools:* tickets:*")
                .contains("true made no call through Behalf.");
    }

    @Test
    void takesSeveralScopesInOneAndSeveralTimes() {
        CommandRun run = run(
                ApprovingPerson::approve,
                Stream.of(
                        "--task",
                        "Read",
                        "--scope",
                        "openai:chat tickets:read",
                        "--scope",
                        "tools:tickets.search",
                        "--require-calls",
                        "--",
                        "true"));

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains(": openai:chat tickets:read tools:tickets.search");
    }

    @Test
    void letsTheProgramDoNothingOutsideTheScope() throws IOException {
        CommandRun run = run(
                ApprovingPerson::approve,
                Stream.concat(
                        Stream.of("--task", "Read tickets", "--scope", "tickets:read", "--"),
                        CallingProgram.command(answer, "OPENAI_BASE_URL", "/chat/completions").stream()));

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(Files.readString(answer)).startsWith("403 ").contains("scope_exceeded");
    }

    @Test
    void startsNothingThatThePersonRefused() {
        CommandRun run =
                run(ApprovingPerson::refuse, Stream.of("--task", "Delete it all", "--", "touch", answer.toString()));

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains("Not approved, so the program was not started: The person refused.");
        assertThat(answer).doesNotExist();
    }

    @Test
    void actsAsTheAgentThatIsNamed() {
        CommandRun run = run(
                ApprovingPerson::approve,
                Stream.of("--task", "Work", "--agent", "team/agent:1", "--", "sh", "-c", "exit 3"));

        assertThat(run.exit()).as(run.err()).isEqualTo(3);
        assertThat(told(TypedRun.task(run))).contains("team/agent:1");
        assertThat(running.data().agentKeys().resolve("team%2Fagent%3A1")).exists();
    }

    @Test
    void handsOnTheProgramsArgumentsAsTheyAre() throws IOException {
        Path said = folder.resolve("said");
        CommandRun run = run(
                ApprovingPerson::approve,
                Stream.of(
                        "--task",
                        "Work",
                        "--",
                        "sh",
                        "-c",
                        "out=$1; shift; printf '%s|' \"$@\" > \"$out\"",
                        "sh",
                        said.toString(),
                        "--help",
                        "--task",
                        "@file",
                        "--",
                        "",
                        "'a b'"));

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(said).hasContent("--help|--task|@file|--||'a b'|");
    }

    @Test
    void asksNobodyAboutAServiceThatTheServerDoesNotHave() {
        CommandRun run = run(
                (_, _) -> {
                    throw new AssertionError("a person was asked");
                },
                Stream.of("--task", "Work", "--scope", "openai:chat tikets:read", "--", "true"));

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err())
                .contains("no route to the service tikets. Did you mean tickets?")
                .contains("It has: ");
    }

    @Test
    void startsAServerForTheRunWhereNoneIsAtHand() throws IOException {
        Path data = folder.resolve("no-server");
        CommandRun run = TypedRun.of(
                data,
                RunCommandTest::passwordToldIn,
                ApprovingPerson::approve,
                Stream.concat(
                        Stream.of("--task", "Say hello", "--"),
                        CallingProgram.command(answer, "OPENAI_BASE_URL", "/chat/completions").stream()));

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err()).contains("No server runs on " + data);
        assertThat(Files.readString(answer)).startsWith("200 " + TypedRun.task(run));
        CommandRun told = CommandRun.of("task", TypedRun.task(run), "--data", data);
        assertThat(told.exit()).as(told.err()).isZero();
        assertThat(told.out()).contains("Alice Doe", "openai:chat", TypedRun.task(run) + "   closed");
    }

    @ParameterizedTest
    @MethodSource
    void saysHowToPutRightWhatIsTyped(List<String> words, int exit, String message) {
        CommandRun run = CommandRun.of(
                Stream.concat(Stream.of("run", "--data", running.data().path()), words.stream())
                        .toArray());

        assertThat(run.exit()).isEqualTo(exit);
        assertThat(run.err()).contains(message);
    }

    static Stream<Arguments> saysHowToPutRightWhatIsTyped() {
        return Stream.of(
                Arguments.of(List.of("--", "true"), Exit.USAGE, "Missing required option: '--task=TEXT'"),
                Arguments.of(List.of("--task", "Work"), Exit.USAGE, "Missing required parameter: 'CMD'"),
                Arguments.of(List.of("--task", " ", "--", "true"), Exit.USAGE, "say what is to be done"),
                Arguments.of(List.of("--task", "x".repeat(2_001), "--", "true"), Exit.USAGE, "1 to 2000 characters"),
                Arguments.of(List.of("--task", "Work", "--scope", "chat", "--", "true"), Exit.USAGE, "service:action"),
                Arguments.of(List.of("--task", "Work", "--scope", "", "--", "true"), Exit.USAGE, "service:action"),
                Arguments.of(List.of("--task", "Work", "--scope", "Chat:a", "--", "true"), Exit.USAGE, "[a-z0-9-]+"),
                Arguments.of(List.of("--task", "Work", "--agent", "my agent", "--", "true"), Exit.USAGE, "--agent"),
                Arguments.of(List.of("--task", "Work", "--", "no-such-program"), RunProgram.NOT_FOUND, "no program"),
                Arguments.of(List.of("--task", "Work", "--", "/"), RunProgram.NOT_EXECUTABLE, "cannot be executed"),
                Arguments.of(List.of("--task", "Work", "--contain", "--", "true"), Exit.USAGE, "--contain"));
    }

    private CommandRun run(BiFunction<ApprovingPerson, URI, String> person, Stream<String> words) {
        String password = Optional.ofNullable(
                        running.server().people().orElseThrow().passwords().get("alice"))
                .orElseThrow();
        return TypedRun.of(running.data().path(), _ -> password, person, words);
    }

    private static String passwordToldIn(String text) {
        Matcher password = PASSWORD.matcher(text);
        assertThat(password.find()).as(text).isTrue();
        return password.group(1);
    }

    /** The server closes a task's chain a moment after the task has ended. */
    private void awaitEnd(String task) {
        Instant late = Instant.now().plus(PATIENCE);
        while (!told(task).contains(task + "   closed")) {
            assertThat(Instant.now()).as("until the task has ended").isBefore(late);
            TypedRun.pause();
        }
    }

    private String told(String task) {
        CommandRun told = CommandRun.of("task", task, "--data", running.data().path());
        assertThat(told.exit()).as(told.err()).isZero();
        return told.out();
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Everything that a run writes, searched for the values that it used: no token, prompt, answer or person's name is there. */
class NothingLeaksTest {
    private static final String PROMPT = "the prompt that nobody else may read 4c1f";
    private static final String CHAT = "/llm/openai/v1/chat/completions";

    @Test
    void neitherLogsNorFilesHoldWhatIsSecretOrPersonal(@TempDir Path folder) throws IOException {
        var logged = new Logged();
        Logger root = Logger.getLogger("");
        Logger ours = Logger.getLogger("io.behalf");
        Level before = ours.getLevel();
        root.addHandler(logged);
        ours.setLevel(Level.ALL);
        Map<String, String> values = new TreeMap<>();
        try (RunningServer running = RunningServer.in(folder)) {
            values.put(
                    "password",
                    running.server().people().orElseThrow().passwords().get("alice"));
            work(running, values);
        } finally {
            ours.setLevel(before);
            root.removeHandler(logged);
        }
        values.put("name", "Alice Doe");
        values.put("address", "alice@example.test");
        values.put("prompt", PROMPT);
        values.put("answer", "third quarter enterprise customers opened");

        values.forEach((what, value) -> {
            assertThat(value).as(what).hasSizeGreaterThan(8);
            assertThat(logged.lines).as("%s in a log line", what).noneMatch(line -> line.contains(value));
        });
        for (Path file : written(folder)) {
            String text = Files.readString(file, StandardCharsets.ISO_8859_1);
            values.forEach((what, value) ->
                    assertThat(text.contains(value)).as("%s in %s", what, file).isFalse());
        }
    }

    /** What stands in a file that should hold a key may be a key. */
    @Test
    void repeatsNothingOfAKeyThatItCannotRead(@TempDir Path folder) throws IOException {
        Path data;
        try (RunningServer running = RunningServer.in(folder)) {
            data = running.data().path();
            running.agent("worker");
        }
        List<Path> keys;
        try (Stream<Path> files = Files.walk(data.resolve("keys"))) {
            keys = files.filter(Files::isRegularFile).toList();
        }
        assertThat(keys).hasSizeGreaterThanOrEqualTo(4);
        for (Path key : keys) {
            byte[] good = Files.readAllBytes(key);
            for (String bad :
                    List.of("%s", "{\"kty\":\"EC\",\"d\":\"%s\"}", "{\"d\":\"%s", "-----BEGIN PRIVATE KEY-----\n%s")) {
                Files.writeString(key, bad.formatted(PROMPT));
                CommandRun run = CommandRun.of("serve", "--port", Development.freePort(), "--data", data);
                assertThat(run.exit()).as("%s", key).isNotEqualTo(Exit.FINE);
                assertThat(run.err()).as("%s", key).isNotBlank().doesNotContain(PROMPT);
                assertThat(run.out()).as("%s", key).doesNotContain(PROMPT);
            }
            Files.write(key, good);
        }
    }

    private static void work(RunningServer running, Map<String, String> values) {
        try (RunningTask task = running.task(running.agent("worker"), "alice", "openai:chat tickets:read")) {
            HeldDelegation first = task.delegation().orElseThrow();
            values.put("delegation", first.token());
            values.put("renewal", first.renewal().orElseThrow());
            String body =
                    "{\"model\":\"demo-model\",\"messages\":[{\"role\":\"user\",\"content\":\"" + PROMPT + "\"}]}";
            assertThat(running.call(task, "POST", CHAT, body).statusCode()).isEqualTo(200);
            assertThat(running.call(task, "GET", "/http/tickets/tickets/t-101", "")
                            .statusCode())
                    .isEqualTo(200);
            task.renew();
            values.put("renewed", task.delegation().orElseThrow().token());
            // refused, malformed and unauthenticated ones are logged more readily than others
            assertThat(running.call(task, "PUT", "/http/tickets/tickets/t-101", "{}")
                            .statusCode())
                    .isEqualTo(403);
            assertThat(running.send(running.request("POST", CHAT, body)
                                    .header("Authorization", "Bearer " + first.token()))
                            .statusCode())
                    .isEqualTo(401);
            assertThat(running.call(task, "POST", CHAT, body + body).statusCode())
                    .isEqualTo(400);
            assertThat(CommandRun.of(
                                    "task",
                                    task.task(),
                                    "--data",
                                    running.data().path())
                            .out())
                    .contains("Alice Doe");
            task.end();
        }
    }

    /** The provider's own memory of its pretend people is none of the server's files, and the keys are keys. */
    private static List<Path> written(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            List<Path> found = files.filter(Files::isRegularFile).toList();
            assertThat(found)
                    .extracting(Path::getFileName)
                    .extracting(Path::toString)
                    .contains("behalf.db", "checkpoint");
            return new ArrayList<>(found);
        }
    }

    private static final class Logged extends Handler {
        private final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

        @Override
        public void publish(LogRecord record) {
            lines.add(record.getMessage()
                    + " " + List.of(record.getParameters() == null ? new Object[0] : record.getParameters())
                    + " " + record.getThrown());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }
}

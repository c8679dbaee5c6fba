package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.sdk.RunningTask;
import io.vertx.core.http.HttpMethod;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Authority, gateway and ledger in one process, asked from outside. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServerTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String HELLO =
            "{\"model\":\"demo-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";

    private static final String FORM = "\r\nContent-Type: application/x-www-form-urlencoded";

    /** Connections that are closed one after another: the log of all but the last can be read for sure. */
    private static final int LEAVING = 20;

    private RunningServer running;

    @BeforeAll
    void start(@TempDir Path folder) throws IOException {
        running = RunningServer.in(folder);
    }

    @AfterAll
    void stop() {
        running.close();
    }

    @Test
    void carriesACallFromTokenToRecordAndTellsItsTask() {
        try (RunningTask task = running.task(running.agent("reader"), "alice", "openai:chat tickets:read")) {
            HttpResponse<String> answer = running.call(task, "POST", CHAT, HELLO);
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            String record = answer.headers().firstValue("Behalf-Record").orElseThrow();

            CommandRun told = CommandRun.of(
                    "task", "--record", record, "--data", running.data().path());
            assertThat(told.err()).isEmpty();
            assertThat(told.exit()).isEqualTo(Exit.FINE);
            assertThat(told.out())
                    .contains("Alice Doe")
                    .contains("reader")
                    .contains(task.task().value());
            assertThat(listed("--user", "alice@example.test"))
                    .contains(task.task().value());
            assertThat(listed("--user", "bob@example.test"))
                    .doesNotContain(task.task().value());
        }
    }

    @Test
    void joinsAServicesOwnRecordToTheTask() {
        try (RunningTask task = running.task(running.agent("caller"), "bob", "tickets:read")) {
            HttpResponse<String> answer = running.call(task, "GET", "/http/tickets/tickets/t-101", "");
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            assertThat(story(task)).contains("\"downstream\"").contains("\"seen_jti\"");
        }
    }

    @Test
    void refusesOutsideTheScopeAndRecordsTheRefusal() {
        try (RunningTask task = running.task(running.agent("stray"), "alice", "tickets:read")) {
            HttpResponse<String> answer = running.call(task, "POST", CHAT, HELLO);
            assertThat(answer.statusCode()).isEqualTo(403);
            assertThat(answer.body()).contains("scope_exceeded");
            assertThat(story(task)).contains("\"reason\":\"scope_exceeded\"");
        }
    }

    @Test
    void aStopByTheOwnerIsInForceWhenItIsAnswered() {
        try (RunningTask task = running.task(running.agent("stopped"), "alice", "openai:chat")) {
            assertThat(running.call(task, "POST", CHAT, HELLO).statusCode()).isEqualTo(200);
            assertThat(revoke("--task", task.task(), "--dry-run").out()).contains("would stop  " + task.task());
            assertThat(running.call(task, "POST", CHAT, HELLO).statusCode()).isEqualTo(200);

            CommandRun run = revoke("--task", task.task());
            assertThat(run.out()).isEqualTo("stopped  " + task.task() + "\n");
            assertThat(run.exit()).isEqualTo(Exit.FINE);

            HttpResponse<String> answer = running.call(task, "POST", CHAT, HELLO);
            assertThat(answer.statusCode()).isEqualTo(401);
            assertThat(answer.body()).contains("delegation_revoked");
            awaitNothingLeftToStop(task);
        }
    }

    /** A disk that is slow to take the stop still owes it for a while, and tells whoever asks. */
    private void awaitNothingLeftToStop(RunningTask task) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        CommandRun run = revoke("--task", task.task());
        while (run.exit() != Exit.NO) {
            assertThat(System.nanoTime()).as(run.toString()).isLessThan(deadline);
            run = revoke("--task", task.task());
        }
    }

    @Test
    void aPersonIsStoppedByWhateverTheyAreCalled() {
        try (RunningTask task = running.task(running.agent("named"), "bob", "openai:chat")) {
            assertThat(revoke("--user", "nobody@example.test", "--dry-run").err())
                    .contains("No task that still runs is for a person who is called exactly that.");
            assertThat(revoke("--user", "bob@example.test", "--dry-run").out())
                    .contains(task.task().value());
            assertThat(revoke("--user", "development:u-1002", "--dry-run").out())
                    .contains(task.task().value());
        }
    }

    @Test
    void whatIsNotThereToBeStoppedIsANoOfWhateverKind() {
        for (List<String> unknown : List.of(
                List.of("--task", "tsk_01JNAAAAAAAAAAAAAAAAAAAAAA"),
                List.of("--user", "nobody@example.test"),
                List.of("--user", "development:nobody"),
                List.of("--agent", "nobody"),
                List.of("--approval", "apr_01JNAAAAAAAAAAAAAAAAAAAAAA"),
                List.of("--service", "nothing"))) {
            assertThat(revoke(unknown.toArray()).exit()).as("%s", unknown).isEqualTo(Exit.NO);
        }
        for (List<String> malformed : List.of(List.of("--task", "tsk_x!"), List.of("--approval", "apr_x"))) {
            assertThat(revoke(malformed.toArray()).exit()).as("%s", malformed).isEqualTo(Exit.USAGE);
        }
    }

    @Test
    void whoeverAsksOverTheNetworkNeedsTheToken() {
        for (String path : List.of("/tasks", "/server", "/search?task=tsk_1", "/records/rec_1")) {
            var answer = running.send(running.request("GET", Api.ROOT + path, ""));
            assertThat(answer.statusCode()).as(path).isEqualTo(401);
            assertThat(answer.headers().firstValue("WWW-Authenticate")).isPresent();
        }
        var revoke = running.send(running.request("POST", Api.ROOT + "/revoke", "{\"all\":true,\"reason\":\"x\"}")
                .header("Authorization", "Bearer "));
        assertThat(revoke.statusCode()).isEqualTo(401);
    }

    @Test
    void pagesOfOtherOriginsAreTurnedAway() {
        var foreign = running.send(running.request("GET", Health.LIVE, "").header("Origin", "https://evil.example"));
        assertThat(foreign.statusCode()).isEqualTo(403);
        var own = running.send(running.request("GET", Health.LIVE, "")
                .header("Origin", running.base().toString()));
        assertThat(own.statusCode()).isEqualTo(200);
    }

    @Test
    void namesUnderWhichItDoesNotAnswerAreTurnedAway() throws IOException {
        assertThat(raw("GET /health/live HTTP/1.1\r\nHost: rebound.example:"
                        + running.base().getPort()))
                .startsWith("HTTP/1.1 403");
        assertThat(raw("GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: rebound.example"))
                .startsWith("HTTP/1.1 403");
    }

    @Test
    void onlyTheLogsPublicFilesAreServed() {
        assertThat(running.send(running.request("GET", "/ledger/main/checkpoint", ""))
                        .statusCode())
                .isEqualTo(200);
        for (String other : List.of(
                "/ledger/main/wal/",
                "/ledger/main/..%2f..%2fbehalf.db",
                "/ledger/main/tile/../../../behalf.db",
                "/ledger/main/%2e%2e/%2e%2e/keys/store.key",
                "/ledger/main/%00",
                "/ledger/other/checkpoint")) {
            assertThat(running.send(running.request("GET", other, "")).statusCode())
                    .as(other)
                    .isEqualTo(404);
        }
    }

    @Test
    void theSocketAndTheDataAreTheOwnersAlone() throws IOException {
        Path socket = running.data().socket(System.getenv());
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                .isEqualTo("rw-------");
        assertThat(PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(running.data().path())))
                .isEqualTo("rwx------");
    }

    @Test
    void looksAreRecordedButNotInTheTask() {
        try (RunningTask task = running.task(running.agent("watched"), "alice", "openai:chat")) {
            String before = story(task);
            String after = story(task);
            assertThat(after).isEqualTo(before);
            try (OwnerSocket owner = OwnerSocket.at(running.data()).orElseThrow()) {
                assertThat(owner.get(Api.ROOT + "/tasks/tsk_unknown", Api.JSON).status())
                        .isEqualTo(404);
            }
        }
    }

    @Test
    void anAgentIsRegisteredByTheOwnerWithWhatItMayDo() {
        String jwks = JsonText.of(SigningKey.generate().publicKey().toJwk("k"));
        try (OwnerSocket owner = OwnerSocket.at(running.data()).orElseThrow()) {
            var body = Map.of("jwks", parsed("{\"keys\":[" + jwks + "]}"), "scope", "tickets:read", "name", "Reader");
            assertThat(owner.send(HttpMethod.PUT, Api.ROOT + "/agents/new-agent", body)
                            .status())
                    .isEqualTo(200);
        }
        var agent = running.server().authority().agent("new-agent").orElseThrow();
        assertThat(agent.displayName()).isEqualTo("Reader");
        assertThat(agent.scope()).isEqualTo(Optional.of(ScopeWords.parse("tickets:read")));
    }

    private static Map<String, ?> parsed(String json) {
        try {
            return Json.readObject(json.getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void badRequestsAreToldWhatIsWrong() {
        try (OwnerSocket owner = OwnerSocket.at(running.data()).orElseThrow()) {
            assertThat(detail(owner.send(HttpMethod.POST, Api.ROOT + "/revoke", Map.of("reason", "x"))))
                    .contains("exactly one of task, user, agent, approval, service, all");
            assertThat(detail(owner.send(HttpMethod.POST, Api.ROOT + "/revoke", Map.of("task", "x", "reason", "y"))))
                    .contains("tsk_");
            assertThat(detail(owner.send(HttpMethod.PUT, Api.ROOT + "/agents/a", Map.of())))
                    .contains("jwks");
            assertThat(detail(owner.get(Api.ROOT + "/search", Api.JSON))).contains("exactly one of task, record");
            assertThat(detail(owner.get(Api.ROOT + "/tasks?since=yesterday", Api.JSON)))
                    .contains("30m, 12h, 7d");
        }
    }

    @Test
    void whatMayHaveBeenMeantAsADryRunStopsNothing() {
        try (RunningTask task = running.task(running.agent("spared"), "alice", "openai:chat");
                OwnerSocket owner = OwnerSocket.at(running.data()).orElseThrow()) {
            String id = task.task().value();
            for (Map<String, ?> dry : List.of(
                    Map.of("dry_run", "true"),
                    Map.of("dry_run", 1),
                    Map.of("dryRun", true),
                    Map.of("dry_run", true, "force", true))) {
                Map<String, Object> body = new HashMap<>(Map.of("task", id, "reason", "x"));
                body.putAll(dry);
                assertThat(owner.send(HttpMethod.POST, Api.ROOT + "/revoke", body)
                                .status())
                        .as("%s", dry)
                        .isEqualTo(400);
            }
            assertThat(running.call(task, "POST", CHAT, HELLO).statusCode()).isEqualTo(200);
        }
    }

    /** Anybody can do this as often as there are connections, and a log is on the ledger's disk. */
    @Test
    void whoeverLeavesInTheMiddleOfABodyLeavesNoWordInTheLog() throws IOException {
        List<String> said = new CopyOnWriteArrayList<>();
        Handler log = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                said.add(entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger("io.vertx.ext.web.RoutingContext");
        logger.addHandler(log);
        try {
            for (String path : List.of("/oauth/token", Api.ROOT + "/downstream")) {
                for (int i = 0; i < LEAVING; i++) {
                    leaveInTheMiddle(path);
                }
            }
        } finally {
            logger.removeHandler(log);
        }
        assertThat(said).isEmpty();
    }

    /** Returns when the server has seen it. */
    private void leaveInTheMiddle(String path) throws IOException {
        try (var socket =
                new Socket(InetAddress.getLoopbackAddress(), running.base().getPort())) {
            socket.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
            String head =
                    "POST " + path + " HTTP/1.1\r\nHost: " + running.base().getAuthority() + FORM;
            socket.getOutputStream()
                    .write((head + "\r\nContent-Length: 100\r\n\r\nab").getBytes(StandardCharsets.US_ASCII));
            socket.shutdownOutput();
            assertThat(socket.getInputStream().readAllBytes()).isEmpty();
        }
    }

    @Test
    void whatIsMalformedIsTheSendersFaultAndNotTheServers() throws IOException {
        String path = " HTTP/1.1\r\nHost: " + running.base().getAuthority();
        for (String head : List.of(
                "GET /health/%zz" + path, "GET ?x" + path, "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:80.")) {
            assertThat(raw(head)).as(head).startsWith("HTTP/1.1 400").contains("application/problem+json");
        }
        assertThat(raw("POST /oauth/token" + path + FORM, "a=%zz")).startsWith("HTTP/1.1 400");
        try (OwnerSocket owner = OwnerSocket.at(running.data()).orElseThrow()) {
            assertThat(detail(owner.get(Api.ROOT + "/search?task=%zz", Api.JSON)))
                    .contains("query");
            Map<String, ?> large = Map.of("reason", "x".repeat(Api.MAX_BODY));
            assertThat(owner.send(HttpMethod.POST, Api.ROOT + "/revoke", large).status())
                    .isEqualTo(413);
        }
    }

    @Test
    void aServicesRecordThatNobodySignedIsRefused() {
        var answer = running.send(running.request("POST", Api.ROOT + "/downstream", "{\"kind\":\"downstream\"}"));
        assertThat(answer.statusCode()).isEqualTo(400);
    }

    @Test
    void aBodyIsJsonWhateverItIsSaidToBe() throws IOException {
        String body = "{\"kind\":\"downstream\",\"node\":\"" + "x".repeat(20_000) + "\"}";
        for (String type : List.of(FORM, "\r\nContent-Type: multipart/form-data; boundary=x")) {
            String head = "POST " + Api.ROOT + "/downstream HTTP/1.1\r\nHost: "
                    + running.base().getAuthority() + type;
            assertThat(raw(head, body)).contains("This is not a downstream record: record.v");
        }
    }

    private String detail(OwnerSocket.Told told) {
        assertThat(told.status()).isEqualTo(400);
        return String.valueOf(told.json().get("detail"));
    }

    private String story(RunningTask task) {
        CommandRun run = CommandRun.of(
                "task", task.task(), "--json", "--data", running.data().path());
        assertThat(run.err()).isEmpty();
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        return run.out();
    }

    private String listed(String... words) {
        Object[] command = new Object[words.length + 3];
        command[0] = "tasks";
        System.arraycopy(words, 0, command, 1, words.length);
        command[words.length + 1] = "--data";
        command[words.length + 2] = running.data().path();
        CommandRun run = CommandRun.of(command);
        assertThat(run.err()).isEmpty();
        return run.out();
    }

    private CommandRun revoke(Object... words) {
        Object[] command = new Object[words.length + 5];
        command[0] = "revoke";
        System.arraycopy(words, 0, command, 1, words.length);
        command[words.length + 1] = "--reason";
        command[words.length + 2] = "no longer needed";
        command[words.length + 3] = "--data";
        command[words.length + 4] = running.data().path();
        return CommandRun.of(command);
    }

    /** What the HTTP client would not send. */
    private String raw(String head) throws IOException {
        return raw(head, "");
    }

    private String raw(String head, String body) throws IOException {
        try (var socket =
                new Socket(InetAddress.getLoopbackAddress(), running.base().getPort())) {
            socket.setSoTimeout((int) Duration.ofSeconds(10).toMillis());
            socket.getOutputStream()
                    .write((head + "\r\nContent-Length: " + body.length() + "\r\nConnection: close\r\n\r\n" + body)
                            .getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}

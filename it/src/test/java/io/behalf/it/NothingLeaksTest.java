package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole run with its real parts and with everybody who wishes it ill, logging all it has to say; then everything that it
 * wrote and said is searched for the secrets, the people and the contents that were in it.
 */
@Tag("keycloak")
@Tag("node")
@ExtendWith(RealParts.class)
class NothingLeaksTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String TICKET = "/http/tickets/tickets/t-103";
    private static final String PROMPT = "Zoë's notes: \"the merger\" is called off & nobody may know";
    private static final Pattern APPROVAL_PAGE = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/approve/\\S+");
    private static final Pattern RUN_KEY = Pattern.compile("(?:^|\0)BEHALF_KEY=([^\0]+)");

    /** A provider that nobody can reach. */
    private static final String AWAY = "http://127.0.0.1:1";

    @TempDir
    static Path folder;

    private static final Leaks LEAKS = new Leaks();

    private static MainJob job;
    private static String answers = "";
    private static String commands = "";
    private static String arguments = "";
    private static String said = "";

    @BeforeAll
    static void everything(Keycloak keycloak, ScriptedModel model, ToolServer tools) throws Exception {
        job = MainJob.start(folder, keycloak, model, tools, NothingLeaksTest::talkative);
        LEAKS.secret("an agent's secret", MainJob.SECRET);
        LEAKS.secret("the authority's secret at the provider", Keycloak.Realm.AUTHORITY_SECRET);
        LEAKS.secret("the model's key", ScriptedModel.KEY);
        LEAKS.secret("the API token", job.server().apiToken());
        for (var person : Map.of("alice", "Alice Archer", "bob", "Bob Baker").entrySet()) {
            LEAKS.secret("a password", Keycloak.Realm.passwordOf(person.getKey()));
            LEAKS.confidence("a name", person.getValue());
            LEAKS.confidence("an address", person.getKey() + "@corp.example");
        }
        LEAKS.confidence("the task's text", MainJob.TASK);
        LEAKS.confidence("a prompt", PROMPT);
        LEAKS.confidence("a tool's argument", "enterprise, third quarter");
        LEAKS.confidence("a model's answer", "One enterprise ticket was opened");
        LEAKS.confidence("what the service answered", "Export stops");

        worksForAlice();
        worksForBob();
        isAttacked();
        commands();
        said += job.output();
        // so that what it tidies up when it is stopped is searched too
        job.server().kill();
    }

    /** It says all it has to say, has a provider that is away, and files that are not mostly empty. */
    private static String talkative(String configuration) {
        return configuration
                        .replace("  agents:\n", """
                            - name: away
                              issuer: %s
                              client-id: behalf
                              rights: [{claim: sub, value: "*", scope: ["tickets:read"]}]
                          agents:
                        """.formatted(AWAY))
                        .replace("ledger:\n", "ledger:\n  segment-size: 1MiB\n")
                + "observability: {log-level: debug}\n";
    }

    @AfterAll
    static void stop() {
        job.close();
    }

    /** An application starts the task; models, tools, service, sub-agent, renewal, refusals, logout and stop. */
    private static void worksForAlice() throws Exception {
        var login = job.realm().tokens("alice");
        for (var name : List.of("access_token", "id_token", "refresh_token")) {
            LEAKS.secret("alice's " + name, login.path(name).asText());
        }
        var claims = CompactJws.parse(login.path("access_token").asText());
        LEAKS.confidence("alice's id", claims.claim("sub").orElseThrow());
        LEAKS.confidence("alice's session", claims.claim("sid").orElseThrow());
        try (var agent = job.agentOf(login);
                var child = job.agent("summarizer")) {
            remember(agent);
            assertThat(agent.post(CHAT, question(MainJob.TASK)).statusCode()).isEqualTo(200);
            try (var lines =
                    agent.stream(CHAT, question("How many were opened?")).body()) {
                assertThat(lines).isNotEmpty();
            }
            var mcp = HandMadeTools.connect(agent, "/mcp/tools");
            assertThat(mcp.call("echo", "{\"message\": \"enterprise, third quarter\"}")
                            .toString())
                    .contains("Echo: enterprise, third quarter");
            assertThat(mcp.call("get-env", "{}").path("isError").asBoolean()).isTrue();
            assertThat(agent.get(TICKET).body()).contains("Export stops");

            job.realm().logout(login);
            agent.renew();
            remember(agent);
            var handOver = agent.handOver("summarizer", "tickets:read");
            LEAKS.secret("a hand-over token", handOver);
            remember(child.takeOver(handOver));
            assertThat(child.get(TICKET).statusCode()).isEqualTo(200);

            answers += Hostile.callsWith(agent, LEAKS);
            assertThat(job.server()
                            .command(List.of("revoke", "--task", agent.task(), "--reason", "that is enough"))
                            .exit())
                    .isZero();
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(401);
        }
    }

    private static void remember(HandMadeAgent agent) {
        LEAKS.secret("a delegation", agent.token());
        LEAKS.secret("a renewal token", agent.renewal());
    }

    /** Approved on the page, by a program behind a sidecar. */
    private static void worksForBob() throws Exception {
        var run = Stream.concat(
                        Command.behalf().stream(),
                        Stream.of("run", "--task", MainJob.TASK, "--scope", MainJob.SCOPE, "--"))
                .toList();
        try (var bob = new Person.ByHttp();
                var agent = AgentProgram.start(run, job.server().environment())) {
            var page = URI.create(agent.told(APPROVAL_PAGE).group());
            bob.approve(page, "bob");
            bob.secrets().stream()
                    .filter(secret -> secret.length() >= 16)
                    .forEach(secret -> LEAKS.secret("something of bob's browser", secret));
            agent.until("tools");
            assertThat(runKeys()).isNotEmpty().allSatisfy(key -> LEAKS.secret("a sidecar's key", key));
            arguments = argumentsOfAll();
            agent.work(MainJob.TASK);
            agent.end();
            // the address of the page is there for bob to open, whatever else it says is for anybody
            said += agent.errors();
        }
    }

    private static void isAttacked() {
        try (var somebody = job.agent("ticket-agent")) {
            answers += Hostile.requestsOf(somebody, LEAKS);
            var secret = UUID.randomUUID().toString();
            LEAKS.secret("what a token says whose provider is away", secret);
            var claims = Map.of("iss", AWAY, "sub", secret, "aud", "behalf");
            var unreachable = somebody.post(
                    "/oauth/token",
                    Map.of(
                            "grant_type",
                            "urn:ietf:params:oauth:grant-type:token-exchange",
                            "subject_token_type",
                            HandMadeAgent.ACCESS_TOKEN,
                            "subject_token",
                            CompactJws.sign(somebody.key(), "at+jwt", "k", claims)));
            assertThat(unreachable.statusCode()).as(unreachable.body()).isEqualTo(503);
            answers += unreachable.body();
        }
    }

    private static void commands() {
        for (var words : List.of(
                List.of("tasks"),
                List.of("tasks", "--json"),
                List.of("tasks", "--user", "Alice Archer"),
                List.of("verify", job.server().data().toString()),
                List.of("verify", "--json", job.server().data().toString()),
                List.of("task", "tsk_unknown"))) {
            commands += job.server().command(words).said();
        }
    }

    // ---- what is searched

    @Test
    void saysNothingOfItInItsLogs() {
        assertThat(said).as("it says what is for debugging too").contains("Behalf answers at", "Fetch$Unreachable");
        assertThat(LEAKS.in(Leaks.bytes(said))).isEmpty();
    }

    @Test
    void writesNothingOfItIntoAFile() throws IOException {
        var names = files().map(file -> file.getFileName().toString()).toList();
        assertThat(names).contains("behalf.db", "checkpoint", "pin.json", "vkey");
        assertThat(files().map(Path::toString))
                .anyMatch(name -> name.contains("/wal/"))
                .anyMatch(name -> name.contains("/tile/entries"))
                .anyMatch(name -> name.contains("/index/"));

        for (var file : files().filter(file -> !isKey(file)).toList()) {
            assertThat(LEAKS.in(Files.readString(file, StandardCharsets.ISO_8859_1)))
                    .as("%s", file)
                    .isEmpty();
        }
    }

    /** The keys themselves are in {@code keys/}, for their owner alone; and one in the file of another. */
    @Test
    void keepsEachKeyToItself() throws IOException {
        var keys = files().filter(NothingLeaksTest::isKey).toList();
        assertThat(keys).isNotEmpty();
        for (var key : keys) {
            assertThat(Files.getPosixFilePermissions(key))
                    .as("%s", key)
                    .noneMatch(permission -> !permission.name().startsWith("OWNER"));
            var text = Files.readString(key, StandardCharsets.ISO_8859_1).strip();
            var inner = text.length() > 64 ? text.substring(32, 64) : text;
            for (var other : files().filter(file -> !file.equals(key)).toList()) {
                assertThat(Files.readString(other, StandardCharsets.ISO_8859_1))
                        .as("%s in %s", key, other)
                        .doesNotContain(inner);
            }
        }
    }

    @Test
    void repeatsNothingOfItToThoseWhoAsk() {
        assertThat(answers).isNotEmpty();
        assertThat(LEAKS.in(Leaks.bytes(answers))).isEmpty();
        assertThat(LEAKS.in(Leaks.bytes(commands))).as("who may know is told").isPresent();
        assertThat(LEAKS.secretIn(Leaks.bytes(commands))).isEmpty();
    }

    /** Anybody on the machine can read the arguments of its processes. */
    @Test
    void startsNoProcessWithASecretInItsArguments() {
        assertThat(arguments).contains("serve", "run");
        assertThat(LEAKS.secretIn(Leaks.bytes(arguments))).isEmpty();
    }

    private static Stream<Path> files() throws IOException {
        try (var all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile).toList().stream();
        }
    }

    private static boolean isKey(Path file) {
        return file.startsWith(job.server().data().resolve("keys"));
    }

    /** Other tests may have programs running too. */
    private static List<String> runKeys() {
        return ProcessHandle.current()
                .descendants()
                .map(program -> RUN_KEY.matcher(read(program, "environ")))
                .filter(Matcher::find)
                .map(key -> key.group(1))
                .toList();
    }

    private static String argumentsOfAll() {
        var all = new StringBuilder();
        ProcessHandle.current().descendants().forEach(program -> all.append(
                        read(program, "cmdline").replace('\0', ' '))
                .append('\n'));
        return all.toString();
    }

    private static String read(ProcessHandle program, String what) {
        try {
            return Files.readString(Path.of("/proc/" + program.pid() + "/" + what), StandardCharsets.ISO_8859_1);
        } catch (IOException ended) {
            return "";
        }
    }

    private static String question(String text) {
        return "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\",\"content\":\"" + PROMPT.replace("\"", "\\\"")
                + "\"},{\"role\":\"user\",\"content\":\"" + text + "\"}]}";
    }
}

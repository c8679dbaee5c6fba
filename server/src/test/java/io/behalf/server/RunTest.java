package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.jose.SigningKey;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.AuthorityClient;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    @TempDir
    private Path folder;

    private final PretendServer server = new PretendServer();
    private final SigningKey key = SigningKey.generate();
    private final StringWriter told = new StringWriter();
    private final Map<String, String> environment = new HashMap<>(System.getenv());

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void tellsTheProgramWhereToCallAndWithWhatKey() throws Exception {
        run("sh", "-c", "env > \"$0\"", file("env"));

        Properties seen = environmentSeen();
        String secret = seen.getProperty("BEHALF_KEY");
        String sidecar = seen.getProperty("BEHALF_URL");
        assertThat(secret).startsWith("sk-behalf-");
        assertThat(sidecar).matches("http://127\\.0\\.0\\.1:[0-9]+").isNotEqualTo(String.valueOf(server.base()));
        assertThat(seen)
                .containsEntry("BEHALF_TASK", PretendServer.TASK_ID)
                .containsEntry("OPENAI_BASE_URL", sidecar + "/llm/openai/v1")
                .containsEntry("OPENAI_API_KEY", secret)
                .containsEntry("OPENAI_AGENTS_DISABLE_TRACING", "1")
                .containsEntry("ANTHROPIC_BASE_URL", sidecar + "/llm/anthropic")
                .containsEntry("ANTHROPIC_AUTH_TOKEN", secret)
                .containsEntry("BEHALF_MCP_URL", sidecar + "/mcp/files")
                .containsEntry("BEHALF_MCP_FILES_URL", sidecar + "/mcp/files")
                .containsEntry("BEHALF_MCP_WEB_SEARCH_URL", sidecar + "/mcp/web-search");
    }

    @Test
    void handsOnNoKeyAndNoWayPastTheTask() throws Exception {
        RunEnvironment.KEYS.forEach(name -> environment.put(name, "real-key"));
        RunEnvironment.DETOURS.forEach(name -> environment.put(name, "1"));
        environment.put("PERSONAL", "stays");

        run("sh", "-c", "env > \"$0\"", file("env"));

        Properties seen = environmentSeen();
        assertThat(seen.values()).doesNotContain("real-key");
        assertThat(seen)
                .containsEntry("PERSONAL", "stays")
                .doesNotContainKeys("ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "CLAUDE_CODE_USE_BEDROCK");
        assertThat(told.toString()).contains("ANTHROPIC_API_KEY").doesNotContain("real-key");
    }

    @Test
    void carriesTheProgramsCallsUnderTheTask() throws Exception {
        int exit = run(CallingProgram.command(folder.resolve("answer"), "OPENAI_BASE_URL", "/chat/completions"), true);

        assertThat(exit).isZero();
        assertThat(folder.resolve("answer")).hasContent("200  fine");
        PretendServer.Call call = server.nextCall();
        assertThat(call.uri()).isEqualTo("/llm/openai/v1/chat/completions");
        assertThat(call.header("authorization")).isEqualTo("DPoP token-1");
        assertThat(told.toString()).doesNotContain("made no call");
    }

    @Test
    void asksForADelegationForTheWholeGatewayBoundToTheAgentsKey() throws Exception {
        run("true");

        assertThat(form("/oauth/par"))
                .containsEntry("client_id", "local")
                .containsEntry("resource", server.base() + "/gateway")
                .containsEntry("code_challenge_method", "S256")
                .containsEntry("dpop_jkt", key.thumbprint())
                .hasEntrySatisfying(
                        "redirect_uri", uri -> assertThat(uri).matches("http://127\\.0\\.0\\.1:[0-9]+/callback"));
        assertThat(form("/oauth/token"))
                .containsEntry("grant_type", "authorization_code")
                .containsEntry("code", PretendServer.CODE);
    }

    /** The authority's request is over before anybody could open it: the page makes another. */
    @Test
    void waitsForWhoComesLate() throws Exception {
        server.pushedLife = 1;

        assertThat(run("true")).isZero();

        assertThat(server.forms)
                .filteredOn(form -> form.path().equals("/oauth/par"))
                .hasSize(2);
        assertThat(told.toString())
                .containsPattern("  http://127\\.0\\.0\\.1:[0-9]+/approve/[A-Za-z0-9_-]{43}\n")
                .doesNotContain("/oauth/authorize");
    }

    @Test
    void endsTheTaskWhenTheProgramHasEnded() throws Exception {
        run("true");

        assertThat(form("/oauth/revoke")).containsEntry("token", PretendServer.RENEWAL);
        assertThat(told.toString()).contains("Task " + PretendServer.TASK_ID + " has ended.");
    }

    @ParameterizedTest
    @CsvSource({"exit 0,0", "exit 7,7", "exit 255,255", "kill -TERM $$,143", "kill -KILL $$,137"})
    void endsWithTheProgramsExitCode(String script, int expected) throws Exception {
        assertThat(run("sh", "-c", script)).isEqualTo(expected);
    }

    @Test
    void saysThatNoCallWasMade() throws Exception {
        assertThat(run("true")).isZero();
        assertThat(told.toString()).contains("true made no call through Behalf.");
    }

    @Test
    void takesARunWithoutCallsForFailedWhereCallsAreRequired() throws Exception {
        assertThat(run(List.of("true"), true)).isEqualTo(Exit.NO);
    }

    @Test
    void endsTheTaskOfAProgramThatCannotBeStarted() throws IOException {
        Path script = Files.writeString(folder.resolve("script"), "#!/no/such/interpreter\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));

        assertFails(() -> run(script.toString()), 126, "interpreter must exist");
        assertThat(form("/oauth/revoke")).containsEntry("token", PretendServer.RENEWAL);
    }

    @Test
    void asksNobodyToApproveForAProgramThatIsNotThere() throws IOException {
        Path notExecutable = Files.writeString(folder.resolve("text"), "just text");

        assertFails(() -> run("no-such-program"), 127, "no program no-such-program on the PATH");
        assertFails(() -> run(folder + "/nothing"), 127, "no program " + folder + "/nothing.");
        assertFails(() -> run(notExecutable.toString()), 126, "chmod +x");
        assertFails(() -> run(folder.toString()), 126, "cannot be executed");
        assertThat(server.forms).isEmpty();
    }

    @Test
    void startsNothingThatThePersonRefused() {
        server.personRefuses();

        assertFails(() -> run("touch", file("started")), Exit.NO, "alice said no.");
        assertThat(folder.resolve("started")).doesNotExist();
    }

    @Test
    void startsNothingWhenNobodyAnswersInTime() {
        assertFails(
                () -> run(List.of("touch", file("started")), false, _ -> {}, Duration.ofMillis(200)),
                Exit.NO,
                "Nobody has answered");
        assertThat(folder.resolve("started")).doesNotExist();
    }

    @Test
    void saysInItsOwnWordsWhatTheAuthorityRefuses() {
        server.denies("/oauth/par", 400, "invalid_scope", "Nothing of what was asked for is allowed.");

        assertFails(() -> run("touch", file("started")), Exit.NO, "Nothing of what was asked for is allowed.");
        assertThat(folder.resolve("started")).doesNotExist();
    }

    @Test
    void startsNothingWithoutADelegation() {
        server.denies("/oauth/token", 400, "invalid_grant", "The code is not valid for this request.");

        assertFails(() -> run("touch", file("started")), Exit.NO, "The code is not valid");
        assertThat(folder.resolve("started")).doesNotExist();
    }

    @Test
    void saysWhereTheAgentsKeyBelongs() {
        server.denies("/oauth/par", 401, "invalid_client", "The client could not be authenticated.");

        assertFails(() -> run("true"), Exit.USAGE, "keys/agents");
    }

    @Test
    void saysThatTheAuthorityIsBusyOrAway() {
        server.denies("/oauth/par", 503, "temporarily_unavailable", "Restarting.");
        assertFails(() -> run("true"), Exit.UNREACHABLE, "Restarting.");

        Run run = of(_ -> {}, PATIENCE);
        server.close();
        assertFails(
                () -> run.go(PretendServer.task(), RunProgram.named(List.of("true"), environment), false),
                Exit.UNREACHABLE,
                "No answer that can be used");
    }

    @Test
    void keepsTheProgramsExitCodeWhenTheTaskCannotBeEnded() throws Exception {
        server.denies("/oauth/revoke", 503, "temporarily_unavailable", "Restarting.");

        assertThat(run("sh", "-c", "exit 5")).isEqualTo(5);
        assertThat(told.toString()).contains("could not be ended: Restarting.", "behalf revoke --task");
    }

    @Test
    void saysThatLessWasApprovedThanAskedFor() throws Exception {
        ServerFacts facts = facts();
        Run run = of(this::approve, PATIENCE);
        var wanted = PretendServer.task().withScope(facts.everything());

        run.go(wanted, RunProgram.named(List.of("true"), environment), false);

        assertThat(told.toString()).contains("Approved in part").contains(": openai:chat");
    }

    @Test
    void letsNothingOfTheAnswersSteerTheTerminal() {
        server.denies("/oauth/par", 400, "invalid_scope", "\u001b[2Jno");

        assertThatThrownBy(() -> run("true"))
                .hasMessageNotContainingAny("\u001b")
                .hasMessageContaining("no");
    }

    private int run(String... command) throws InterruptedException {
        return run(List.of(command), false);
    }

    private int run(List<String> command, boolean requireCalls) throws InterruptedException {
        return run(command, requireCalls, this::approve, PATIENCE);
    }

    private int run(List<String> command, boolean requireCalls, Consumer<URI> browser, Duration patience)
            throws InterruptedException {
        return of(browser, patience).go(PretendServer.task(), RunProgram.named(command, environment), requireCalls);
    }

    private Run of(Consumer<URI> browser, Duration patience) {
        return new Run(
                facts(),
                new AuthorityClient(server.base(), new AgentCredential.PrivateKey("local", key), key),
                environment,
                new PrintWriter(told, true),
                browser,
                patience);
    }

    private ServerFacts facts() {
        return new ServerFacts(
                server.base(),
                String.valueOf(server.base()),
                server.base() + "/gateway",
                List.of(
                        new ServerFacts.Served("openai", "llm", Optional.of("openai"), "openai", "/llm/openai"),
                        new ServerFacts.Served(
                                "anthropic", "llm", Optional.of("anthropic"), "anthropic", "/llm/anthropic"),
                        new ServerFacts.Served("files", "mcp", Optional.empty(), "files", "/mcp/files"),
                        new ServerFacts.Served("web-search", "mcp", Optional.empty(), "search", "/mcp/web-search"),
                        new ServerFacts.Served("tickets", "http", Optional.empty(), "tickets", "/http/tickets")));
    }

    /** The person's browser goes there and follows where it is sent. */
    private void approve(URI page) {
        var _ = HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NORMAL)
                .build()
                .sendAsync(
                        HttpRequest.newBuilder(page).timeout(PATIENCE).build(), HttpResponse.BodyHandlers.discarding());
    }

    private String file(String name) {
        return folder.resolve(name).toString();
    }

    private Properties environmentSeen() throws IOException {
        Properties seen = new Properties();
        try (var lines = Files.lines(folder.resolve("env"))) {
            lines.filter(line -> line.indexOf('=') > 0)
                    .forEach(line ->
                            seen.put(line.substring(0, line.indexOf('=')), line.substring(line.indexOf('=') + 1)));
        }
        return seen;
    }

    private Map<String, String> form(String path) {
        return server.forms.stream()
                .filter(form -> form.path().equals(path))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing was sent to " + path))
                .fields();
    }

    private static void assertFails(ThrowingCallable run, int exit, String message) {
        assertThatThrownBy(run)
                .isInstanceOfSatisfying(
                        CommandFailed.class, failed -> assertThat(failed.exit()).isEqualTo(exit))
                .hasMessageContaining(message);
    }
}

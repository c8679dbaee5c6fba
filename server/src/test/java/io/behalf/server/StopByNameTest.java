package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.DevelopmentProvider;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.Answer;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code revoke --user} at a server that trusts two providers, each of which has an Alice Doe of its own. */
class StopByNameTest {
    private static final String PARTNER = "partner";
    private static final String CLIENT = "behalf";
    private static final String NOBODY =
            "No task that still runs is for a person who is called exactly that. People are known by provider:id too.\n";

    private final Vertx vertx = Vertx.vertx();
    private final SigningKey key = SigningKey.generate();
    private DataDirectory data;
    private DevelopmentProvider partner;
    private Server server;
    private AuthorityClient agent;

    @BeforeEach
    void start(@TempDir Path folder) throws IOException {
        Router people = Router.router(vertx);
        HttpServer elsewhere =
                Wiring.await(vertx.createHttpServer().requestHandler(people).listen(0, "127.0.0.1"));
        String issuer = "http://127.0.0.1:" + elsewhere.actualPort();
        String base = "http://127.0.0.1:" + Development.freePort();
        partner = new DevelopmentProvider(
                issuer,
                List.of(new DevelopmentProvider.Client(CLIENT, Optional.empty(), Set.of(), Set.of(base))),
                Clock.systemUTC());
        partner.mount(people, "");
        data = new DataDirectory(folder.resolve("data"));
        server = Server.start(vertx, configuration(base, issuer), data, Map.of(), Clock.systemUTC());
        server.authority().register(registration());
        agent = new AuthorityClient(
                URI.create(base), new AgentCredential.PrivateKey("agent", key), SigningKey.generate());
    }

    @AfterEach
    void stop() {
        server.close();
        partner.close();
        Wiring.await(vertx.close());
    }

    @Test
    void whoeverAloneIsCalledThatIsStopped() {
        TaskId alice = begin(own("alice"));
        TaskId bob = begin(own("bob"));

        assertThat(revoke("Alice Doe", "--dry-run").out()).isEqualTo("would stop  " + alice + "\n");
        assertThat(revoke("Alice Doe").out()).isEqualTo("stopped  " + alice + "\n");
        assertThat(revoke("Alice Doe").err()).isEqualTo(NOBODY);
        assertThat(revoke("u-1002").out()).isEqualTo("stopped  " + bob + "\n");
    }

    @Test
    void severalPeopleOfANameAreNotStoppedAndAreToldApart() {
        TaskId alice = begin(own("alice"));
        TaskId namesake = begin(partner.signIn("alice", CLIENT));

        for (String called : List.of("Alice Doe", "alice@example.test", "u-1001")) {
            for (CommandRun run : List.of(revoke(called, "--dry-run"), revoke(called))) {
                assertThat(run.exit()).isEqualTo(Exit.USAGE);
                assertThat(run.out()).isEmpty();
                assertThat(run.err())
                        .isEqualTo("Several people are called that: name one of development:u-1001, partner:u-1001.\n");
            }
        }

        assertThat(revoke("partner:u-1001").out()).isEqualTo("stopped  " + namesake + "\n");
        assertThat(revoke("Alice Doe").out()).isEqualTo("stopped  " + alice + "\n");
    }

    /** Its start has not come to an end, and the ledger does not know of it yet. */
    @Test
    void whoeverHasOnlyATaskThatIsBeginningIsFound() throws SQLException {
        TaskId alice = begin(own("alice"));
        try (var beside =
                        DriverManager.getConnection("jdbc:sqlite:" + data.path().resolve("behalf.db"));
                var statement = beside.createStatement()) {
            statement.execute("update task set state = 'pending'");
        }

        assertThat(revoke("alice@example.test", "--dry-run").out()).isEqualTo("would stop  " + alice + "\n");
        assertThat(revoke("alice@example.test").out()).isEqualTo("stopped  " + alice + "\n");
    }

    @Test
    void nobodyOfThatNameIsANoWithAndWithoutADryRun() {
        begin(own("alice"));

        for (String called : List.of("alice doe", "Nobody", "sbj_01JNA0000000000000000000AB")) {
            for (CommandRun run : List.of(revoke(called, "--dry-run"), revoke(called))) {
                assertThat(run.exit()).isEqualTo(Exit.NO);
                assertThat(run.err()).isEqualTo(NOBODY);
            }
        }
    }

    private DevelopmentProvider.SignedIn own(String user) {
        return server.people().orElseThrow().signIn(user, CLIENT);
    }

    private TaskId begin(DevelopmentProvider.SignedIn person) {
        var task = new BehalfTask(
                "Read tickets", ScopeWords.parse("tickets:read"), Limits.NONE, Optional.empty(), Optional.empty());
        return switch (agent.start(
                person.accessToken(),
                AuthorityClient.SubjectToken.ACCESS_TOKEN,
                task,
                Optional.of(server.base() + "/gateway"))) {
            case Answer.Granted<HeldDelegation>(var held) -> held.task();
            case Answer<HeldDelegation> no -> throw new AssertionError("no task: " + no);
        };
    }

    private CommandRun revoke(String user, String... more) {
        List<Object> command = new ArrayList<>(
                List.of("revoke", "--user", user, "--reason", "no longer needed", "--data", data.path()));
        command.addAll(List.of(more));
        return CommandRun.of(command.toArray());
    }

    private Agent registration() {
        return new Agent(
                "agent",
                "Agent",
                new Authentication.PrivateKeyJwt(Wiring.jwks(key)),
                Map.of(Development.PROVIDER, Set.of(CLIENT), PARTNER, Set.of(CLIENT)),
                Optional.empty(),
                Set.of(),
                Set.of(),
                Optional.empty(),
                AuthorityConfig.DEFAULT_DEPTH,
                Set.of());
    }

    private static Configuration configuration(String base, String partner) {
        return Configurations.accepted(Configurations.text(
                """
                server: {port: PORT, development: true}
                authority:
                  providers:
                    - {name: development, issuer: "BASE/development", client-id: behalf, audiences: ["BASE"]}
                    - {name: partner, issuer: "PARTNER", client-id: behalf, audiences: ["BASE"]}
                services:
                  tickets: {label: {en: tickets}, actions: {read: {label: {en: read tickets}}}}
                gateway:
                  routes:
                    - name: tickets
                      kind: http
                      upstream: "http://127.0.0.1:9"
                      operations: [{method: GET, path: /tickets, action: read}]
                """.replace("PORT", String.valueOf(URI.create(base).getPort()))
                        .replace("BASE", base)
                        .replace("PARTNER", partner)));
    }
}

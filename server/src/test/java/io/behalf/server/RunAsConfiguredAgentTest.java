package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SigningKey;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code behalf run} as an agent that stands in the server's configuration, with its key and its bounds. */
class RunAsConfiguredAgentTest {
    private static final String AGENT = "ticket-agent";

    @TempDir
    private Path folder;

    private final Vertx vertx = Vertx.vertx();
    private final SigningKey key = SigningKey.generate();
    private DataDirectory data = new DataDirectory(Path.of(""));
    private Optional<Development> parts = Optional.empty();
    private Optional<Server> server = Optional.empty();

    @BeforeEach
    void start() throws IOException {
        data = new DataDirectory(folder.resolve("data"));
        Clock clock = Clock.systemUTC();
        Development pretend = Development.start(vertx, Development.freePort(), data, Map.of(), clock);
        parts = Optional.of(pretend);
        server = Optional.of(Server.start(vertx, withAgent(pretend.configuration()), data, Map.of(), clock));
    }

    @AfterEach
    void stop() {
        server.ifPresent(Server::close);
        parts.ifPresent(Development::close);
        vertx.close().await();
    }

    @Test
    void actsByTheKeyThatTheConfigurationKnows() throws IOException {
        putKey(key);

        CommandRun run = run("tickets:read");

        assertThat(run.exit()).as(run.err()).isZero();
        assertThat(run.err()).contains(": tickets:read");
    }

    @Test
    void saysWhatTheAuthorityDoesNotGiveThisAgent() throws IOException {
        putKey(key);

        CommandRun run = run("openai:chat");

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains("The authority refuses the task: Nothing of what was asked for is allowed");
    }

    @Test
    void saysWhereTheKeyBelongsAndLeavesNoneThere() {
        CommandRun run = run("tickets:read");

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("put its private key (a JWK) into " + keyFile());
        assertThat(keyFile()).doesNotExist();
    }

    @Test
    void saysThatTheKeyIsAnother() throws IOException {
        putKey(SigningKey.generate());

        CommandRun run = run("tickets:read");

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("knows the agent " + AGENT + " by another key");
    }

    private CommandRun run(String scope) {
        Map<String, String> passwords =
                server.orElseThrow().people().orElseThrow().passwords();
        return TypedRun.of(
                data.path(),
                _ -> passwords.getOrDefault("alice", ""),
                ApprovingPerson::approve,
                Stream.of("--task", "Work", "--agent", AGENT, "--scope", scope, "--", "true"));
    }

    private void putKey(SigningKey held) throws IOException {
        Files.createDirectories(data.agentKeys());
        Files.writeString(keyFile(), JsonText.of(held.toPrivateJwk()));
        Files.setPosixFilePermissions(keyFile(), PosixFilePermissions.fromString("rw-------"));
    }

    private Path keyFile() {
        return data.agentKeys().resolve(AGENT);
    }

    private Configuration withAgent(Configuration pretend) {
        Agent agent = new Agent(
                AGENT,
                "Ticket agent",
                new Authentication.PrivateKeyJwt(
                        JsonText.of(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint()))))),
                Map.of(),
                Optional.of(ScopeWords.parse("tickets:read")),
                Set.of(ApprovalListener.REGISTERED),
                Set.of(),
                Optional.empty(),
                AuthorityConfig.DEFAULT_DEPTH,
                Set.of());
        AuthorityConfig known = pretend.authority();
        return new Configuration(
                pretend.server(),
                new AuthorityConfig(
                        known.issuer(),
                        known.node(),
                        known.development(),
                        known.providers(),
                        List.of(agent),
                        known.audiences(),
                        known.services(),
                        known.lifetimes(),
                        known.rate(),
                        known.algorithm(),
                        known.allowUnbound()),
                pretend.routes(),
                pretend.callers(),
                pretend.registered(),
                pretend.policy(),
                pretend.ledger(),
                pretend.logLevel());
    }
}

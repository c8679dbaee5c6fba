package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * {@code examples/main-job} with its real parts, on free ports: a provider, a model, a tool server, a service that
 * verifies for itself, and the server between them.
 */
final class MainJob implements AutoCloseable {
    static final String TASK = "Summarize last quarter's enterprise tickets";
    static final String SCOPE = "openai:chat tools:echo tools:get-sum tickets:read";

    static final String SECRET = "a-secret-of-thirty-two-characters";
    private static final Path EXAMPLE = Checkout.file("examples/main-job");
    /** Short, so that a renewal can be waited for. */
    private static final String TOKENS_LIVE = "45s";

    private static final Duration TICKETS_START_WITHIN = Duration.ofSeconds(40);

    private final Keycloak.Realm realm;
    private final BehalfServer server;
    private final Program tickets;

    private MainJob(Keycloak.Realm realm, BehalfServer server, Program tickets) {
        this.realm = realm;
        this.server = server;
        this.tickets = tickets;
    }

    static MainJob start(Path folder, Keycloak keycloak, ScriptedModel model, ToolServer tools) {
        return start(folder, keycloak, model, tools, configuration -> configuration);
    }

    /** @param change of the server's configuration */
    static MainJob start(
            Path folder, Keycloak keycloak, ScriptedModel model, ToolServer tools, UnaryOperator<String> change) {
        var server = BehalfServer.in(folder);
        var realm = keycloak.realm(server.base().toString());
        var port = Program.freePort();
        var tickets = tickets(port, server.base(), folder);
        try {
            var configuration = Files.readString(EXAMPLE.resolve("behalf.yaml"))
                    .replace("authority:\n", "authority:\n  lifetimes: {token: " + TOKENS_LIVE + "}\n")
                    .replace("http://127.0.0.1:8080/realms/corp", realm.issuer())
                    .replace("http://127.0.0.1:4010", model.base().toString())
                    .replace("http://127.0.0.1:3001/mcp", tools.address().toString())
                    .replace("http://127.0.0.1:3002", "http://127.0.0.1:" + port);
            server.start(
                    change.apply(configuration),
                    Map.of(
                            "BEHALF_PROVIDER_SECRET",
                            Keycloak.Realm.AUTHORITY_SECRET,
                            "TICKET_AGENT_SECRET",
                            SECRET,
                            "SUMMARIZER_SECRET",
                            SECRET,
                            "MODEL_KEY",
                            ScriptedModel.KEY));
            return new MainJob(realm, server, tickets);
        } catch (IOException failed) {
            tickets.close();
            throw new UncheckedIOException(failed);
        } catch (IllegalStateException failed) {
            tickets.close();
            throw failed;
        }
    }

    /** The service makes its own key; its public part is all that the server has of it. */
    private static Program tickets(int port, URI authority, Path folder) {
        var command = List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                Checkout.file("server/target/lib") + "/*",
                EXAMPLE.resolve("TicketService.java").toString(),
                "" + port,
                authority.toString(),
                folder.resolve("tickets-jwks.json").toString());
        return Program.start("tickets", command, Map.of())
                .untilAnswers(URI.create("http://127.0.0.1:" + port), TICKETS_START_WITHIN);
    }

    Keycloak.Realm realm() {
        return realm;
    }

    BehalfServer server() {
        return server;
    }

    /** What its programs have said. */
    String output() {
        return server.output() + tickets.output();
    }

    HandMadeAgent agent(String id) {
        return new HandMadeAgent(server.base(), id, SECRET);
    }

    /** The application hands alice's token to the agent that it is: her word is the application's. */
    HandMadeAgent agentOf(JsonNode alicesTokens) {
        return agent("ticket-agent").begin(alicesTokens.path("access_token").asText(), """
                [{"type": "behalf_task", "description": "%s", "permissions": [
                  {"service": "openai", "actions": ["chat"]},
                  {"service": "tools", "actions": ["echo", "get-sum"]},
                  {"service": "tickets", "actions": ["read"]}]}]""".formatted(TASK));
    }

    @Override
    public void close() {
        server.close();
        tickets.close();
    }
}

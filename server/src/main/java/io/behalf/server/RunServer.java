package io.behalf.server;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpMethod;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.Optional;

/**
 * The server that a run goes through, asked as its owner: the one that runs on the data directory, else one in development
 * mode that lives as long as the run.
 */
final class RunServer implements AutoCloseable {
    private static final int CONFLICT = 409;

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final OwnerSocket owner;
    private Optional<Thread> hook = Optional.empty();

    /** @param told for the person who is to sign in, where only pretend people can */
    private RunServer(DataDirectory data, Map<String, String> environment, PrintWriter told) throws IOException {
        Optional<OwnerSocket> running = OwnerSocket.at(data);
        try {
            if (running.isEmpty()) {
                start(data, environment, told);
            }
            owner = opened(running.or(() -> OwnerSocket.at(data))
                    .orElseThrow(() -> CommandFailed.unreachable("The server that was started for this run does not"
                            + " answer on its socket, " + data.socket(environment) + ".")));
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    static RunServer on(DataDirectory data, Map<String, String> environment, PrintWriter told) throws IOException {
        return new RunServer(data, environment, told);
    }

    private void start(DataDirectory data, Map<String, String> environment, PrintWriter told) throws IOException {
        Clock clock = Clock.systemUTC();
        Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
        opened(() -> vertx.close().await());
        Development parts = opened(Development.start(vertx, Development.freePort(), data, environment, clock));
        ServeCommand.logFrom(parts.configuration().logLevel());
        Server server = opened(Server.start(vertx, parts.configuration(), data, environment, clock));
        told.println("No server runs on " + data.path() + ": one in development mode was started for this run.");
        server.tellPeople(told);
        // whoever is told to stop while nobody has approved yet still closes the ledger properly
        Thread closing = new Thread(this::closeAll);
        Runtime.getRuntime().addShutdownHook(closing);
        hook = Optional.of(closing);
    }

    private <T extends AutoCloseable> T opened(T part) {
        opened.push(part);
        return part;
    }

    ServerFacts facts() {
        return ServerFacts.fromJson(
                owner.get(Api.ROOT + "/server", Api.JSON).orFail().json());
    }

    /** Makes the agent known by this key. One that stands in the configuration is known already, by the key there. */
    void register(AgentKeyFile key) {
        OwnerSocket.Told told = owner.send(
                HttpMethod.PUT,
                Api.ROOT + "/agents/" + URLEncoder.encode(key.agent(), StandardCharsets.UTF_8),
                key.registration(ApprovalListener.REGISTERED));
        if (told.status() != CONFLICT) {
            told.orFail();
        } else if (key.made()) {
            key.forget();
            throw CommandFailed.usage("The agent " + key.agent()
                    + " stands in the server's configuration, and its key is"
                    + " not here: put its private key (a JWK) into " + key.file() + ", or name another --agent.");
        }
    }

    @Override
    public void close() {
        hook.ifPresent(closing -> {
            try {
                Runtime.getRuntime().removeShutdownHook(closing);
            } catch (IllegalStateException shuttingDown) {
                // it closes, or has closed
            }
        });
        closeAll();
    }

    private synchronized void closeAll() {
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                throw new IllegalStateException("the server that was started for this run cannot be closed", e);
            }
        }
    }
}

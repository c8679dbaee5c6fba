package io.behalf.server;

import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.server.sample.SampleServer;
import io.behalf.server.sample.SampleTools;
import io.behalf.server.sample.ScriptedModel;
import io.behalf.server.sample.TicketService;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.io.InputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * The pretend parts around a server that nobody has configured yet: a model, tools and a service on free ports of this
 * machine, and the configuration that leads to them. With a provider's key in the environment its real model takes the
 * pretend one's place.
 */
final class Development implements AutoCloseable {
    /** Below those that the kernel gives to outgoing connections: one of these could be gone again before it is listened on. */
    private static final int FIRST_EPHEMERAL_PORT = 32_768;

    private static final int LOWEST_PORT = 10_240;
    private static final int PORTS_TRIED = 100;

    /** Where the built-in provider of pretend people is, below the server's base address. */
    static final String PROVIDER_PATH = "/development";
    /** Its name, the first part of its people's subject ids. */
    static final String PROVIDER = "development";

    private static final String TEMPLATE = "development.yaml";
    private static final long STARTS_WITHIN_SECONDS = 10;

    private final List<SampleServer> parts;
    private final Configuration configuration;

    private Development(List<SampleServer> parts, Configuration configuration) {
        this.parts = parts;
        this.configuration = configuration;
    }

    /** @param port where the server will listen */
    static Development start(Vertx vertx, int port, DataDirectory data, Map<String, String> environment, Clock clock)
            throws IOException {
        URI base = URI.create("http://127.0.0.1:" + port);
        // a new key at each start begins a new chain of the service's records
        SigningKey key = SigningKey.generate();
        List<SampleServer> parts = new ArrayList<>();
        try {
            SampleServer model = started(parts, ScriptedModel.start(vertx));
            SampleServer tools = started(parts, SampleTools.start(vertx));
            String audience = base + "/tickets";
            SampleServer tickets = started(parts, TicketService.start(vertx, audience, base, key, clock));
            data.prepare(true);
            Path folder = Files.createDirectories(data.path().resolve("development-parts"));
            Files.write(
                    folder.resolve("tickets.jwks"),
                    Json.canonical(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())))));
            String text = template()
                    .replace("BASE", base.toString())
                    .replace("PORT", Integer.toString(port))
                    .replace("minted-for: \"TICKETS\"", "minted-for: \"" + audience + "\"")
                    .replace("audience: TICKETS", "audience: " + audience)
                    .replace("upstream: TICKETS", "upstream: " + tickets.address())
                    .replace("TOOLS", tools.address() + SampleTools.PATH)
                    .replace("OPENAI}", model("OPENAI_API_KEY", environment, model) + "}")
                    .replace("ANTHROPIC}", model("ANTHROPIC_API_KEY", environment, model) + "}");
            return new Development(
                    parts,
                    switch (ConfigurationReader.read(new YamlFile(text, environment, folder))) {
                        case ReadConfiguration.Accepted(var read) -> read;
                        case ReadConfiguration.Rejected(var problems) ->
                            throw new IllegalStateException("the built-in configuration is not accepted: "
                                    + problems.stream().map(Problem::toString).collect(Collectors.joining("; ")));
                    });
        } catch (IOException | RuntimeException e) {
            closeAll(parts);
            throw e;
        }
    }

    /** A port of this machine that nobody listens on now. */
    static int freePort() throws IOException {
        for (int i = 0; i < PORTS_TRIED; i++) {
            int port = ThreadLocalRandom.current().nextInt(LOWEST_PORT, FIRST_EPHEMERAL_PORT);
            try (var socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                return socket.getLocalPort();
            } catch (BindException taken) {
                // another one
            }
        }
        throw new IOException("no port is free on the loopback address");
    }

    Configuration configuration() {
        return configuration;
    }

    private static String model(String variable, Map<String, String> environment, SampleServer pretend) {
        return environment.getOrDefault(variable, "").isBlank()
                ? "upstream: \"" + pretend.address() + "\""
                : "credential: {key: {env: " + variable + "}}";
    }

    private static SampleServer started(List<SampleServer> parts, Future<SampleServer> starting) {
        SampleServer part = starting.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(STARTS_WITHIN_SECONDS, TimeUnit.SECONDS)
                .join();
        parts.add(part);
        return part;
    }

    private static String template() throws IOException {
        try (InputStream in = Objects.requireNonNull(Development.class.getResourceAsStream(TEMPLATE), TEMPLATE)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() {
        closeAll(parts);
    }

    private static void closeAll(List<SampleServer> parts) {
        parts.forEach(part -> part.close()
                .toCompletionStage()
                .toCompletableFuture()
                .orTimeout(STARTS_WITHIN_SECONDS, TimeUnit.SECONDS)
                .join());
    }
}

package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SigningKey;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.Answer;
import io.behalf.sdk.Attached;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A server in development mode in this process, on a free port and a folder of its own, and an agent that works there. */
final class RunningServer implements AutoCloseable {
    static final String PROVIDER_CLIENT = "behalf";

    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);

    private final Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<String, String> environment = new HashMap<>();
    private final DataDirectory data;
    private final Development parts;
    private Server server;

    private RunningServer(Path folder) throws IOException {
        data = new DataDirectory(folder.resolve("data"));
        int port = Development.freePort();
        parts = Development.start(vertx, port, data, environment, Clock.systemUTC());
        server = start();
    }

    static RunningServer in(Path folder) throws IOException {
        return new RunningServer(folder);
    }

    private Server start() {
        return Server.start(vertx, parts.configuration(), data, environment, Clock.systemUTC());
    }

    void restart() {
        server.close();
        server = start();
    }

    Server server() {
        return server;
    }

    DataDirectory data() {
        return data;
    }

    URI base() {
        return server.base();
    }

    /** A registered agent's way to the authority. Applications get people's tokens for it. */
    AuthorityClient agent(String id, String... mayHandOverTo) {
        SigningKey key = SigningKey.generate();
        server.authority()
                .register(new Agent(
                        id,
                        id,
                        new Authentication.PrivateKeyJwt(JsonText.of(
                                Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint()))))),
                        Map.of(Development.PROVIDER, Set.of(PROVIDER_CLIENT)),
                        Optional.empty(),
                        Set.of("http://127.0.0.1/callback"),
                        Set.of(mayHandOverTo),
                        Optional.empty(),
                        AuthorityConfig.DEFAULT_DEPTH,
                        Set.of()));
        return new AuthorityClient(
                URI.create(server.configuration().authority().issuer()),
                new AgentCredential.PrivateKey(id, key),
                SigningKey.generate());
    }

    /** A task that an application started with a person's token. */
    RunningTask task(AuthorityClient agent, String user, String scope) {
        var token = server.people().orElseThrow().signIn(user, PROVIDER_CLIENT).accessToken();
        var task = new BehalfTask(
                "Summarize last quarter's enterprise tickets",
                ScopeWords.parse(scope),
                Limits.NONE,
                Optional.empty(),
                Optional.empty());
        return switch (agent.start(token, AuthorityClient.SubjectToken.ACCESS_TOKEN, task, Optional.of(audience()))) {
            case Answer.Granted<HeldDelegation>(var held) -> new RunningTask(agent, held, Optional.of(audience()));
            case Answer<HeldDelegation> no -> throw new AssertionError("no task: " + no);
        };
    }

    String audience() {
        return base() + "/gateway";
    }

    HttpResponse<String> call(RunningTask task, String method, String path, String body) {
        var request = request(method, path, body);
        switch (task.attach(method, base() + path)) {
            case Attached.Headers headers -> headers.headers().forEach(request::header);
            case Attached no -> throw new AssertionError("nothing to attach: " + no);
        }
        return send(request);
    }

    HttpRequest.Builder request(String method, String path, String body) {
        return HttpRequest.newBuilder(base().resolve(path))
                .header("Content-Type", "application/json")
                .timeout(ANSWERS_WITHIN)
                .method(method, HttpRequest.BodyPublishers.ofString(body));
    }

    HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    @Override
    public void close() {
        http.close();
        server.close();
        parts.close();
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}

package io.behalf.server.kill;

import io.behalf.authority.DevelopmentProvider;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.server.kill.Told.Arrived;
import io.behalf.server.sample.SampleServer;
import io.behalf.server.sample.SampleTools;
import io.behalf.server.sample.ScriptedModel;
import io.behalf.server.sample.TicketService;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.RequestOptions;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;

/**
 * Everything around the server that is not killed: people and their provider, a model, tools, and a service that verifies
 * for itself and hands in records of its own. They remember what has come to them.
 */
final class PretendParts implements AutoCloseable {
    /** The provider's client whose tokens start tasks. */
    static final String APPLICATION = "app";

    static final List<String> PEOPLE = List.of("alice", "bob");

    private static final String LOGOUT = "/oauth/backchannel-logout";
    /** A streamed answer takes a while, so that a kill can come into its middle. */
    private static final Duration BETWEEN_EVENTS = Duration.ofMillis(8);

    private static final long STARTS_WITHIN_SECONDS = 10;

    private final Vertx vertx = Vertx.vertx();
    private final HttpClient http = vertx.httpClientBuilder()
            .withConnectHandler(server -> server.exceptionHandler(_ -> {})) // it is killed
            .build();
    private final ConcurrentLinkedQueue<Arrived> arrived = new ConcurrentLinkedQueue<>();
    private final ConcurrentLinkedQueue<Told> kept = new ConcurrentLinkedQueue<>();
    private final URI behalf;
    private final DevelopmentProvider provider;
    private final String issuer;
    private final SigningKey ticketsKey = SigningKey.generate();
    private final String ticketsAudience;
    private final SampleServer model;
    private final SampleServer tools;
    private final SampleServer tickets;
    /** SHA-256 of the last logout token that the server has said yes to. */
    private Optional<String> loggedOut = Optional.empty();

    /** @param behalf where the server will be */
    PretendParts(URI behalf) throws IOException {
        this.behalf = behalf;
        int port;
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        issuer = "http://127.0.0.1:" + port;
        ticketsAudience = behalf + "/tickets";
        provider = new DevelopmentProvider(issuer, clients(), Clock.systemUTC());
        Router router = Router.router(vertx);
        router.post(LOGOUT).handler(BodyHandler.create(false)).handler(this::passLogoutOn);
        provider.mount(router, "");
        var _ = await(vertx.createHttpServer()
                .connectionHandler(client -> client.exceptionHandler(_ -> {})) // it is killed
                .requestHandler(router)
                .listen(port, "127.0.0.1"));
        model = watched(ScriptedModel.start(vertx, BETWEEN_EVENTS));
        tools = watched(SampleTools.start(vertx));
        tickets = watched(TicketService.start(
                vertx,
                ticketsAudience,
                behalf,
                ticketsKey,
                Clock.systemUTC(),
                record -> kept.add(new Told.Kept(record))));
    }

    private List<DevelopmentProvider.Client> clients() {
        Set<String> audiences = Set.of(behalf.toString());
        var ours = new DevelopmentProvider.Client(
                "behalf",
                Optional.empty(),
                Set.of(behalf + "/oauth/callback"),
                audiences,
                Optional.of(URI.create(issuer + LOGOUT)));
        return List.of(ours, new DevelopmentProvider.Client(APPLICATION, Optional.empty(), Set.of(), audiences));
    }

    private SampleServer watched(Future<SampleServer> starting) {
        SampleServer part = await(starting);
        part.watchedBy(this::note);
        return part;
    }

    private void note(HttpServerRequest request) {
        // W3C Trace Context: version-traceid-parentid-flags
        String[] trace = String.valueOf(request.getHeader("traceparent")).split("-", -1);
        arrived.add(new Arrived(
                trace.length == 4 ? trace[1] : "(none)",
                Optional.ofNullable(request.getHeader("behalf-record")),
                String.valueOf(request.path())));
    }

    /** The provider's word that somebody has logged out, on its way to the server: only its answer makes it count. */
    private void passLogoutOn(RoutingContext context) {
        String token = String.valueOf(context.request().getFormAttribute("logout_token"));
        var to = new RequestOptions().setMethod(HttpMethod.POST).setAbsoluteURI(behalf + LOGOUT);
        var body = context.body().buffer();
        http.request(to)
                .compose(request -> request.putHeader("content-type", "application/x-www-form-urlencoded")
                        .send(body))
                .onSuccess(answer -> {
                    if (answer.statusCode() == 200) {
                        accepted(token);
                    }
                    context.response().setStatusCode(answer.statusCode()).end();
                })
                .onFailure(_ -> context.response().setStatusCode(502).end());
    }

    private synchronized void accepted(String logoutToken) {
        loggedOut = Optional.of(sha256(logoutToken));
    }

    private synchronized Optional<String> takeLoggedOut() {
        var taken = loggedOut;
        loggedOut = Optional.empty();
        return taken;
    }

    // ---- for the server

    /** The configuration with everybody's address in it; the service's public key is put beside it. */
    String configuration(Path folder) throws IOException {
        Files.write(
                folder.resolve("tickets.jwks"),
                Json.canonical(Map.of("keys", List.of(ticketsKey.publicKey().toJwk(ticketsKey.thumbprint())))));
        try (InputStream in = Objects.requireNonNull(getClass().getResourceAsStream("kill.yaml"), "kill.yaml")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .replace("BASE", behalf.toString())
                    .replace("PROVIDER", issuer)
                    .replace("TICKETS-AUDIENCE", ticketsAudience)
                    .replace("TICKETS", tickets.address().toString())
                    .replace("TOOLS", tools.address() + SampleTools.PATH)
                    .replace("MODEL", model.address().toString());
        }
    }

    // ---- for the load

    /** A provider's token of this person for the application, good for one task. */
    String tokenOf(String person) {
        return provider.signIn(person, APPLICATION).accessToken();
    }

    String passwordOf(String person) {
        return Objects.requireNonNull(provider.passwords().get(person), person);
    }

    /** Logs the person out, everywhere; one after the other. */
    Optional<String> signOut(String person) {
        synchronized (provider) {
            var _ = takeLoggedOut();
            provider.signOut(person);
            return takeLoggedOut();
        }
    }

    // ---- for the check

    List<Arrived> arrived() {
        return drained(arrived);
    }

    List<Told> kept() {
        return drained(kept);
    }

    private static <T> List<T> drained(ConcurrentLinkedQueue<T> queue) {
        List<T> all = new ArrayList<>();
        for (T next = queue.poll(); next != null; next = queue.poll()) {
            all.add(next);
        }
        return all;
    }

    private static <T> T await(Future<T> future) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(STARTS_WITHIN_SECONDS, TimeUnit.SECONDS)
                .join();
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    @Override
    public void close() {
        provider.close();
        var _ = await(vertx.close());
    }
}

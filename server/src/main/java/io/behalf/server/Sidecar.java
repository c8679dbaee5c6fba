package io.behalf.server;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.gateway.Closing;
import io.behalf.gateway.Codec.Note;
import io.behalf.gateway.Codec.Rendered;
import io.behalf.gateway.Connections;
import io.behalf.gateway.ProblemDetails;
import io.behalf.gateway.llm.AnthropicCodec;
import io.behalf.gateway.llm.OpenAiCodec;
import io.behalf.sdk.RunningTask;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.PoolOptions;
import io.vertx.core.net.SocketAddress;
import java.net.URI;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Stands on loopback between one run's programs and the gateway: takes the run's secret, and attaches the task's
 * delegation with a proof for each request. Decides nothing and reads no body: the gateway does.
 *
 * <p>Everything happens on the one event loop on which it listens; only renewal, which waits, is done beside it.
 */
final class Sidecar {
    /** Of the gateway's answers. */
    static final int MAX_HEADER_BYTES = 64 << 10;

    /** Connections to the gateway, and requests that wait for one. */
    static final int MAX_CONNECTIONS = 256;

    static final int MAX_WAITING = 1_024;
    static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    /** Shorter than what servers usually keep: a connection that is about to be closed takes no request. */
    static final Duration KEPT_IDLE = Duration.ofSeconds(4);

    /** For the rest of a request that is answered already. */
    static final Duration LINGER = Duration.ofSeconds(1);

    private static final String LOOPBACK = "127.0.0.1";

    private final Vertx vertx;
    private final Gateway gateway;
    private final RunningTask task;
    private final RunSecret secret;
    private final HttpClient client;
    private final AtomicLong calls = new AtomicLong();
    private volatile Optional<String> deployment = Optional.empty();
    private volatile int port;
    private volatile Set<String> hosts = Set.of();
    private @Nullable Future<Void> renewing;

    /** Where the gateway is: as its delegations and proofs name it, without a path. */
    record Gateway(URI base, boolean tls, String host, int port) {
        static Gateway at(URI base) {
            String text = base.toString();
            boolean tls = "https".equals(base.getScheme());
            if ((!tls && !"http".equals(base.getScheme()))
                    || base.getHost() == null
                    || !base.getRawPath().isEmpty()) {
                throw new IllegalArgumentException("the gateway's address is scheme, host and port: " + text);
            }
            int port = base.getPort() > 0 ? base.getPort() : tls ? 443 : 80;
            return new Gateway(base, tls, base.getHost(), port);
        }
    }

    private Sidecar(Vertx vertx, Gateway gateway, RunningTask task) {
        this.vertx = vertx;
        this.gateway = gateway;
        this.task = task;
        this.secret = RunSecret.random(new SecureRandom());
        this.client = vertx.createHttpClient(
                new HttpClientOptions()
                        .setConnectTimeout((int) CONNECT_TIMEOUT.toMillis())
                        .setKeepAliveTimeout((int) KEPT_IDLE.toSeconds())
                        .setMaxHeaderSize(MAX_HEADER_BYTES)
                        .setDecompressionSupported(false)
                        .setTcpNoDelay(true),
                new PoolOptions().setHttp1MaxSize(MAX_CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING));
    }

    /** @param task whose delegation is for the gateway as a whole */
    static Future<Sidecar> start(Vertx vertx, Gateway gateway, RunningTask task) {
        return start(vertx, gateway, task, Connections.Limits.of(MAX_CONNECTIONS + MAX_WAITING));
    }

    static Future<Sidecar> start(Vertx vertx, Gateway gateway, RunningTask task, Connections.Limits limits) {
        Sidecar sidecar = new Sidecar(vertx, gateway, task);
        FrontDoor door = new FrontDoor(
                SocketAddress.inetSocketAddress(0, LOOPBACK), limits, () -> sidecar::handle, () -> Duration.ZERO);
        return vertx.deployVerticle(door).map(id -> {
            sidecar.listens(id, door.port());
            return sidecar;
        });
    }

    private void listens(String id, int on) {
        deployment = Optional.of(id);
        port = on;
        hosts = Set.of(LOOPBACK + ":" + on, "localhost:" + on);
    }

    URI address() {
        return URI.create("http://" + LOOPBACK + ":" + port);
    }

    String secret() {
        return secret.text();
    }

    /** Requests that the gateway has answered. */
    long calls() {
        return calls.get();
    }

    Future<Void> close() {
        Future<Void> closed = deployment.map(vertx::undeploy).orElse(Future.succeededFuture());
        deployment = Optional.empty();
        return closed.eventually(client::close);
    }

    private void handle(HttpServerRequest request) {
        request.pause();
        Optional<Refusal> no = foreign(request).or(() -> unknown(request)).or(() -> unfit(request));
        if (no.isPresent()) {
            refuse(request, no.get());
        } else {
            new SidecarRelay(this, request).go();
        }
    }

    /** A web page that found the port, under its own name or under one that it made point here. */
    private Optional<Refusal> foreign(HttpServerRequest request) {
        String host = request.getHeader(HttpHeaders.HOST);
        boolean known = host != null
                && request.headers().getAll(HttpHeaders.HOST).size() == 1
                && hosts.contains(host.toLowerCase(Locale.ROOT));
        return known && !request.headers().contains(HttpHeaders.ORIGIN)
                ? Optional.empty()
                : Optional.of(Refusal.of(Reason.REQUEST_MALFORMED, "This address is not for web pages.")
                        .withStatus(403));
    }

    private Optional<Refusal> unknown(HttpServerRequest request) {
        return secret.shownIn(request.headers())
                ? Optional.empty()
                : Optional.of(Refusal.of(
                        Reason.AGENT_UNAUTHENTICATED,
                        "This address serves one run of behalf only, and the key shown is not that run's. Use the key"
                                + " and the addresses of its environment."));
    }

    private Optional<Refusal> unfit(HttpServerRequest request) {
        if (request.decoderResult().isFailure()) {
            return Optional.of(malformed("This is not well-formed HTTP."));
        }
        if (!request.uri().startsWith("/")) {
            return Optional.of(malformed("This is no proxy: ask for a path."));
        }
        if (secret.isWithin(request.uri())) { // RFC 9700 §4.3.2: addresses end up in logs and histories
            return Optional.of(malformed("A key does not belong in an address."));
        }
        String upgrade = request.getHeader(HttpHeaders.UPGRADE);
        return upgrade != null && upgrade.toLowerCase(Locale.ROOT).contains("websocket")
                ? Optional.of(malformed("WebSockets are not carried here."))
                : Optional.empty();
    }

    private static Refusal malformed(String sentence) {
        return Refusal.of(Reason.REQUEST_MALFORMED, sentence);
    }

    // ---- for one request's relay

    Gateway gateway() {
        return gateway;
    }

    RunningTask task() {
        return task;
    }

    RunSecret key() {
        return secret;
    }

    HttpClient client() {
        return client;
    }

    void answered() {
        calls.incrementAndGet();
    }

    /** One renewal for all that wait for one. Completes whatever came of it. */
    Future<Void> renew() {
        if (renewing == null) {
            Future<Void> renewal =
                    vertx.executeBlocking(task::renew, false).<Void>mapEmpty().otherwiseEmpty();
            renewing = renewal;
            renewal.onComplete(_ -> renewing = null);
            return renewal;
        }
        return renewing;
    }

    /** Says no in the words of the protocol that the address belongs to. Nothing of the request has passed. */
    void refuse(HttpServerRequest request, Refusal no) {
        Note note = new Note(no, Optional.empty(), Optional.empty());
        Rendered said = rendered(request.uri(), note);
        HttpServerResponse response = request.response();
        response.exceptionHandler(_ -> {}); // nobody is there any more to be refused
        response.setStatusCode(said.status())
                .putHeader(HttpHeaders.CONTENT_TYPE, said.contentType())
                .putHeader(HttpHeaders.CACHE_CONTROL, "no-store");
        response.end(said.body());
        leave(request);
    }

    /**
     * Reads away what is left of a request that is answered: closing at once would make the kernel drop the answer before
     * it is read.
     */
    void leave(HttpServerRequest request) {
        if (request.isEnded()) {
            return;
        }
        long late = vertx.setTimer(LINGER.toMillis(), _ -> Closing.soon(request.connection()));
        request.handler(_ -> {}).endHandler(_ -> vertx.cancelTimer(late)).resume();
    }

    private static Rendered rendered(String uri, Note note) {
        if (uri.startsWith("/llm/anthropic/")) {
            return new AnthropicCodec().refuse(note, Optional.empty());
        }
        return uri.startsWith("/llm/") ? new OpenAiCodec().refuse(note, Optional.empty()) : ProblemDetails.of(note);
    }
}

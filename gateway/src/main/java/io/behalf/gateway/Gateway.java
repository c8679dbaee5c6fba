package io.behalf.gateway;

import io.behalf.core.delegation.TaskId;
import io.behalf.ledger.Ledger;
import io.behalf.policy.Policy;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.Revocations;
import io.behalf.verifier.TrustedIssuers;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The gateway before models, MCP servers and HTTP services: every request is verified, decided, recorded, forwarded and
 * recorded again, in {@link CallFlow}. Each event loop has its own handler with its own connections to upstreams.
 *
 * <p>Thread-safe; {@link #handler} is called on the loop that it will serve.
 */
public final class Gateway {
    /** Bounds of what the HTTP layer reads before the gateway sees anything. */
    static final int MAX_HEADER_BYTES = 48 << 10; // two tokens and a proof of the longest kind

    static final int MAX_CHUNK_BYTES = 64 << 10;

    /** One value in a form: what a task may do, and providers' tokens, are longer than the HTTP layer's own bound. */
    static final int MAX_FORM_VALUE_BYTES = 64 << 10;

    /** Connections that the kernel keeps until they are taken: a burst of them is no reason to turn one away. */
    private static final int ACCEPT_BACKLOG = 4_096;

    private final Vertx vertx;
    private final GatewayConfig config;
    private final Edges edges;
    private final ProtectedResources resources;
    private final Sessions sessions;
    private final BodyRoom bodies;
    private final BodyRoom answers;
    private final TurnedAway turnedAway = new TurnedAway();
    private final List<GatewayLoop> loops = new CopyOnWriteArrayList<>();
    private volatile Policy policy;

    /** What the gateway is wired to. */
    public record Edges(
            DelegationVerifier verifier,
            TrustedIssuers issuers,
            IssuerRefresh refresh,
            Revocations revocations,
            Tasks tasks,
            UpstreamTokens tokens,
            Ledger ledger,
            Clock clock) {}

    public Gateway(Vertx vertx, GatewayConfig config, Policy policy, Edges edges) {
        this(
                vertx,
                config,
                policy,
                edges,
                BodyRoom.ofHeap(
                        BodyRoom.PART_FOR_CALLS,
                        config.routes().stream()
                                .mapToLong(Route::maxRequestBytes)
                                .max()
                                .orElse(0)),
                BodyRoom.ofHeap(BodyRoom.PART_FOR_ANSWERS, EventStream.MAX_EVENT_BYTES));
    }

    Gateway(Vertx vertx, GatewayConfig config, Policy policy, Edges edges, BodyRoom bodies, BodyRoom answers) {
        this.vertx = vertx;
        this.config = config;
        this.policy = policy;
        this.edges = edges;
        this.resources = new ProtectedResources(config);
        this.sessions = new Sessions(edges.clock());
        this.bodies = bodies;
        this.answers = answers;
    }

    /**
     * A server on the event loop that calls this, which hands on what the gateway can judge, and what is no well-formed HTTP;
     * to be told where to listen. Its bounds are the gateway's, for whatever else it carries, too.
     *
     * @param connections this server's alone
     */
    public static HttpServer server(Vertx vertx, Connections connections, Handler<HttpServerRequest> next) {
        Handler<HttpServerRequest> requests = connections.before(new ChunkedIsLast(next));
        return vertx.createHttpServer(serverOptions())
                .connectionHandler(connections::opened)
                .requestHandler(requests)
                .invalidRequestHandler(requests);
    }

    private static HttpServerOptions serverOptions() {
        return new HttpServerOptions()
                .setMaxHeaderSize(MAX_HEADER_BYTES)
                .setMaxInitialLineLength(Door.MAX_TARGET + 64)
                .setMaxChunkSize(MAX_CHUNK_BYTES)
                .setAcceptBacklog(ACCEPT_BACKLOG)
                // no upgrade in clear text: it would let a body be read under other rules than those it was checked by
                .setHttp2ClearTextEnabled(false)
                .setHandle100ContinueAutomatically(false)
                .setMaxFormAttributeSize(MAX_FORM_VALUE_BYTES)
                // no WebSockets here: without these, each request and answer is looked at for their extensions
                .setPerFrameWebSocketCompressionSupported(false)
                .setPerMessageWebSocketCompressionSupported(false)
                .setDecompressionSupported(false)
                .setCompressionSupported(false)
                .setTcpNoDelay(true);
    }

    /** Whether the gateway answers this path. */
    public static boolean serves(String path) {
        return path.startsWith("/llm/")
                || path.startsWith("/mcp/")
                || path.startsWith("/http/")
                || path.startsWith(ProtectedResources.WELL_KNOWN + "/");
    }

    /**
     * A handler for the event loop that calls this, for paths that it {@link #serves}; also for requests that are no
     * well-formed HTTP. Its server is made by {@link #server}.
     *
     * @param limits of that server's connections; as many are kept to all upstreams together
     */
    public Handler<HttpServerRequest> handler(Connections.Limits limits) {
        GatewayLoop loop = new GatewayLoop(
                vertx, Loop.current(), config, limits, edges, () -> policy, sessions, bodies, answers, turnedAway);
        loops.add(loop);
        return request -> {
            String path = request.path();
            if (path != null && path.startsWith(ProtectedResources.WELL_KNOWN + "/")) {
                resources.answer(request, path);
            } else {
                loop.handle(request);
            }
        };
    }

    /** Decides from now on by this policy; calls under way keep the one that they were decided by. */
    public void policy(Policy next) {
        policy = next;
    }

    /** Ends what is running and must not go on: within a moment, each call with its outcome. */
    public void stopped(Stop stop) {
        loops.forEach(loop -> loop.stop(stop));
    }

    /** Completes when no call of the task is open. */
    public CompletionStage<Void> settled(TaskId task) {
        List<Future<Void>> all = new ArrayList<>();
        loops.forEach(loop -> all.add(loop.settled(task)));
        return Future.all(all).<Void>mapEmpty().toCompletionStage();
    }

    /** Cuts what is open, each call with its outcome, and closes the connections to upstreams. */
    public Future<Void> close() {
        List<Future<Void>> all = new ArrayList<>();
        for (GatewayLoop loop : loops) {
            Promise<Void> closed = Promise.promise();
            loop.close(closed);
            all.add(closed.future());
        }
        return Future.join(all).mapEmpty();
    }
}

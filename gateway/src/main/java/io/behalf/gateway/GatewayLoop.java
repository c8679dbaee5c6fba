package io.behalf.gateway;

import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.TaskId;
import io.behalf.policy.Policy;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.PoolOptions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The gateway on one event loop: everything that this loop's requests touch, so that none of it is shared. */
final class GatewayLoop {
    /** Connections to one upstream from one loop, and calls that wait for one. */
    static final int MAX_CONNECTIONS = 2_048;

    static final int MAX_WAITING = 4_096;
    static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);
    /** Shorter than what servers usually keep: a connection that they are about to close takes no call. */
    static final Duration KEPT_IDLE = Duration.ofSeconds(4);

    static final Duration SUMMARY = Duration.ofMinutes(1);

    private static final Logger LOG = LoggerFactory.getLogger(GatewayLoop.class);

    private final Vertx vertx;
    private final Loop loop;
    private final Door door;
    private final CallFlow flow;
    private final Recorder recorder;
    private final OpenCalls open;
    private final HttpClient client;
    private final RandomGenerator random;
    private final long sweeper;
    private final long summarizer;

    GatewayLoop(
            Vertx vertx,
            Loop loop,
            GatewayConfig config,
            Connections.Limits limits,
            Gateway.Edges edges,
            Supplier<Policy> policies,
            Sessions sessions,
            BodyRoom bodies,
            BodyRoom answers,
            TurnedAway turnedAway) {
        this.vertx = vertx;
        this.loop = loop;
        // ids of records and spans must not collide; nothing is gained by guessing one
        this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(new SecureRandom().nextLong());
        List<Passage> passages =
                config.routes().stream().map(route -> Passage.of(route, config)).toList();
        this.door = new Door(config, passages, edges.issuers(), random);
        this.recorder = new Recorder(edges.ledger(), loop, config.node(), edges.clock(), random, turnedAway);
        this.open = new OpenCalls(sessions, edges.revocations(), recorder, loop, edges.clock());
        UpstreamWires wires = new UpstreamWires(limits.most());
        this.client = client(vertx, wires);
        this.flow = new CallFlow(
                vertx,
                loop,
                edges.verifier(),
                edges.refresh(),
                edges.tasks(),
                policies,
                recorder,
                new Forwarder(client, wires, edges.tokens(), loop),
                open,
                sessions,
                bodies,
                answers,
                config,
                limits.body(),
                edges.clock());
        this.sweeper = vertx.setPeriodic(OpenCalls.SWEEP.toMillis(), _ -> open.sweep());
        this.summarizer = vertx.setPeriodic(SUMMARY.toMillis(), _ -> summarize());
    }

    private static HttpClient client(Vertx vertx, UpstreamWires wires) {
        return vertx.httpClientBuilder()
                .with(new HttpClientOptions()
                        .setConnectTimeout((int) CONNECT_TIMEOUT.toMillis())
                        .setKeepAliveTimeout((int) KEPT_IDLE.toSeconds())
                        .setMaxHeaderSize(Gateway.MAX_HEADER_BYTES)
                        .setMaxChunkSize(Gateway.MAX_CHUNK_BYTES)
                        .setDecompressionSupported(false)
                        .setTcpNoDelay(true))
                .with(new PoolOptions().setHttp1MaxSize(MAX_CONNECTIONS).setMaxWaitQueueSize(MAX_WAITING))
                .withConnectHandler(wires::opened)
                .build();
    }

    void handle(HttpServerRequest request) {
        request.pause();
        Future<Void> handled;
        try {
            handled = admitted(request, new AgentWire(request));
        } catch (RuntimeException defect) { // nobody else would tell whoever asked that nothing comes of it
            handled = Future.failedFuture(defect);
        }
        handled.onFailure(fault -> {
            // a defect, or a client that went away with half its body sent
            LOG.debug("a request came to nothing", fault);
            Closing.soon(request.connection());
        });
    }

    private Future<Void> admitted(HttpServerRequest request, AgentWire agent) {
        return switch (door.admit(request)) {
            case Door.Entry.Arrived(Arrival arrival) -> flow.handle(arrival, agent);
            case Door.Entry.TurnedAway(Refusal no, Optional<Passage> passage) -> turnAway(no, passage, request, agent);
        };
    }

    private Future<Void> turnAway(Refusal no, Optional<Passage> passage, HttpServerRequest request, AgentWire agent) {
        String where = passage.map(known -> known.route().prefix()).orElse("nowhere");
        Recorder.Denial counted = recorder.counted(where, no);
        return passage.isPresent()
                ? agent.refuse(
                        no,
                        counted,
                        passage.get(),
                        Optional.empty(),
                        TraceContext.at(request.getHeader(Names.TRACEPARENT), random))
                : agent.refuse(no, counted);
    }

    void stop(Stop stop) {
        loop.execute(() -> open.stop(stop));
    }

    Future<Void> settled(TaskId task) {
        Promise<Void> settled = Promise.promise();
        loop.execute(() -> open.settled(task).onComplete(settled));
        return settled.future();
    }

    void close(Promise<Void> closed) {
        loop.execute(() -> {
            vertx.cancelTimer(sweeper);
            vertx.cancelTimer(summarizer);
            Future.join(open.closeAll(), recorder.summarize())
                    .transform(_ -> client.close())
                    .onComplete(closed);
        });
    }

    private void summarize() {
        recorder.summarize()
                .onFailure(fault -> LOG.warn("counted refusals could not be recorded: {}", fault.getMessage()));
    }
}

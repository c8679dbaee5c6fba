package io.behalf.gateway;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.policy.Policy;
import io.behalf.policy.PolicySource;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.IssuerKeys;
import io.behalf.verifier.TrustedIssuers;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.core.AbstractVerticle;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * A gateway on loopback with everything around it: an authority's key, an agent's key, a fake upstream behind each route,
 * a ledger in memory. Verifier and policy are the real ones.
 */
final class World implements AutoCloseable {
    static final String PROVIDER_KEY = "sk-of-the-provider";
    static final String CALLER_KEY = "key-of-an-old-application";
    /** Nobody comes from there (RFC 5737). */
    static final String CALLER_ADDRESS = "203.0.113.7";

    static final SecretKey MAC_KEY = new SecretKeySpec(new byte[32], Macs.ALGORITHM);
    static final SecretKey LOG_KEY = new SecretKeySpec("of the log".getBytes(StandardCharsets.UTF_8), Macs.ALGORITHM);

    /** Below those that connections are given, of which one could take it before the server has it. */
    private static final AtomicInteger NEXT_PORT =
            new AtomicInteger(ThreadLocalRandom.current().nextInt(16_000, 30_000));

    final SigningKey authority = SigningKey.generate();
    final SigningKey agent = SigningKey.generate();
    final RecordingLedger ledger = new RecordingLedger();
    final Map<TaskId, TaskState> tasks = new ConcurrentHashMap<>();
    final Map<String, Reason> stopped = new ConcurrentHashMap<>();
    final Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(2).setPreferNativeTransport(true));
    final FakeUpstream upstream;
    final Gateway gateway;
    final int port;
    final BodyRoom bodies;
    /** For what is kept of answers. */
    final BodyRoom answers;

    private final Connections.Limits limits;
    private final List<Supplier<Future<Integer>>> connections = new CopyOnWriteArrayList<>();
    private final String base;
    private volatile IssuerKeys keys = IssuerKeys.of(authority.publicKey());
    private volatile @Nullable IssuerKeys keysAfterRefresh;
    private final AtomicInteger refreshes = new AtomicInteger();

    World() throws Exception {
        this(UnaryOperator.identity());
    }

    /** @param change of every route */
    World(UnaryOperator<Route> change) throws Exception {
        this(change, PolicySource.BUILT_IN);
    }

    World(UnaryOperator<Route> change, PolicySource policy) throws Exception {
        this(change, policy, Connections.Limits.of(Connections.Limits.MOST));
    }

    /** @param limits of each of the two event loops */
    World(UnaryOperator<Route> change, PolicySource policy, Connections.Limits limits) throws Exception {
        this(
                change,
                policy,
                limits,
                BodyRoom.ofHeap(BodyRoom.PART_FOR_CALLS, Route.MAX_REQUEST_BYTES),
                BodyRoom.ofHeap(BodyRoom.PART_FOR_ANSWERS, EventStream.MAX_EVENT_BYTES));
    }

    World(BodyRoom bodies, BodyRoom answers) throws Exception {
        this(
                UnaryOperator.identity(),
                PolicySource.BUILT_IN,
                Connections.Limits.of(Connections.Limits.MOST),
                bodies,
                answers);
    }

    private World(
            UnaryOperator<Route> change,
            PolicySource policy,
            Connections.Limits limits,
            BodyRoom bodies,
            BodyRoom answers)
            throws Exception {
        this.bodies = bodies;
        this.answers = answers;
        this.limits = limits;
        upstream = new FakeUpstream(vertx);
        port = freePort();
        base = "http://127.0.0.1:" + port;
        TrustedIssuers issuers = issuer -> issuer.equals(base) ? Optional.of(keys) : Optional.empty();
        DelegationVerifier verifier = new DelegationVerifier(
                issuers, d -> Optional.ofNullable(stopped.get(d.taskId().value())), new DpopProofs());
        GatewayConfig config = new GatewayConfig(
                URI.create(base),
                base,
                "test",
                Set.of("127.0.0.1:" + port),
                Set.of("https://console.example"),
                routes(upstream.port()).stream().map(change).toList(),
                new GatewayConfig.Callers(
                        Map.of(HexFormat.of().formatHex(Presentation.sha256(CALLER_KEY)), "old-application"),
                        Map.of(CALLER_ADDRESS, "old-machine")),
                LOG_KEY);
        gateway = new Gateway(
                vertx,
                config,
                Policy.compile(policy),
                new Gateway.Edges(
                        verifier,
                        issuers,
                        _ -> refresh(),
                        d -> Optional.ofNullable(stopped.get(d.taskId().value())),
                        new RunningTasks(),
                        new Minting(),
                        ledger,
                        Clock.systemUTC()),
                bodies,
                answers);
        for (int loop = 0; loop < 2; loop++) {
            vertx.deployVerticle(new Server())
                    .toCompletionStage()
                    .toCompletableFuture()
                    .get(10, TimeUnit.SECONDS);
        }
    }

    static List<Route> routes(int upstreamPort) {
        URI upstream = URI.create("http://127.0.0.1:" + upstreamPort);
        return List.of(
                Route.of(
                        "openai",
                        new Route.Models(Route.Provider.OPENAI),
                        "openai",
                        upstream,
                        Route.key(Route.Provider.OPENAI, PROVIDER_KEY)),
                Route.of(
                        "anthropic",
                        new Route.Models(Route.Provider.ANTHROPIC),
                        "anthropic",
                        upstream,
                        Route.key(Route.Provider.ANTHROPIC, PROVIDER_KEY)),
                Route.of(
                        "tools",
                        new Route.Mcp(List.of(new Route.Tool(
                                "read_file",
                                "read",
                                List.of(new Route.Resource("", new Route.Value.Pointer("/path"))),
                                Map.of()))),
                        "tools",
                        URI.create(upstream + "/mcp"),
                        new Route.Credential.None()),
                Route.of(
                        "tickets",
                        new Route.Http(List.of(
                                new Route.Operation(
                                        "GET",
                                        "/tickets/{id}",
                                        "read",
                                        List.of(new Route.Resource("tickets/", new Route.Value.PathPart("id"))),
                                        Map.of()),
                                new Route.Operation(
                                        "GET",
                                        "/tickets",
                                        "search",
                                        List.of(),
                                        Map.of("segment", new Route.Value.QueryPart("segment"))),
                                new Route.Operation(
                                        "POST",
                                        "/tickets/{id}/notes",
                                        "note",
                                        List.of(new Route.Resource("tickets/", new Route.Value.PathPart("id"))),
                                        Map.of()))),
                        "tickets",
                        upstream,
                        new Route.Credential.Minted("urn:tickets")));
    }

    private final class Server extends AbstractVerticle {
        @Override
        public void start(Promise<Void> started) {
            Connections mine = new Connections(vertx, limits);
            connections.add(() -> Future.future(told -> context.runOnContext(_ -> told.complete(mine.open()))));
            Gateway.server(vertx, mine, gateway.handler(limits))
                    .listen(port, "127.0.0.1")
                    .<Void>mapEmpty()
                    .onComplete(started);
        }
    }

    private final class RunningTasks implements Tasks {
        @Override
        public @Nullable TaskState resident(TaskId id) {
            return tasks.get(id);
        }

        @Override
        public CompletionStage<Checked<TaskState>> open(Delegation delegation) {
            return CompletableFuture.supplyAsync(() -> Checked.passed(tasks.computeIfAbsent(
                    delegation.taskId(),
                    id -> new TaskState(id, MAC_KEY, delegation.task().limits(), 0, 0))));
        }
    }

    private static final class Minting implements UpstreamTokens {
        @Override
        public CompletionStage<Minted> tokenFor(VerifiedDelegation presented, Route route) {
            return CompletableFuture.completedFuture(new Minted(
                    "dlg_of_the_test",
                    "minted-for-" + route.mintedAudience().orElseThrow(),
                    presented.delegation().expires()));
        }

        @Override
        public String proof(Minted token, String record, String method, String url) {
            return "proof " + method + " " + url;
        }
    }

    private CompletionStage<Void> refresh() {
        refreshes.incrementAndGet();
        IssuerKeys next = keysAfterRefresh;
        return CompletableFuture.runAsync(() -> {
            if (next != null) {
                keys = next;
            }
        });
    }

    int refreshes() {
        return refreshes.get();
    }

    /** The issuer has a new key, which is learnt only by asking it. */
    SigningKey rotateKey() {
        SigningKey next = SigningKey.generate();
        keysAfterRefresh = IssuerKeys.of(next.publicKey());
        return next;
    }

    // what agents hold

    /** Everything that the routes' tests need, good for every route, bound to the agent's key. */
    Delegation delegation() {
        Instant now = Instant.now();
        return new Delegation(
                base,
                base + "/gateway",
                Ids.next("dlg", now, new SecureRandom()),
                new OnBehalfOf.Subject("corp:alice", "https://login.example", "sbj_01KAW7Z5Q0E8XJ5N4M3C2B1A01"),
                List.of("ticket-agent"),
                task(Scope.of(
                        Permission.of("openai", List.of("chat"), List.of(), Map.of("model", List.of("small", "large"))),
                        Permission.of("anthropic", List.of("messages")),
                        Permission.of("tools", List.of("echo", "ask")),
                        Permission.of("tools", List.of("read"), List.of("/data/*"), Map.of()),
                        Permission.of("tickets", List.of("read"), List.of("tickets/*"), Map.of()),
                        Permission.of(
                                "tickets", List.of("search"), List.of(), Map.of("segment", List.of("enterprise"))))),
                new TaskId(Ids.next("tsk", now, new SecureRandom())),
                now.plusSeconds(3600),
                "0".repeat(43),
                "apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03",
                ApprovalKind.INTERACTIVE,
                Optional.empty(),
                new Binding.Key(agent.thumbprint()),
                now.minusSeconds(10),
                Optional.empty(),
                now.plusSeconds(290),
                Optional.empty());
    }

    static BehalfTask task(Scope scope) {
        return new BehalfTask(
                "Summarize last quarter's enterprise tickets", scope, Limits.NONE, Optional.empty(), Optional.empty());
    }

    String token(Delegation d) {
        return token(d, authority);
    }

    static String token(Delegation d, SigningKey key) {
        Map<String, @Nullable Object> header = new HashMap<>();
        header.put("typ", DelegationClaims.TYPE);
        header.put("alg", key.algorithm().code());
        header.put("kid", key.thumbprint());
        String signed = Base64Url.encode(Json.canonical(header)) + "."
                + Base64Url.encode(Json.canonical(DelegationClaims.toJson(d)));
        return signed + "." + Base64Url.encode(key.sign(signed.getBytes(StandardCharsets.US_ASCII)));
    }

    String proof(String token, String method, String path) {
        String jti = UUID.randomUUID().toString();
        return DpopProof.sign(agent, method, base + path, Instant.now(), jti, Optional.of(token), Optional.empty());
    }

    /** {@code Authorization} and {@code DPoP} lines. */
    String credentials(Delegation d, String method, String path) {
        String token = token(d);
        return "Authorization: DPoP " + token + "\r\nDPoP: " + proof(token, method, path) + "\r\n";
    }

    // what agents do

    String request(String method, String path, String headers, String body) {
        return method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n" + headers
                + (body.isEmpty() && !method.equals("POST")
                        ? ""
                        : "Content-Length: " + body.getBytes(StandardCharsets.UTF_8).length + "\r\n")
                + "\r\n" + body;
    }

    String jsonRequest(Delegation d, String path, String body) {
        int query = path.indexOf('?');
        String proved = query < 0 ? path : path.substring(0, query);
        return request("POST", path, credentials(d, "POST", proved) + "Content-Type: application/json\r\n", body);
    }

    Wire.Answer post(Delegation d, String path, String body) throws IOException {
        return send(jsonRequest(d, path, body));
    }

    Wire.Answer get(Delegation d, String path) throws IOException {
        int query = path.indexOf('?');
        return send(request("GET", path, credentials(d, "GET", query < 0 ? path : path.substring(0, query)), ""));
    }

    Wire.Answer send(String bytes) throws IOException {
        try (Wire wire = connect()) {
            return wire.send(bytes).receive();
        }
    }

    Wire connect() throws IOException {
        return new Wire(port);
    }

    TaskState task(Delegation d) {
        return Objects.requireNonNull(tasks.get(d.taskId()));
    }

    /** How many hold a place at the gateway. */
    int connections() {
        return connections.stream()
                .mapToInt(loop ->
                        loop.get().toCompletionStage().toCompletableFuture().join())
                .sum();
    }

    // what is on the record

    <R extends AuditRecord> List<R> records(Class<R> kind) {
        return ledger.records().stream()
                .filter(kind::isInstance)
                .map(kind::cast)
                .toList();
    }

    /** Waits until there is such a record: outcomes of lost wires are written after the wire is gone. */
    <R extends AuditRecord> R await(Class<R> kind, Predicate<R> which) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(15).toNanos();
        while (System.nanoTime() < deadline) {
            for (R record : records(kind)) {
                if (which.test(record)) {
                    return record;
                }
            }
            Thread.sleep(5);
        }
        throw new AssertionError("no such record among " + ledger.records());
    }

    AuditRecord.Outcome outcome() throws InterruptedException {
        return await(AuditRecord.Outcome.class, _ -> true);
    }

    private static int freePort() throws IOException {
        for (int attempt = 0; attempt < 1_000; attempt++) {
            int next = NEXT_PORT.getAndIncrement();
            try (ServerSocket _ = new ServerSocket(next, 1, InetAddress.getLoopbackAddress())) {
                return next;
            } catch (BindException taken) {
                // by somebody else's server
            }
        }
        throw new IOException("no free port up to " + NEXT_PORT.get());
    }

    @Override
    public void close() {
        gateway.close()
                .toCompletionStage()
                .toCompletableFuture()
                .orTimeout(20, TimeUnit.SECONDS)
                .join();
        vertx.close()
                .toCompletionStage()
                .toCompletableFuture()
                .orTimeout(20, TimeUnit.SECONDS)
                .join();
    }
}

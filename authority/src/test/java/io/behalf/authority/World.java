package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Action;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Lifetimes;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.authority.AuthorityConfig.Service;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * A real authority and a real (development) provider behind one real HTTP server, with a ledger in memory and time at the
 * test's command. Three agents: {@code tickets}, which may hand over to {@code summarizer}, and {@code nightly}, which
 * has nobody behind it and authenticates by secret.
 */
final class World implements AutoCloseable {
    static final String SECRET = "a-secret-of-more-than-thirty-two-characters";
    /** Behind a route for which tokens are minted. */
    static final String MINTED = "https://tickets.test/api";

    static final String AUTHORITY_SECRET = "the-authority's-own-secret-at-the-provider";

    final ManualClock clock = new ManualClock();
    final RecordsInMemory records = new RecordsInMemory();
    final Map<String, SigningKey> agentKeys = Map.of(
            "tickets", SigningKey.generate(), "summarizer", SigningKey.generate(), "other", SigningKey.generate());
    final Map<String, CompletableFuture<Void>> openCalls = new ConcurrentHashMap<>();
    final DevelopmentProvider provider;
    /** Another one that is trusted as well, and whose people have the same ids. */
    final DevelopmentProvider partner;

    final String base;
    private final Path data;
    private final Vertx vertx = Vertx.vertx();
    private final Router root = Router.router(vertx);
    private final HttpServer server;
    private SignatureAlgorithm algorithm = SignatureAlgorithm.ES256;
    private boolean allowUnbound = true;
    private AuthorityConfig.Rate rate = AuthorityConfig.Rate.DEFAULT;
    private Set<String> groupsRule = Set.of();
    private volatile Future<Void> providerAnswers = Future.succeededFuture();
    Authority authority;

    World(Path data) {
        this.data = data;
        this.server = await(vertx.createHttpServer().requestHandler(root).listen(0, "127.0.0.1"));
        this.base = "http://127.0.0.1:" + server.actualPort();
        this.provider = new DevelopmentProvider(
                base + "/idp",
                List.of(
                        new DevelopmentProvider.Client(
                                "app", Optional.empty(), Set.of(base + "/app"), Set.of(base, "https://elsewhere.test")),
                        new DevelopmentProvider.Client(
                                "stranger", Optional.empty(), Set.of(base + "/app"), Set.of(base)),
                        new DevelopmentProvider.Client(
                                "misdirected",
                                Optional.empty(),
                                Set.of(base + "/app"),
                                Set.of("https://elsewhere.test")),
                        new DevelopmentProvider.Client(
                                        "behalf",
                                        Optional.of(AUTHORITY_SECRET),
                                        Set.of(base + "/oauth/callback"),
                                        Set.of(base))
                                .toldOfLogouts(base)),
                clock);
        this.partner = new DevelopmentProvider(
                base + "/partner",
                List.of(new DevelopmentProvider.Client("behalf", Optional.of(AUTHORITY_SECRET), Set.of(), Set.of(base))
                        .toldOfLogouts(base)),
                clock);
        mountProviders();
        this.authority = open();
    }

    /** Tokens must be bound from now on. */
    World boundOnly() {
        allowUnbound = false;
        restart();
        return this;
    }

    /** Agents ask no more often than this from now on. */
    World asking(int perSecond, int burst) {
        rate = new AuthorityConfig.Rate(perSecond, burst);
        restart();
        return this;
    }

    /** Delegations are signed with this from now on. */
    World signingWith(SignatureAlgorithm other) {
        algorithm = other;
        restart();
        return this;
    }

    /** Only people of the group {@code support} have rights at the ticket service from now on. */
    World rightsByGroup(String... groups) {
        groupsRule = Set.of(groups);
        restart();
        return this;
    }

    /** From now on the provider does not say where it is and what its keys are, until this is completed. */
    Promise<Void> holdProvider() {
        Promise<Void> released = Promise.promise();
        providerAnswers = released.future();
        return released;
    }

    /** A new process on the same data directory and ledger. */
    void restart() {
        stopAuthority();
        startAuthority();
    }

    void stopAuthority() {
        authority.close();
    }

    void startAuthority() {
        root.clear();
        mountProviders();
        authority = open();
    }

    private void mountProviders() {
        root.route("/idp/.well-known/*").handler(context -> providerAnswers.onComplete(_ -> context.next()));
        Map.of("/idp", provider, "/partner", partner).forEach((path, each) -> {
            Router router = Router.router(vertx);
            each.mount(router, "");
            root.route(path + "/*").subRouter(router);
        });
    }

    Path data() {
        return data;
    }

    /** Does something to the store from beside the authority. */
    void inStore(String... statements) {
        try (Connection store = DriverManager.getConnection("jdbc:sqlite:" + data.resolve("behalf.db"));
                Statement sql = store.createStatement()) {
            for (String statement : statements) {
                sql.execute(statement);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** From now on it takes no stop, no record and no change of a task's state, as on a disk without space. */
    void storeTakesNoStops() {
        inStore(
                "create trigger no_stop before insert on stop begin select raise(abort, 'no space'); end",
                "create trigger no_change before insert on change begin select raise(abort, 'no space'); end",
                "create trigger no_state before update of state on task begin select raise(abort, 'no space'); end");
    }

    void storeTakesStopsAgain() {
        inStore("drop trigger no_stop", "drop trigger no_change", "drop trigger no_state");
    }

    /** From now on it remembers no assertion either. */
    void storeTakesNothing() {
        storeTakesNoStops();
        inStore("create trigger no_seen before insert on seen begin select raise(abort, 'no space'); end");
    }

    void storeTakesEverythingAgain() {
        storeTakesStopsAgain();
        inStore("drop trigger no_seen");
    }

    private Authority open() {
        Authority opened = Authority.open(
                config(),
                data,
                records,
                task -> openCalls.getOrDefault(task.value(), CompletableFuture.completedFuture(null)),
                clock);
        opened.mount(root);
        return opened;
    }

    AuthorityConfig config() {
        AuthorityConfig.Rights rights = groupsRule.isEmpty()
                ? new AuthorityConfig.Rights.Unlimited()
                : new AuthorityConfig.Rights.ByClaims(groupsRule.stream()
                        .map(group -> new AuthorityConfig.Rights.Rule(
                                "groups", group, Scope.of(Permission.of("tickets", List.of("search", "read")))))
                        .toList());
        return new AuthorityConfig(
                base,
                "test-node",
                true,
                List.of(
                        new AuthorityConfig.Provider(
                                "dev", base + "/idp", "behalf", Optional.of(AUTHORITY_SECRET), Set.of(base), rights),
                        new AuthorityConfig.Provider(
                                "partner",
                                base + "/partner",
                                "behalf",
                                Optional.of(AUTHORITY_SECRET),
                                Set.of(base),
                                rights)),
                List.of(
                        agent("tickets", "Ticket Agent", Set.of("summarizer"), 2),
                        agent("summarizer", "Summarizer", Set.of("other"), 3),
                        agent("other", "Other Agent", Set.of(), 3),
                        new Agent(
                                "nightly",
                                "Nightly Job",
                                new Authentication.Secret(Digests.hex(SECRET)),
                                Map.of(),
                                Optional.of(Scope.of(Permission.of("tickets", List.of("search")))),
                                Set.of(),
                                Set.of(),
                                Optional.of(new OnBehalfOf.NoSubject("scheduled", "nightly-report")),
                                1,
                                Set.of())),
                List.of(
                        new Audience(base + "/gateway", Set.of()),
                        new Audience(base + "/http/tickets", Set.of("tickets")),
                        new Audience(base + "/http/customers", Set.of("customers")),
                        new Audience(MINTED, Set.of("tickets"), true)),
                Map.of(
                        "tickets",
                        new Service(
                                Map.of("en", "the ticket system"),
                                false,
                                Map.of(
                                        "search",
                                        new Action(
                                                Map.of("en", "Search tickets"),
                                                Risk.LOW,
                                                Map.of("en", "ticket titles")),
                                        "delete",
                                        new Action(Map.of("en", "Delete tickets"), Risk.HIGH, Map.of())))),
                Lifetimes.DEFAULT,
                rate,
                algorithm,
                allowUnbound);
    }

    private Agent agent(String id, String name, Set<String> children, int depth) {
        SigningKey key = key(id);
        String jwks = new String(
                Json.canonical(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())))),
                StandardCharsets.UTF_8);
        return new Agent(
                id,
                name,
                new Authentication.PrivateKeyJwt(jwks),
                Map.of("dev", Set.of("app")),
                Optional.of(Scope.of(
                        Permission.of("tickets", List.of("search", "read", "delete")),
                        Permission.of("customers", List.of("get")),
                        Permission.of("openai", List.of("chat")))),
                Set.of("https://agent.test/callback", "http://127.0.0.1/callback"),
                children,
                Optional.empty(),
                depth,
                Set.of());
    }

    /** The key with which an agent authenticates. */
    SigningKey key(String agent) {
        return Optional.ofNullable(agentKeys.get(agent)).orElseThrow();
    }

    AgentSide agent(String id) {
        return new AgentSide(this, id, Optional.ofNullable(agentKeys.get(id)));
    }

    @Override
    public void close() {
        authority.close();
        provider.close();
        partner.close();
        await(server.close());
        await(vertx.close());
    }

    private static <T> T await(io.vertx.core.Future<T> future) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(10, TimeUnit.SECONDS)
                .join();
    }
}

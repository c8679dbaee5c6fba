package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Lifetimes;
import io.behalf.authority.DevelopmentProvider;
import io.behalf.authority.RevokeRequest;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.gateway.Route;
import io.behalf.gateway.UpstreamTokens.Minted;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.Answer;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.Presented;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.net.URI;
import java.nio.file.Path;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A real ledger and a real authority with pretend people, behind one address on loopback, for the parts between them and
 * the gateway. Time passes when a test says so.
 */
final class Wiring implements AutoCloseable {
    static final String TICKETS = "https://tickets.test";
    static final String CUSTOMERS = "https://customers.test";
    static final String EVERYTHING = "tickets:read tickets:write customers:get openai:chat";

    private static final String AGENT = "agent";
    private static final Duration INDEXED_WITHIN = Duration.ofSeconds(10);

    final TestClock clock = new TestClock();
    private final Path data;
    private final Duration checkpointInterval;
    private final SigningKey agentKey = SigningKey.generate();
    private final SigningKey proofKey = SigningKey.generate();
    private final Vertx vertx = Vertx.vertx();
    private final Router root = Router.router(vertx);
    private final HttpServer http;
    private final DevelopmentProvider people;
    final String base;
    private EmbeddedLedger ledger;
    private Authority authority;

    Wiring(Path data) {
        this(data, LedgerSettings.CHECKPOINT_INTERVAL);
    }

    Wiring(Path data, Duration checkpointInterval) {
        this.data = data;
        this.checkpointInterval = checkpointInterval;
        http = await(vertx.createHttpServer().requestHandler(root).listen(0, "127.0.0.1"));
        base = "http://127.0.0.1:" + http.actualPort();
        people = new DevelopmentProvider(
                base + "/idp",
                List.of(new DevelopmentProvider.Client("app", Optional.empty(), Set.of(), Set.of(base))),
                clock);
        ledger = openLedger();
        authority = openAuthority();
    }

    EmbeddedLedger ledger() {
        return ledger;
    }

    Authority authority() {
        return authority;
    }

    /** Waits until the index finds everything that was written so far. */
    void indexed() {
        new WrittenTask(ledger, 1).show();
        try {
            if (!ledger.index().await(ledger.checkpoint().size(), INDEXED_WITHIN)) {
                throw new AssertionError("the index does not follow");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** As after a new start of the process. */
    void restart() {
        authority.close();
        ledger.close();
        ledger = openLedger();
        authority = openAuthority();
    }

    /** The store fails whoever asks it about tasks. */
    void loseStore() {
        store("alter table task rename to lost_task");
    }

    void findStore() {
        store("alter table lost_task rename to task");
    }

    private void store(String sql) {
        try (var beside = DriverManager.getConnection("jdbc:sqlite:" + data.resolve("behalf.db"));
                var statement = beside.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private EmbeddedLedger openLedger() {
        return EmbeddedLedger.open(LedgerSettings.in(data)
                .withOrigin("behalf.test/wiring")
                .withCheckpointInterval(checkpointInterval)
                .withClock(clock));
    }

    private Authority openAuthority() {
        Authority opened = Authority.open(
                config(), data, new LedgerRecords(ledger), _ -> CompletableFuture.completedFuture(null), clock);
        root.clear();
        people.mount(root, "/idp");
        opened.mount(root);
        return opened;
    }

    private AuthorityConfig config() {
        return new AuthorityConfig(
                base,
                "test-node",
                true,
                List.of(new AuthorityConfig.Provider(
                        "dev",
                        base + "/idp",
                        "app",
                        Optional.empty(),
                        Set.of(base),
                        new AuthorityConfig.Rights.Unlimited())),
                List.of(new Agent(
                        AGENT,
                        "Agent",
                        new Authentication.PrivateKeyJwt(jwks(agentKey)),
                        Map.of("dev", Set.of("app")),
                        Optional.empty(),
                        Set.of(),
                        Set.of(),
                        Optional.empty(),
                        1,
                        Set.of())),
                List.of(
                        new Audience(base + "/gateway", Set.of()),
                        new Audience(TICKETS, Set.of("tickets")),
                        new Audience(CUSTOMERS, Set.of("customers"))),
                Map.of(),
                Lifetimes.DEFAULT,
                AuthorityConfig.Rate.DEFAULT,
                SignatureAlgorithm.ES256,
                false);
    }

    static String jwks(SigningKey... keys) {
        return JsonText.of(Map.of(
                "keys",
                List.of(keys).stream()
                        .map(key -> key.publicKey().toJwk(key.thumbprint()))
                        .toList()));
    }

    Vertx vertx() {
        return vertx;
    }

    /** Answers at {@code /api/v1/downstream} until the next restart. */
    void downstream(Handler<RoutingContext> handler) {
        root.post("/api/v1/downstream").handler(BodyHandler.create(false)).handler(handler);
    }

    // ---- what the gateway has at hand

    /** A task of {@code user}, as the gateway knows it from its first call. */
    VerifiedDelegation task(String user) {
        return task(user, EVERYTHING, Limits.NONE);
    }

    VerifiedDelegation task(String user, String scope) {
        return task(user, scope, Limits.NONE);
    }

    VerifiedDelegation task(String user, Limits limits) {
        return task(user, EVERYTHING, limits);
    }

    private VerifiedDelegation task(String user, String scope, Limits limits) {
        HeldDelegation held = held(user, scope, limits, base + "/gateway");
        return shown(held.token(), proof(held, base + "/http/tickets"), base + "/http/tickets", base + "/gateway");
    }

    /** What the ticket service is shown by an agent that calls it without a gateway, which it may. */
    VerifiedDelegation withoutGateway(String user) {
        HeldDelegation held = held(user, EVERYTHING, Limits.NONE, TICKETS);
        return shown(held.token(), proof(held, TICKETS), TICKETS, TICKETS);
    }

    /** An agent's token for {@code audience}, of a new task of {@code user}. */
    HeldDelegation held(String user, String scope, Limits limits, String audience) {
        var client =
                new AuthorityClient(URI.create(base), new AgentCredential.PrivateKey(AGENT, agentKey), proofKey, clock);
        var wanted =
                new BehalfTask("Read tickets", ScopeWords.parse(scope), limits, Optional.empty(), Optional.empty());
        var token = people.signIn(user, "app").accessToken();
        return switch (client.start(token, AuthorityClient.SubjectToken.ACCESS_TOKEN, wanted, Optional.of(audience))) {
            case Answer.Granted<HeldDelegation>(var held) -> held;
            case Answer<HeldDelegation> no -> throw new AssertionError("no task: " + no);
        };
    }

    /** The agent's proof for a GET. */
    String proof(HeldDelegation held, String url) {
        return DpopProof.sign(
                proofKey,
                "GET",
                url,
                clock.instant(),
                UUID.randomUUID().toString(),
                Optional.of(held.token()),
                Optional.empty());
    }

    /** What a service finds in a token that was made for it, sent along with the call of {@code record}. */
    VerifiedDelegation atService(MintedTokens tokens, Minted token, String audience, String record) {
        String url = audience + "/tickets/t-101";
        return shown(token.token(), tokens.proof(token, record, "GET", url), url, audience);
    }

    private VerifiedDelegation shown(String token, String proof, String url, String audience) {
        var verifier = new DelegationVerifier(authority.issuers(), authority.revocations(), new DpopProofs());
        var presented = new Presented(
                Optional.of(token),
                Presented.Scheme.DPOP,
                List.of(proof),
                Optional.empty(),
                "GET",
                url,
                Set.of(audience),
                false);
        return switch (verifier.verify(presented, clock.instant())) {
            case Checked.Passed<VerifiedDelegation>(var verified) -> verified;
            case Checked.Refused<VerifiedDelegation>(var no) -> throw new AssertionError(no.toString());
        };
    }

    /** A route to a service that verifies for itself. */
    static Route route(String service, String audience) {
        return Route.of(
                service,
                new Route.Http(List.of()),
                service,
                URI.create("http://127.0.0.1:9"),
                new Route.Credential.Minted(audience));
    }

    void stop(TaskId task) {
        var _ = authority.revoke(new RevokeRequest(new RevokeRequest.What.Task(task), "operator", "a test", false));
    }

    @Override
    public void close() {
        authority.close();
        ledger.close();
        people.close();
        await(http.close());
        await(vertx.close());
    }

    static <T> T await(Future<T> future) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(10, TimeUnit.SECONDS)
                .join();
    }
}

package io.behalf.it;

import io.behalf.authority.Authority;
import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Lifetimes;
import io.behalf.authority.AuthorityConfig.Rights;
import io.behalf.authority.Records;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/** The authority alone, in this process, with time at the test's command and a ledger that forgets. */
final class VectorAuthority implements VectorSteps.Asked, AutoCloseable {
    private final Vertx vertx = Vertx.vertx();
    private final MovedClock clock = new MovedClock();
    private final PretendProvider provider = PretendProvider.start(key("provider"));
    private final HttpServer http;
    private final URI base;
    private final Authority authority;

    private VectorAuthority(Path data) {
        var router = Router.router(vertx);
        http = await(vertx.createHttpServer().requestHandler(router).listen(0, "127.0.0.1"));
        base = URI.create("http://127.0.0.1:" + http.actualPort());
        authority =
                Authority.open(config(), data, new Forgetful(), _ -> CompletableFuture.completedFuture(null), clock);
        authority.mount(router);
    }

    static VectorAuthority open(Path data) {
        VectorServer.putKeys(data.resolve("keys"));
        return new VectorAuthority(data);
    }

    private AuthorityConfig config() {
        var everything = scope("openai:*", "anthropic:*", "tickets:*");
        var tickets = scope("tickets:*");
        var corp = new AuthorityConfig.Provider(
                "corp",
                provider.issuer(),
                "behalf",
                Optional.empty(),
                Set.of(base.toString()),
                new Rights.ByClaims(List.of(new Rights.Rule("sub", "*", everything))));
        return new AuthorityConfig(
                base.toString(),
                "vectors",
                false,
                List.of(corp),
                List.of(
                        agent("ticket-agent", Optional.of("tickets-app"), everything, Set.of("summarizer"), 2),
                        agent("summarizer", Optional.empty(), tickets, Set.of("other-agent"), 3),
                        agent("other-agent", Optional.of("other-app"), tickets, Set.of(), 3),
                        agent("signing-agent", Optional.of("tickets-app"), tickets, Set.of(), 3),
                        agent("nightly", Optional.empty(), scope("tickets:search"), Set.of(), 3)),
                List.of(
                        new Audience(base + "/gateway", Set.of()),
                        new Audience(base + "/mcp/tickets", Set.of("tickets")),
                        new Audience(base + "/mcp/payroll", Set.of("payroll"))),
                Map.of(),
                Lifetimes.DEFAULT,
                AuthorityConfig.Rate.DEFAULT,
                SignatureAlgorithm.ES256,
                false);
    }

    private static Agent agent(String id, Optional<String> client, Scope scope, Set<String> children, int depth) {
        return new Agent(
                id,
                id,
                id.equals("signing-agent") ? bySigning() : new Authentication.Secret(sha256(VectorServer.secret(id))),
                client.map(name -> Map.of("corp", Set.of(name))).orElse(Map.of()),
                Optional.of(scope),
                id.equals("ticket-agent")
                        ? Set.of("https://agent.example/callback", "http://127.0.0.1/callback")
                        : Set.of(),
                children,
                id.equals("nightly") ? Optional.of(new OnBehalfOf.NoSubject("scheduled", "nightly")) : Optional.empty(),
                depth,
                Set.of());
    }

    private static Authentication bySigning() {
        var key = key("assertions");
        return new Authentication.PrivateKeyJwt(
                VectorFile.json(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())))));
    }

    private static Scope scope(String... words) {
        return Scope.of(Arrays.stream(words)
                .map(word -> word.split(":"))
                .map(word -> Permission.of(word[0], List.of(word[1])))
                .toArray(Permission[]::new));
    }

    @Override
    public URI base() {
        return base;
    }

    @Override
    public String provider() {
        return provider.issuer();
    }

    @Override
    public URI elsewhere() {
        return URI.create("https://elsewhere.example");
    }

    @Override
    public Instant now() {
        return clock.instant();
    }

    @Override
    public void pass(Duration time) {
        clock.now.updateAndGet(before -> before.plus(time));
    }

    @Override
    public void close() {
        authority.close();
        await(http.close());
        await(vertx.close());
        provider.close();
    }

    private static SigningKey key(String name) {
        return Objects.requireNonNull(VectorFile.keys().get(name), name);
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static <T> T await(Future<T> future) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(10, TimeUnit.SECONDS)
                .join();
    }

    /** What is recorded is another test's matter. */
    private static final class Forgetful implements Records {
        @Override
        public CompletionStage<?> append(AuditRecord record) {
            return CompletableFuture.completedFuture(record);
        }

        @Override
        public boolean has(AuditRecord record) {
            return false;
        }

        @Override
        public void lifecycle(Consumer<Lifecycle> each) {}
    }

    private static final class MovedClock extends Clock {
        private final AtomicReference<Instant> now =
                new AtomicReference<>(Instant.now().truncatedTo(ChronoUnit.SECONDS));

        @Override
        public Instant instant() {
            return now.get();
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}

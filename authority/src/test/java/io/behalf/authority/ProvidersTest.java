package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A provider over real HTTP that does everything wrong that one can do. */
class ProvidersTest {
    private final ManualClock clock = new ManualClock();
    private final Fetch fetch = new Fetch();
    private final AtomicInteger documentsServed = new AtomicInteger();
    private final AtomicInteger keySetsServed = new AtomicInteger();
    private SigningKey key = SigningKey.generate();
    private final HttpServer server;
    private String issuer = "";
    private String namedIssuer = "";
    private String jwksUri = "";

    ProvidersTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    }

    @BeforeEach
    void start() {
        server.start();
        issuer = "http://127.0.0.1:" + server.getAddress().getPort();
        namedIssuer = issuer;
        jwksUri = issuer + "/jwks";
        server.createContext("/.well-known/openid-configuration", exchange -> {
            documentsServed.incrementAndGet();
            json(exchange, document());
        });
        server.createContext("/jwks", exchange -> {
            keySetsServed.incrementAndGet();
            json(exchange, Map.of("keys", List.of(key.publicKey().toJwk("k-" + key.thumbprint()))));
        });
        server.createContext("/moved", exchange -> {
            exchange.getResponseHeaders().add("Location", issuer + "/jwks");
            exchange.sendResponseHeaders(302, -1);
            exchange.close();
        });
        server.createContext("/endless", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            byte[] spaces = " ".repeat(64 * 1024).getBytes(StandardCharsets.US_ASCII);
            try (var body = exchange.getResponseBody()) {
                for (int i = 0; i < 64; i++) {
                    body.write(spaces);
                }
            } catch (IOException clientHasGone) {
                exchange.close();
            }
        });
    }

    @AfterEach
    void stop() {
        fetch.close();
        server.stop(0);
    }

    @Test
    void acceptsTokenOfProvidersKeyWhateverItsAlgorithm() {
        for (SignatureAlgorithm algorithm : SignatureAlgorithm.values()) {
            key = SigningKey.generate(algorithm);
            assertThat(providers().signed(token(Map.of()), "subject token")).isInstanceOf(Answer.Ok.class);
        }
    }

    @Test
    void learnsNewKeyOnceAndNotForEveryInventedOne() {
        Providers providers = providers();
        assertThat(providers.signed(token(Map.of()), "subject token")).isInstanceOf(Answer.Ok.class);
        clock.pass(Providers.REFRESH_PAUSE.plusSeconds(1));
        key = SigningKey.generate();
        assertThat(providers.signed(token(Map.of()), "subject token")).isInstanceOf(Answer.Ok.class);
        assertThat(keySetsServed).hasValue(2);

        for (int i = 0; i < 5; i++) {
            SigningKey stranger = SigningKey.generate();
            String forged = CompactJws.sign(stranger, "JWT", "k-invented-" + i, claims(Map.of()));
            assertThat(providers.signed(forged, "subject token")).isInstanceOf(Answer.No.class);
        }
        assertThat(keySetsServed).hasValue(2);
    }

    @Test
    void asksOnceForAllWhoNeedItAtOnce() throws Exception {
        Providers providers = providers();
        String token = token(Map.of());
        int many = 8;
        CountDownLatch came = new CountDownLatch(many);
        server.createContext("/slow", exchange -> {
            awaitAll(came);
            json(exchange, Map.of("keys", List.of(key.publicKey().toJwk("k-" + key.thumbprint()))));
        });
        jwksUri = issuer + "/slow";

        List<Future<Answer<Providers.Signed>>> answers = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < many; i++) {
                answers.add(threads.submit(() -> {
                    came.countDown();
                    return providers.signed(token, "subject token");
                }));
            }
        }

        for (Future<Answer<Providers.Signed>> answer : answers) {
            assertThat(answer.get()).isInstanceOf(Answer.Ok.class);
        }
        assertThat(documentsServed).hasValue(1);
    }

    @Test
    void doesNotAskAgainSoonAfterAnAttemptThatFailed() {
        Providers providers = providers();
        namedIssuer = "https://somebody-else.test";
        for (int i = 0; i < 3; i++) {
            assertUnreachable(providers, token(Map.of()));
        }
        assertThat(documentsServed).hasValue(1);

        clock.pass(Providers.REFRESH_PAUSE.plusSeconds(1));
        namedIssuer = issuer;
        assertThat(providers.signed(token(Map.of()), "subject token")).isInstanceOf(Answer.Ok.class);
    }

    @Test
    void inventedKeysDoNotMakeItAskAProviderThatIsAwayAgainAndAgain() {
        Providers providers = providers();
        assertThat(providers.signed(token(Map.of()), "subject token")).isInstanceOf(Answer.Ok.class);
        clock.pass(Providers.REFRESH_PAUSE.plusSeconds(1));
        namedIssuer = "https://somebody-else.test";

        for (int i = 0; i < 3; i++) {
            assertUnreachable(
                    providers, CompactJws.sign(SigningKey.generate(), "JWT", "k-invented-" + i, claims(Map.of())));
        }
        assertThat(documentsServed).hasValue(2);
        assertThat(providers.signed(token(Map.of()), "subject token"))
                .as("with a key that is known")
                .isInstanceOf(Answer.Ok.class);
    }

    @Test
    void refusesTokenOfAnIssuerThatIsSpelledDifferently() {
        assertRefused(token(Map.of("iss", issuer + "/")));
        assertRefused(token(Map.of("iss", issuer.replace("127.0.0.1", "localhost"))));
    }

    @Test
    void refusesTimesThatDoNotHold() {
        long now = clock.instant().getEpochSecond();
        assertRefused(token(Map.of("exp", now)));
        assertRefused(token(Map.of("exp", "tomorrow")));
        assertRefused(token(Map.of("nbf", now + 120)));
        assertRefused(token(Map.of("iat", now + 120)));
    }

    @Test
    void refusesTokenThatNamesNobody() {
        assertRefused(token(Map.of("sub", " ")));
        assertRefused(token(Map.of("sub", "x".repeat(Providers.MAX_SUB + 1))));
    }

    @Test
    void refusesDocumentThatNamesAnotherIssuer() {
        namedIssuer = "https://somebody-else.test";

        assertUnreachable();
    }

    @Test
    void followsNoRedirect() {
        jwksUri = issuer + "/moved";

        assertUnreachable();
        assertThat(keySetsServed).hasValue(0);
    }

    @Test
    void readsNoMoreThanItsBound() {
        jwksUri = issuer + "/endless";

        assertUnreachable();
    }

    @Test
    void goesToNoAddressInTheClearBeyondThisMachine() {
        jwksUri = "http://keys.test/jwks";

        assertUnreachable();
    }

    @Test
    void readsRightsFromNestedClaimsAndKeepsOnlyThose() {
        Scope tickets = Scope.of(Permission.of("tickets", List.of("read")));
        AuthorityConfig.Provider provider = provider(new AuthorityConfig.Rights.ByClaims(
                List.of(new AuthorityConfig.Rights.Rule("realm_access.roles", "support", tickets))));
        Map<String, @Nullable Object> claims = Map.of(
                "realm_access", Map.of("roles", List.of("support", "staff")), "groups", List.of("x"), "name", "Alice");

        assertThat(Rights.of(provider, claims)).contains(tickets);
        assertThat(Rights.of(provider, Map.of("realm_access", Map.of("roles", List.of("staff")))))
                .contains(Scope.NONE);
        assertThat(Rights.of(provider, Map.of("realm_access", "support"))).contains(Scope.NONE);
        assertThat(Rights.facts(provider, claims)).containsOnlyKeys("realm_access");
    }

    /** At each renewal they are asked again, of what was kept. */
    @ParameterizedTest
    @ValueSource(strings = {"example.com/roles", "https://example.com/roles", "roles", "realm.roles"})
    void keepsTheClaimThatItsRulesRead(String path) {
        Scope tickets = Scope.of(Permission.of("tickets", List.of("read")));
        AuthorityConfig.Provider provider = provider(new AuthorityConfig.Rights.ByClaims(
                List.of(new AuthorityConfig.Rights.Rule(path, "support", tickets))));
        Map<String, @Nullable Object> claims = path.startsWith("realm")
                ? Map.of("realm", Map.of("roles", List.of("support")))
                : Map.of(path, List.of("support"));

        assertThat(Rights.of(provider, Rights.facts(provider, claims))).contains(tickets);
    }

    private Providers providers() {
        return new Providers(List.of(provider(new AuthorityConfig.Rights.Unlimited())), fetch, clock);
    }

    private AuthorityConfig.Provider provider(AuthorityConfig.Rights rights) {
        return new AuthorityConfig.Provider("corp", issuer, "behalf", Optional.empty(), Set.of("behalf"), rights);
    }

    private void assertRefused(String token) {
        assertThat(providers().signed(token, "subject token")).isInstanceOf(Answer.No.class);
    }

    private void assertUnreachable() {
        assertUnreachable(providers(), token(Map.of()));
    }

    private static void assertUnreachable(Providers providers, String token) {
        assertThatThrownBy(() -> providers.signed(token, "subject token")).isInstanceOf(Fetch.Unreachable.class);
    }

    private static void awaitAll(CountDownLatch came) {
        try {
            assertThat(came.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private String token(Map<String, ? extends @Nullable Object> spoiled) {
        return CompactJws.sign(key, "JWT", "k-" + key.thumbprint(), claims(spoiled));
    }

    private Map<String, @Nullable Object> claims(Map<String, ? extends @Nullable Object> spoiled) {
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("iss", issuer);
        claims.put("sub", "u-1");
        claims.put("exp", clock.instant().plus(Duration.ofMinutes(5)).getEpochSecond());
        claims.putAll(spoiled);
        return claims;
    }

    private Map<String, @Nullable Object> document() {
        return Map.of(
                "issuer",
                namedIssuer,
                "authorization_endpoint",
                issuer + "/authorize",
                "token_endpoint",
                issuer + "/token",
                "jwks_uri",
                jwksUri);
    }

    private static void json(HttpExchange exchange, Map<String, ? extends @Nullable Object> json) throws IOException {
        byte[] body = Json.canonical(json);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}

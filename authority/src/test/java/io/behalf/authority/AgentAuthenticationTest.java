package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How agents authenticate and prove their keys at the token endpoint, and that every failure looks the same outside. */
class AgentAuthenticationTest {
    private static final Map<String, String> CRON = Map.of("grant_type", "client_credentials");

    @TempDir
    Path data;

    private World world;
    private AgentSide nightly;
    private AgentSide tickets;

    @BeforeEach
    void start() {
        world = new World(data);
        nightly = world.agent("nightly");
        tickets = world.agent("tickets");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void acceptsSecretInHeaderAndInForm() {
        assertThat(nightly.token(CRON).status()).isEqualTo(200);
        Map<String, String> post = with(with(CRON, "client_id", "nightly"), "client_secret", World.SECRET);
        assertThat(send(post, Optional.empty()).status()).isEqualTo(200);
    }

    @Test
    void acceptsAssertionForIssuerAndForEndpoint() {
        assertThat(exchangeWith(Map.of()).status()).isEqualTo(200);
        assertThat(exchangeWith(Map.of("aud", world.base + "/oauth/token")).status())
                .isEqualTo(200);
    }

    @Test
    void everyFailureLooksTheSame() {
        List<AgentSide.Got> failures = List.of(
                send(CRON, Optional.of(nightly.basic("wrong"))),
                send(CRON, Optional.of(world.agent("nobody-known").basic(World.SECRET))),
                send(with(with(CRON, "client_id", "tickets"), "client_secret", World.SECRET), Optional.empty()),
                send(CRON, Optional.empty()),
                send(CRON, Optional.of("Bearer abc")),
                send(CRON, Optional.of("Basic !!!")),
                exchangeWith(Map.of("aud", "https://elsewhere.test")),
                exchangeWith(Map.of("aud", List.of(world.base, "https://elsewhere.test"))),
                exchangeWith(Map.of("exp", world.clock.instant().getEpochSecond())),
                exchangeWith(Map.of(
                        "exp", world.clock.instant().plus(Duration.ofDays(1)).getEpochSecond())),
                exchangeWith(Map.of("sub", "other")),
                exchangeWith(Map.of("iss", "other")),
                exchangeWith(Map.of("jti", "")));

        assertThat(failures).allSatisfy(got -> {
            assertThat(got.status()).as("%s", got.json()).isEqualTo(401);
            assertThat(got.json())
                    .containsExactlyInAnyOrderEntriesOf(Map.of(
                            "error", "invalid_client",
                            "error_description", "The client could not be authenticated."));
            assertThat(got.raw().headers().firstValue("WWW-Authenticate")).isPresent();
        });
    }

    @Test
    void refusesAssertionOfAnotherKeyOrAlgorithm() {
        assertUnauthenticated(tickets.token(
                with(exchange(), "client_assertion", tickets.assertion(SigningKey.generate(), Map.of()))));
        String real = tickets.assertion(world.key("tickets"), Map.of());
        String none = Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString("{\"alg\":\"none\"}".getBytes(StandardCharsets.UTF_8))
                + real.substring(real.indexOf('.'), real.lastIndexOf('.') + 1);
        assertUnauthenticated(tickets.token(with(exchange(), "client_assertion", none)));
    }

    @Test
    void refusesAssertionTwiceAlsoAfterRestart() {
        String assertion = tickets.assertion(world.key("tickets"), Map.of());
        assertThat(tickets.token(with(exchange(), "client_assertion", assertion))
                        .status())
                .isEqualTo(200);

        assertUnauthenticated(tickets.token(with(exchange(), "client_assertion", assertion)));
        world.restart();
        assertUnauthenticated(tickets.token(with(exchange(), "client_assertion", assertion)));
    }

    @Test
    void refusesTwoWaysOfAuthenticationAtOnce() {
        assertUnauthenticated(send(
                with(with(CRON, "client_id", "nightly"), "client_secret", World.SECRET),
                Optional.of(nightly.basic(World.SECRET))));
    }

    @Test
    void slowsDownWhoeverFailsTooOftenAndNobodyElseAtTheSameAddress() {
        for (int i = 0; i < FailedTries.MOST; i++) {
            send(CRON, Optional.of(nightly.basic("guess-" + i)));
        }

        AgentSide.Got got = send(CRON, Optional.of(nightly.basic("one-more-guess")));
        assertThat(got.status()).isEqualTo(429);
        assertThat(got.raw().headers().firstValue("Retry-After")).isPresent();
        assertThat(send(CRON, Optional.of(nightly.basic(World.SECRET))).status())
                .isEqualTo(200);
        world.clock.pass(FailedTries.WINDOW);
        assertUnauthenticated(send(CRON, Optional.of(nightly.basic("and-another"))));
    }

    @Test
    void refusesProofThatDoesNotFit() {
        SigningKey key = tickets.key();
        String wrongAddress = tickets.proof(key, "/oauth/par");
        String old = tickets.proof(key, "/oauth/token");
        world.clock.pass(Duration.ofMinutes(2));
        String wrongMethod = DpopProof.sign(
                key,
                "GET",
                world.base + "/oauth/token",
                world.clock.instant(),
                "j1",
                Optional.empty(),
                Optional.empty());
        String otherType = CompactJws.sign(key, "JWT", key.thumbprint(), Map.of("jti", "x"));
        for (String proof : List.of(wrongAddress, old, wrongMethod, otherType, "not-a-proof")) {
            AgentSide.Got got = world.agent("nightly")
                    .send("/oauth/token", CRON, Optional.of(proof), Optional.of(nightly.basic(World.SECRET)));
            assertThat(got.error()).isEqualTo("invalid_dpop_proof");
            assertThat(got.status()).isEqualTo(400);
        }
    }

    @Test
    void refusesProofTwice() {
        String proof = tickets.proof(tickets.key(), "/oauth/token");
        Optional<String> basic = Optional.of(nightly.basic(World.SECRET));
        assertThat(nightly.send("/oauth/token", CRON, Optional.of(proof), basic).status())
                .isEqualTo(200);

        assertThat(nightly.send("/oauth/token", CRON, Optional.of(proof), basic).error())
                .isEqualTo("invalid_dpop_proof");
    }

    @Test
    void refusesRepeatedParametersParametersInAddressAndOtherBodies() {
        assertThat(raw("/oauth/token", "application/x-www-form-urlencoded", "grant_type=a&grant_type=b")
                        .error())
                .isEqualTo("invalid_request");
        assertThat(raw("/oauth/token?grant_type=client_credentials", "application/x-www-form-urlencoded", "")
                        .error())
                .isEqualTo("invalid_request");
        assertThat(raw("/oauth/token", "application/json", "{}").error()).isEqualTo("invalid_request");
        assertThat(raw("/oauth/token", "application/x-www-form-urlencoded", "a=%zz")
                        .error())
                .isEqualTo("invalid_request");
    }

    @Test
    void refusesBodyLargerThanItsBound() {
        AgentSide.Got got = raw("/oauth/token", "application/x-www-form-urlencoded", "a=" + "x".repeat(Http.MAX_BODY));

        assertThat(got.status()).isEqualTo(413);
    }

    @Test
    void refusesUnknownAndMissingGrantType() {
        assertThat(nightly.token(Map.of("grant_type", "password")).error()).isEqualTo("unsupported_grant_type");
        assertThat(nightly.token(Map.of("scope", "tickets:search")).error()).isEqualTo("invalid_request");
    }

    @Test
    void registeredAgentIsKnownAfterRestartAndTheChangeIsRecorded() {
        SigningKey key = SigningKey.generate();
        String jwks = "{\"keys\":["
                + new String(Json.canonical(key.publicKey().toJwk(key.thumbprint())), StandardCharsets.UTF_8)
                + "]}";
        AuthorityConfig.Agent local = AuthorityConfig.Agent.of(
                "local",
                "Local Agent",
                new AuthorityConfig.Authentication.PrivateKeyJwt(jwks),
                world.authority.agent("tickets").orElseThrow().scope());
        int before = world.records.size();
        world.authority.register(local);
        world.authority.register(local);
        assertThat(world.records.size()).isEqualTo(before + 1);

        world.restart();

        assertThat(world.authority.agent("local")).contains(local);
        AgentSide.Got got =
                new AgentSide(world, "local", Optional.of(key)).post("/oauth/introspect", Map.of("token", "x"));
        assertThat(got.status()).isEqualTo(200);
    }

    private AgentSide.Got exchangeWith(Map<String, ? extends @Nullable Object> spoiled) {
        return tickets.token(with(exchange(), "client_assertion", tickets.assertion(world.key("tickets"), spoiled)));
    }

    private Map<String, String> exchange() {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", AgentSide.EXCHANGE);
        form.put("subject_token", world.provider.signIn("alice", "app").accessToken());
        form.put("subject_token_type", AgentSide.ACCESS_TOKEN);
        return form;
    }

    private AgentSide.Got send(Map<String, String> form, Optional<String> authorization) {
        return nightly.send("/oauth/token", form, Optional.empty(), authorization);
    }

    private AgentSide.Got raw(String path, String type, String body) {
        return AgentSide.send(HttpRequest.newBuilder(URI.create(world.base + path))
                .header("Content-Type", type)
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .timeout(Duration.ofSeconds(20))
                .build());
    }

    private static Map<String, String> with(Map<String, String> form, String name, String value) {
        Map<String, String> out = new LinkedHashMap<>(form);
        out.put(name, value);
        return out;
    }

    private static void assertUnauthenticated(AgentSide.Got got) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo("invalid_client");
        assertThat(got.status()).isEqualTo(401);
    }
}

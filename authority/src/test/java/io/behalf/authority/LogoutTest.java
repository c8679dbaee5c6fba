package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.vertx.core.Promise;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a provider's logout token does to a person's tasks, and every token that must do nothing. */
class LogoutTest {
    private static final Map<String, Object> EVENTS = Map.of(Logouts.EVENT, Map.of());

    @TempDir
    Path data;

    private World world;
    private AgentSide agent;
    private String task = "";

    @BeforeEach
    void start() {
        world = new World(data);
        agent = world.agent("tickets");
        task = agent.exchange("alice", Map.of()).text("task_id");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void isRecordedInEveryRunningTaskOfThePersonAndInNoOther() {
        String second = agent.exchange("alice", Map.of()).text("task_id");
        String bobs = agent.exchange("bob", Map.of()).text("task_id");

        world.provider.signOut("alice");

        assertThat(world.records.events(task)).containsExactly(Event.APPROVED, Event.ISSUED, Event.LOGOUT_SEEN);
        assertThat(world.records.events(second)).endsWith(Event.LOGOUT_SEEN);
        assertThat(world.records.events(bobs)).doesNotContain(Event.LOGOUT_SEEN);
        Lifecycle record = world.records.of(task).getLast();
        assertThat(record.by()).isEqualTo("system");
        assertThat(record.data()).containsEntry("provider", "dev").containsEntry("session", "all");
        assertThat(record.data().toString()).doesNotContain(world.provider.sub("alice"));
    }

    @Test
    void leavesRenewalAsItIs() {
        AgentSide.Got first = agent.exchange("alice", Map.of());
        world.provider.signOut("alice");

        assertThat(agent.renew(first.text("refresh_token"), Map.of()).status()).isEqualTo(200);
        world.rightsByGroup("nobody-has-this");
        assertThat(agent.renew(first.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
    }

    @Test
    void isNotRecordedInTasksThatAreOver() {
        world.authority.revoke(
                new RevokeRequest(new RevokeRequest.What.Task(new TaskId(task)), "operator", "test", false));
        world.provider.signOut("alice");

        assertThat(world.records.events(task)).doesNotContain(Event.LOGOUT_SEEN);
    }

    @Test
    void isNotRecordedBeforeATasksFirstRecord() {
        world.records.goAway();
        assertThat(agent.exchange("bob", Map.of()).status()).isEqualTo(503);
        world.records.comeBack();
        int before = world.records.size();

        world.provider.signOut("bob");

        assertThat(world.records.size()).isEqualTo(before);
    }

    @Test
    void sessionAloneMeansTheTasksThatBeganInIt() {
        DevelopmentProvider.SignedIn there = world.provider.signIn("alice", "app");
        String inThere = agent.exchangeToken(there.accessToken(), Map.of()).text("task_id");

        assertThat(send(without(Map.of("sid", sid(there)), "sub")).status()).isEqualTo(200);

        assertThat(world.records.events(inThere)).endsWith(Event.LOGOUT_SEEN);
        assertThat(world.records.of(inThere).getLast().data()).containsEntry("session", "same");
        assertThat(world.records.events(task)).doesNotContain(Event.LOGOUT_SEEN);
    }

    @Test
    void sessionOfAPersonLeavesTheirOtherSessionsAlone() {
        DevelopmentProvider.SignedIn there = world.provider.signIn("alice", "app");
        String inThere = agent.exchangeToken(there.accessToken(), Map.of()).text("task_id");

        assertThat(send(Map.of("sid", sid(there))).status()).isEqualTo(200);

        assertThat(world.records.events(inThere)).endsWith(Event.LOGOUT_SEEN);
        assertThat(world.records.events(task)).doesNotContain(Event.LOGOUT_SEEN);
    }

    @Test
    void sessionOfAnotherPersonIsNotThisPersons() {
        DevelopmentProvider.SignedIn bob = world.provider.signIn("bob", "app");
        String bobs = agent.exchangeToken(bob.accessToken(), Map.of()).text("task_id");

        assertThat(send(Map.of("sid", sid(bob))).status()).isEqualTo(200);

        assertThat(world.records.events(bobs)).doesNotContain(Event.LOGOUT_SEEN);
    }

    @Test
    void logoutOfSomebodyWithoutTasksIsFine() {
        assertThat(send(Map.of("sub", "u-unknown")).status()).isEqualTo(200);
    }

    @Test
    void anotherProvidersPersonOfTheSameIdIsSomebodyElse() {
        assertThat(world.partner.sub("alice")).isEqualTo(world.provider.sub("alice"));
        world.partner.signOut("alice");

        assertThat(world.records.events(task)).doesNotContain(Event.LOGOUT_SEEN);
    }

    @Test
    void acceptsTokenFromBeforeTypesWereRecommended() {
        assertThat(post(world.provider.sign("JWT", claims(Map.of()))).status()).isEqualTo(200);
        assertThat(world.records.events(task)).endsWith(Event.LOGOUT_SEEN);
    }

    @Test
    void refusesTokenWithoutSignature() {
        String none = encode(Map.of("alg", "none", "typ", "logout+jwt")) + "." + encode(claims(Map.of())) + ".";
        assertRefused(post(none), "signed");

        String signed = world.provider.sign("logout+jwt", claims(Map.of()));
        assertRefused(post(signed.substring(0, signed.lastIndexOf('.') + 1)), "signed");
    }

    @Test
    void refusesTokenOfAnotherKey() {
        assertRefused(post(world.partner.sign("logout+jwt", claims(Map.of()))), "not signed by its provider");

        SigningKey stranger = SigningKey.generate();
        String forged = CompactJws.sign(stranger, "logout+jwt", stranger.thumbprint(), claims(Map.of()));
        assertRefused(post(forged), "not signed by its provider");
    }

    @Test
    void refusesTokenOfAnUnknownIssuer() {
        assertRefused(send(Map.of("iss", "https://elsewhere.test")), "not from a provider");
    }

    @Test
    void refusesTokenForAnotherClient() {
        assertRefused(send(Map.of("aud", "app")), "another client");
        assertRefused(send(Map.of("aud", List.of("behalf", "app"))), "another client");
        assertRefused(send(without(Map.of(), "aud")), "another client");
    }

    @Test
    void refusesTokenWhoseTimesDoNotHold() {
        long now = world.clock.instant().getEpochSecond();
        assertRefused(send(Map.of("exp", now)), "expired");
        assertRefused(send(without(Map.of(), "exp")), "expired");
        assertRefused(send(Map.of("iat", now + 120)), "future");
        assertRefused(send(without(Map.of(), "iat")), "when it was made");
    }

    @Test
    void refusesTokenThatTellsNoLogout() {
        assertRefused(send(without(Map.of(), "events")), "a logout");
        assertRefused(send(Map.of("events", Map.of("http://schemas.test/other", Map.of()))), "a logout");
        assertRefused(send(Map.of("events", Map.of(Logouts.EVENT, "yes"))), "a logout");
        assertRefused(send(Map.of("events", List.of(Logouts.EVENT))), "a logout");
    }

    @Test
    void refusesTokenWithNonce() {
        assertRefused(send(Map.of("nonce", "n-1")), "nonce");
    }

    @Test
    void refusesTokenThatNamesNobody() {
        assertRefused(send(without(Map.of(), "sub")), "neither");
        assertRefused(send(Map.of("sub", " ")), "neither");
        assertRefused(send(Map.of("sub", 7L)), "neither");
        assertRefused(send(Map.of("sid", List.of("s"))), "neither");
        assertRefused(send(Map.of("sub", "x".repeat(Providers.MAX_SUB + 1))), "neither");
    }

    @Test
    void refusesTokenWithoutId() {
        assertRefused(send(without(Map.of(), "jti")), "no id");
        assertRefused(send(Map.of("jti", "x".repeat(Logouts.MAX_JTI + 1))), "no id");
    }

    @Test
    void refusesTokenOfAnotherType() {
        assertRefused(post(world.provider.sign("at+jwt", claims(Map.of()))), "another kind");
        assertRefused(post(world.provider.signIn("alice", "behalf").idToken()), "a logout");
    }

    @Test
    void refusesReplayAlsoAfterRestart() {
        String token = world.provider.sign("logout+jwt", claims(Map.of()));
        assertThat(post(token).status()).isEqualTo(200);
        int recorded = world.records.size();

        assertReplayed(post(token), recorded);
        world.restart();
        assertReplayed(post(token), recorded);
        world.clock.pass(Duration.ofMinutes(1));
        assertReplayed(post(token), recorded);
    }

    @Test
    void sameIdOfAnotherProviderIsNoReplay() {
        Map<String, @Nullable Object> claims = claims(Map.of());
        assertThat(post(world.provider.sign("logout+jwt", claims)).status()).isEqualTo(200);
        claims.put("iss", world.base + "/partner");

        assertThat(post(world.partner.sign("logout+jwt", claims)).status()).isEqualTo(200);
    }

    @Test
    void inventedTokensDoNotTakeThePlacesOfTokenRequestsWhileTheProviderIsSlow() throws Exception {
        AgentSide.Got first = agent.exchange("alice", Map.of());
        world.clock.pass(Providers.METADATA_LIFE);
        Promise<Void> provider = world.holdProvider();
        String invented = CompactJws.sign(SigningKey.generate(), "logout+jwt", "k-invented", claims(Map.of()));

        List<CompletableFuture<AgentSide.Got>> waiting = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i <= Http.MAX_RUNNING; i++) {
                waiting.add(CompletableFuture.supplyAsync(() -> AgentSide.send(unshared(invented)), threads));
            }
            var turnedAway = (AgentSide.Got) CompletableFuture.anyOf(waiting.toArray(CompletableFuture<?>[]::new))
                    .get(20, TimeUnit.SECONDS);
            assertThat(turnedAway.status()).isEqualTo(503);

            assertThat(agent.renew(first.text("refresh_token"), Map.of()).status())
                    .isEqualTo(200);
            provider.complete();
        }
    }

    @Test
    void refusesRequestWithoutToken() {
        AgentSide.Got got =
                agent.send("/oauth/backchannel-logout", Map.of("x", "y"), Optional.empty(), Optional.empty());
        assertRefused(got, "logout_token");
    }

    @Test
    void logoutTokenOfTheAgentsOwnClientStartsNoTask() {
        String token = world.provider.sign("logout+jwt", claims(Map.of("aud", "app")));

        AgentSide.Got got = agent.exchangeToken(token, Map.of("subject_token_type", AgentSide.ID_TOKEN));

        assertThat(got.error()).isEqualTo("invalid_request");
        assertThat(got.text("error_description")).contains("tells of an event");
    }

    @Test
    void isRecordedAtTheNextStartWhenTheLedgerIsAway() {
        world.records.goAway();
        assertThat(send(Map.of()).status()).isEqualTo(503);
        world.records.comeBack();
        world.restart();

        assertThat(world.records.events(task)).endsWith(Event.LOGOUT_SEEN);
    }

    private AgentSide.Got send(Map<String, ? extends @Nullable Object> spoiled) {
        return post(world.provider.sign("logout+jwt", claims(spoiled)));
    }

    private AgentSide.Got post(String token) {
        return agent.send(Logouts.PATH, Map.of("logout_token", token), Optional.empty(), Optional.empty());
    }

    /** On a connection of its own, unlike HTTP/2. */
    private HttpRequest unshared(String token) {
        return HttpRequest.newBuilder(URI.create(world.base + Logouts.PATH))
                .version(HttpClient.Version.HTTP_1_1)
                .timeout(Duration.ofSeconds(20))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(DevelopmentProvider.query(Map.of("logout_token", token))))
                .build();
    }

    /** A good token's claims for alice, with these instead; null takes one away. */
    private Map<String, @Nullable Object> claims(Map<String, ? extends @Nullable Object> spoiled) {
        long now = world.clock.instant().getEpochSecond();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("iss", world.base + "/idp");
        out.put("sub", world.provider.sub("alice"));
        out.put("aud", "behalf");
        out.put("iat", now);
        out.put("exp", now + 120);
        out.put("jti", UUID.randomUUID().toString());
        out.put("events", EVENTS);
        out.putAll(spoiled);
        out.values().removeIf(value -> value == null);
        return out;
    }

    private static Map<String, @Nullable Object> without(Map<String, ?> claims, String name) {
        Map<String, @Nullable Object> out = new HashMap<>(claims);
        out.put(name, null);
        return out;
    }

    private static Object sid(DevelopmentProvider.SignedIn person) {
        try {
            return CompactJws.parse(person.accessToken()).claim("sid").orElseThrow();
        } catch (Json.Malformed e) {
            throw new AssertionError(e);
        }
    }

    private static String encode(Map<String, ? extends @Nullable Object> json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(Json.canonical(json));
    }

    private void assertReplayed(AgentSide.Got got, int recorded) {
        assertThat(got.status()).isEqualTo(400);
        assertThat(got.text("error_description")).contains("used before");
        assertThat(world.records.size()).isEqualTo(recorded);
    }

    private void assertRefused(AgentSide.Got got, String words) {
        assertThat(got.status()).as("%s", got.json()).isEqualTo(400);
        assertThat(got.error()).isEqualTo("invalid_request");
        assertThat(got.text("error_description")).contains(words);
        assertThat(got.raw().headers().firstValue("Cache-Control")).contains("no-store");
        assertThat(world.records.events(task)).doesNotContain(Event.LOGOUT_SEEN);
    }
}

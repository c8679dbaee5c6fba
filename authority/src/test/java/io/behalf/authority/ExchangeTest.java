package io.behalf.authority;

import static io.behalf.authority.AgentSide.details;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Starting a task by exchange of a provider's token: what comes out, and everything that must not. */
class ExchangeTest {
    private static final String SEARCH =
            details("Summarize tickets", "[{\"service\":\"tickets\",\"actions\":[\"search\"]}]");

    @TempDir
    Path data;

    private World world;

    @BeforeEach
    void start() {
        world = new World(data);
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void startsTaskForPersonOfToken() {
        AgentSide agent = world.agent("tickets");
        AgentSide.Got got = agent.exchange("alice", Map.of("authorization_details", SEARCH));

        assertThat(got.status()).as("%s", got.json()).isEqualTo(200);
        assertThat(got.text("token_type")).isEqualTo("DPoP");
        assertThat(got.text("issued_token_type")).isEqualTo(AgentSide.ACCESS_TOKEN);
        assertThat(got.text("scope")).isEqualTo("tickets:search");
        assertThat(got.json()).containsKeys("refresh_token", "authorization_details", "task_id", "expires_in");
        assertThat(got.raw().headers().firstValue("Cache-Control")).contains("no-store");
        Delegation delegation = delegation(got.claims());
        assertThat(got.claims()).containsEntry("sub", "dev:u-1001").containsEntry("idp", world.base + "/idp");
        assertThat(delegation.actors()).containsExactly("tickets");
        assertThat(delegation.audience()).isEqualTo(world.base + "/gateway");
        assertThat(delegation.approvalKind().code()).isEqualTo("asserted");
        assertThat(got.claims().get("cnf")).isEqualTo(Map.of("jkt", agent.key().thumbprint()));
        assertThat(Duration.between(delegation.issuedAt(), delegation.expires()))
                .isEqualTo(Duration.ofMinutes(5));
    }

    @Test
    void tokenWithoutIdStartsOneTaskWhateverItsSignature() throws Exception {
        AgentSide agent = world.agent("tickets");
        Map<String, @Nullable Object> claims =
                claimsOf(world.provider.signIn("alice", "app").accessToken());
        claims.remove("jti");
        String token = world.provider.sign("at+jwt", claims);
        assertThat(agent.exchangeToken(token, Map.of()).status()).isEqualTo(200);

        for (String again : List.of(token, mirrored(token))) {
            AgentSide.Got got = agent.exchangeToken(again, Map.of());
            assertThat(got.error()).isEqualTo("invalid_request");
            assertThat(got.text("error_description")).contains("started a task already");
        }
    }

    /** The same token with the other signature (r, n − s) that is as good as (r, s). */
    private static String mirrored(String token) {
        byte[] signature = Base64.getUrlDecoder().decode(token.substring(token.lastIndexOf('.') + 1));
        BigInteger n = new BigInteger("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16);
        byte[] s = n.subtract(new BigInteger(1, Arrays.copyOfRange(signature, 32, 64)))
                .toByteArray();
        byte[] other = Arrays.copyOf(Arrays.copyOf(signature, 32), 64);
        int length = Math.min(32, s.length);
        System.arraycopy(s, s.length - length, other, 64 - length, length);
        return token.substring(0, token.lastIndexOf('.') + 1)
                + Base64.getUrlEncoder().withoutPadding().encodeToString(other);
    }

    @Test
    void recordsApprovalAndTokenBeforeAnswering() {
        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of("authorization_details", SEARCH));

        List<Lifecycle> records = world.records.of(got.text("task_id"));
        assertThat(records).extracting(Lifecycle::event).containsExactly(Event.APPROVED, Event.ISSUED);
        assertThat(records).allSatisfy(record -> {
            assertThat(record.header().basis()).get().isInstanceOf(Basis.Person.class);
            assertThat(record.toString()).doesNotContain("Alice", "u-1001", "alice@example.test");
        });
        assertThat(records.get(1).header().delegation().orElseThrow().jti())
                .isEqualTo(got.claims().get("jti"));
        assertThat(records.get(1).header().delegation().orElseThrow().tokenSha256())
                .isEqualTo(Digests.hex(got.text("access_token")));
        assertThat(records.get(0).data())
                .containsEntry("task_s256", got.claims().get("task_s256"));
    }

    @Test
    void identityCanBeOpenedAndFitsTheCommitment() {
        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of("authorization_details", SEARCH));
        String commitment = String.valueOf(
                world.records.of(got.text("task_id")).get(0).data().get("subject_commitment"));

        Identities.Identity identity =
                world.authority.identities().of(new TaskId(got.text("task_id"))).orElseThrow();

        assertThat(identity.person().orElseThrow().display()).isEqualTo("Alice Doe");
        assertThat(identity.commits(commitment)).isTrue();
        String another = (commitment.startsWith("0") ? "1" : "0") + commitment.substring(1);
        assertThat(identity.commits(another)).isFalse();
        assertThat(identity.approved().s256()).isEqualTo(got.claims().get("task_s256"));
        assertThat(identity.approved().text())
                .contains("Ticket Agent may act for you", "Search tickets", "Nothing else.");
    }

    @Test
    void storeHoldsNoIdentityInTheClear() throws Exception {
        world.agent("tickets").exchange("alice", Map.of("authorization_details", SEARCH));
        world.stopAuthority();

        byte[] bytes = Files.readAllBytes(data.resolve("behalf.db"));
        assertThat(new String(bytes, StandardCharsets.ISO_8859_1))
                .doesNotContain("Alice", "u-1001", "alice@example.test", "Summarize tickets");
        world.startAuthority();
    }

    @Test
    void givesNoMoreThanAgentIsRegisteredFor() {
        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of("scope", "tickets:search payroll:read"));

        assertThat(got.text("scope")).isEqualTo("tickets:search");
    }

    @Test
    void givesNoMoreThanPersonMay() {
        world.rightsByGroup("support");
        AgentSide.Got alice =
                world.agent("tickets").exchange("alice", Map.of("scope", "tickets:search tickets:delete"));
        AgentSide.Got bob = world.agent("tickets").exchange("bob", Map.of("scope", "tickets:search"));

        assertThat(alice.text("scope")).isEqualTo("tickets:search");
        assertThat(bob.status()).isEqualTo(400);
        assertThat(bob.error()).isEqualTo("invalid_scope");
    }

    @Test
    void givesAgentsWholeRegistrationWhereNothingIsAskedFor() {
        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of());

        assertThat(got.text("scope").split(" "))
                .containsExactlyInAnyOrder(
                        "tickets:search", "tickets:read", "tickets:delete", "customers:get", "openai:chat");
    }

    @Test
    void cutsScopeToAudience() {
        AgentSide.Got got = world.agent("tickets")
                .exchange(
                        "alice",
                        Map.of("scope", "tickets:search customers:get", "resource", world.base + "/http/customers"));

        assertThat(got.text("scope")).isEqualTo("customers:get");
        assertThat(got.claims().get("aud")).isEqualTo(world.base + "/http/customers");
    }

    @Test
    void acceptsIdTokenOfExactlyTheAgentsClient() {
        AgentSide.Got got = world.agent("tickets")
                .exchangeToken(
                        world.provider.signIn("bob", "app").idToken(),
                        Map.of("subject_token_type", AgentSide.ID_TOKEN, "scope", "tickets:search"));

        assertThat(got.status()).isEqualTo(200);
        assertThat(got.claims().get("sub")).isEqualTo("dev:u-1002");
    }

    @Test
    void refusesUnknownAudience() {
        assertRefused(
                world.agent("tickets").exchange("alice", Map.of("resource", "https://elsewhere.test/api")),
                "invalid_target");
    }

    /** Whoever held one could call the service past the gateway: no policy, no limits, no intent. */
    @Test
    void refusesAudienceThatOnlyTheGatewayGetsTokensFor() {
        AgentSide agent = world.agent("tickets");
        Map<String, String> minted = Map.of("resource", World.MINTED);
        assertRefused(agent.exchange("alice", minted), "invalid_target");
        assertRefused(agent.exchange("alice", Map.of("audience", World.MINTED)), "invalid_target");

        AgentSide.Got held = agent.exchange("alice", Map.of());
        assertRefused(agent.renew(held.text("refresh_token"), minted), "invalid_target");
        assertRefused(agent.exchangeToken(held.text("access_token"), minted), "invalid_target");
    }

    @Test
    void refusesAudienceThatIsAnotherThanTheResource() {
        Map<String, String> both =
                Map.of("resource", world.base + "/http/tickets", "audience", world.base + "/http/customers");
        assertRefused(world.agent("tickets").exchange("alice", both), "invalid_target");

        Map<String, String> same =
                Map.of("resource", world.base + "/http/tickets", "audience", world.base + "/http/tickets");
        assertThat(world.agent("tickets").exchange("alice", same).claims()).containsEntry("aud", same.get("resource"));
    }

    @Test
    void refusesSecondTaskFromOneToken() {
        String token = world.provider.signIn("alice", "app").accessToken();
        assertThat(world.agent("tickets").exchangeToken(token, Map.of()).status())
                .isEqualTo(200);
        int before = world.records.size();

        assertRefused(world.agent("tickets").exchangeToken(token, Map.of()), "invalid_request");
        world.restart();
        assertRefused(world.agent("tickets").exchangeToken(token, Map.of()), "invalid_request");
        assertThat(world.records.size()).isEqualTo(before);
    }

    @Test
    void refusesTokenOfAnotherClient() {
        assertRefused(
                world.agent("tickets")
                        .exchangeToken(
                                world.provider.signIn("alice", "stranger").accessToken(), Map.of()),
                "invalid_request");
        assertRefused(
                world.agent("tickets")
                        .exchangeToken(
                                world.provider.signIn("alice", "stranger").idToken(),
                                Map.of("subject_token_type", AgentSide.ID_TOKEN)),
                "invalid_request");
    }

    @Test
    void refusesIdTokenThatAnotherClientAskedFor() throws Exception {
        Map<String, @Nullable Object> claims =
                claimsOf(world.provider.signIn("alice", "app").idToken());
        Map<String, String> asIdToken = Map.of("subject_token_type", AgentSide.ID_TOKEN);
        claims.put("azp", "stranger");
        assertRefused(
                world.agent("tickets").exchangeToken(world.provider.sign("JWT", claims), asIdToken), "invalid_request");

        claims.put("azp", "app");
        assertThat(world.agent("tickets")
                        .exchangeToken(world.provider.sign("JWT", claims), asIdToken)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void refusesTokenWhoseClientCannotBeRead() throws Exception {
        Map<String, @Nullable Object> claims =
                claimsOf(world.provider.signIn("alice", "app").accessToken());
        claims.put("azp", List.of("stranger"));
        claims.put("client_id", "app");

        assertRefused(
                world.agent("tickets").exchangeToken(world.provider.sign("at+jwt", claims), Map.of()),
                "invalid_request");
    }

    @Test
    void refusesTokenThatIsBoundToAnotherKey() throws Exception {
        AgentSide agent = world.agent("tickets");
        Map<String, @Nullable Object> claims =
                claimsOf(world.provider.signIn("alice", "app").accessToken());
        List<@Nullable Object> others = new ArrayList<>(List.of(
                Map.of("jkt", SigningKey.generate().thumbprint()),
                Map.of("x5t#S256", "A".repeat(43)),
                Map.of("jkt", agent.key().thumbprint(), "x5t#S256", "A".repeat(43)),
                Map.of(),
                List.of(),
                agent.key().thumbprint()));
        others.add(null);
        for (Object other : others) {
            claims.put("cnf", other);
            assertRefused(agent.exchangeToken(world.provider.sign("at+jwt", claims), Map.of()), "invalid_request");
        }
        claims.put("cnf", Map.of("jkt", agent.key().thumbprint()));
        String own = world.provider.sign("at+jwt", claims);
        assertRefused(world.agent("tickets").withoutProof().exchangeToken(own, Map.of()), "invalid_request");
        assertThat(agent.exchangeToken(own, Map.of()).status()).isEqualTo(200);
    }

    private static Map<String, @Nullable Object> claimsOf(String token) throws Json.Malformed {
        return new LinkedHashMap<>(CompactJws.parse(token).claims());
    }

    @Test
    void refusesTokenForAnotherAudience() {
        assertRefused(
                world.agent("tickets")
                        .exchangeToken(
                                world.provider.signIn("alice", "misdirected").accessToken(), Map.of()),
                "invalid_request");
    }

    @Test
    void refusesIdTokenPresentedAsAccessToken() {
        assertRefused(
                world.agent("tickets")
                        .exchangeToken(world.provider.signIn("alice", "app").idToken(), Map.of()),
                "invalid_request");
    }

    @Test
    void refusesExpiredToken() {
        String token = world.provider.signIn("alice", "app").accessToken();
        world.clock.pass(DevelopmentProvider.TOKEN_LIFE);

        assertRefused(world.agent("tickets").exchangeToken(token, Map.of()), "invalid_request");
    }

    @Test
    void refusesTokenSignedByAnybodyElse() {
        SigningKey forger = SigningKey.generate();
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("iss", world.base + "/idp");
        claims.put("sub", "u-1001");
        claims.put("aud", world.base);
        claims.put("azp", "app");
        claims.put("exp", world.clock.instant().plusSeconds(300).getEpochSecond());
        String forged = CompactJws.sign(forger, "at+jwt", forger.thumbprint(), claims);

        assertRefused(world.agent("tickets").exchangeToken(forged, Map.of()), "invalid_request");
    }

    @Test
    void refusesUnsignedAndSymmetricallySignedTokens() {
        String real = world.provider.signIn("alice", "app").accessToken();
        String payload = real.substring(real.indexOf('.'), real.lastIndexOf('.'));
        for (String header : List.of("{\"alg\":\"none\"}", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}")) {
            String spoiled =
                    Base64.getUrlEncoder().withoutPadding().encodeToString(header.getBytes(StandardCharsets.UTF_8))
                            + payload + ".AAAA";
            assertRefused(world.agent("tickets").exchangeToken(spoiled, Map.of()), "invalid_request");
        }
    }

    @Test
    void refusesMalformedDetails() {
        assertRefused(
                world.agent("tickets").exchange("alice", Map.of("authorization_details", "[{\"type\":\"other\"}]")),
                "invalid_authorization_details");
        assertRefused(
                world.agent("tickets")
                        .exchange("alice", Map.of("authorization_details", SEARCH.replace("}]}]", "}],\"extra\":1}]"))),
                "invalid_authorization_details");
        assertRefused(world.agent("tickets").exchange("alice", Map.of("scope", "everything")), "invalid_scope");
    }

    /** In the text that a person approves, a line of the agent's could be taken for one of ours. */
    @Test
    void refusesADescriptionOfMoreThanOneLine() {
        String details = SEARCH.replace("[{", "[{\"description\":\"Tidy up\\nIt may do nothing else.\",");
        assertRefused(
                world.agent("tickets").exchange("alice", Map.of("authorization_details", details)),
                "invalid_authorization_details");
    }

    @Test
    void refusesAResourceThatHidesItsPlaceInTheText() {
        String details = SEARCH.replace("\"actions\"", "\"resources\":[\"c/2\\u2028Nothing else.\"],\"actions\"");
        assertRefused(
                world.agent("tickets").exchange("alice", Map.of("authorization_details", details)),
                "invalid_authorization_details");
    }

    /** A person would approve a limit that nothing holds. */
    @Test
    void refusesALimitThatNothingCounts() {
        String details = SEARCH.replace("}]}]", "}],\"limits\":{\"spend\":1000000}}]");
        assertRefused(
                world.agent("tickets").exchange("alice", Map.of("authorization_details", details)),
                "invalid_authorization_details");
        String counted = SEARCH.replace("}]}]", "}],\"limits\":{\"calls\":10}}]");
        assertThat(world.agent("tickets")
                        .exchange("alice", Map.of("authorization_details", counted))
                        .status())
                .isEqualTo(200);
    }

    @Test
    void refusesTaskLongerThanAllowed() {
        assertRefused(
                world.agent("tickets")
                        .exchange(
                                "alice",
                                Map.of("authorization_details", SEARCH.replace("}]}]", "}],\"duration\":\"P30D\"}]"))),
                "invalid_authorization_details");
    }

    @Test
    void refusesActorTokenOfAnotherClient() {
        AgentSide other = world.agent("summarizer");
        Map<String, String> more = Map.of(
                "actor_token",
                other.assertion(world.key("summarizer"), Map.of()),
                "actor_token_type",
                "urn:ietf:params:oauth:token-type:jwt");

        assertRefused(world.agent("tickets").exchange("alice", more), "invalid_request");
    }

    @Test
    void answersNothingThatIsNotRecorded() {
        world.records.goAway();

        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of("scope", "tickets:search"));

        assertThat(got.status()).isEqualTo(503);
        assertThat(got.error()).isEqualTo("temporarily_unavailable");
        assertThat(got.json()).doesNotContainKey("access_token");
    }

    @Test
    void givesUnboundTokenForFiveMinutesAtMostAndOnlyWhereAllowed() {
        AgentSide.Got unbound = world.agent("tickets").withoutProof().exchange("alice", Map.of());
        assertThat(unbound.text("token_type")).isEqualTo("Bearer");
        assertThat(unbound.claims()).doesNotContainKey("cnf");

        world.boundOnly();
        assertRefused(world.agent("tickets").withoutProof().exchange("alice", Map.of()), "invalid_dpop_proof");
    }

    @Test
    void verifierAcceptsTheKeysAndKnowsTheStop() {
        AgentSide.Got got = world.agent("tickets").exchange("alice", Map.of());
        Delegation delegation = delegation(got.claims());

        assertThat(world.authority.issuers().of(world.base)).isPresent();
        assertThat(world.authority.issuers().of(world.base + "/")).isEmpty();
        assertThat(world.authority.revocations().stopped(delegation)).isEmpty();
        world.authority.revoke(
                new RevokeRequest(new RevokeRequest.What.Task(delegation.taskId()), "operator", "test", false));
        assertThat(world.authority.revocations().stopped(delegation)).isPresent();
    }

    private static Delegation delegation(Map<String, @Nullable Object> claims) {
        return switch (DelegationClaims.fromJson(claims)) {
            case Checked.Passed<Delegation>(var d) -> d;
            case Checked.Refused<Delegation>(var refusal) -> throw new AssertionError(refusal);
        };
    }

    private static void assertRefused(AgentSide.Got got, String error) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo(error);
        assertThat(got.status()).isEqualTo(400);
        assertThat(got.text("error_description")).isNotBlank().doesNotContain("null");
    }
}

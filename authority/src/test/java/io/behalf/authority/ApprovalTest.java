package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.AuthorityConfig.Action;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.verifier.IssuerKeys;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A person's approval in the browser, from the pushed request to the token, and every way in which it must fail. */
class ApprovalTest {
    private static final String CALLBACK = "https://agent.test/callback";
    static final String VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789";
    private static final String TASK =
            "[{\"type\":\"behalf_task\",\"description\":\"Summarize <b>last quarter</b>\",\"duration\":\"PT6H\","
                    + "\"limits\":{\"calls\":200},\"permissions\":[{\"service\":\"tickets\",\"actions\":[\"read\",\"search\"],"
                    + "\"resources\":[\"enterprise/*\"]},{\"service\":\"customers\",\"actions\":[\"get\"]}]}]";

    @TempDir
    Path data;

    private World world;
    private AgentSide agent;
    private Browser browser;

    @BeforeEach
    void start() {
        world = new World(data);
        agent = world.agent("tickets");
        browser = new Browser(world.base);
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void personApprovesAndAgentGetsDelegation() {
        String code = approved(push(Map.of())).get("code");

        AgentSide.Got got = agent.token(redeem(code));

        assertThat(got.status()).as("%s", got.json()).isEqualTo(200);
        assertThat(got.claims())
                .containsEntry("approval_kind", "interactive")
                .containsEntry("sub", "dev:u-1001")
                .containsEntry("client_id", "tickets");
        assertThat(got.claims().get("auth_time")).isNotNull();
        assertThat(got.text("scope").split(" "))
                .containsExactlyInAnyOrder("tickets:read", "tickets:search", "customers:get");
        assertThat(got.json()).containsKeys("refresh_token", "task_id", "approval_id");
        assertThat(world.records.events(got.text("task_id"))).containsExactly(Event.APPROVED, Event.ISSUED);
    }

    @Test
    void answerNamesIssuerAndState() {
        Map<String, String> answer = approved(push(Map.of("state", "the state & more")));

        assertThat(answer).containsEntry("iss", world.base).containsEntry("state", "the state & more");
        assertThat(browser.address()).startsWith(CALLBACK + "?");
    }

    @Test
    void pageSaysInPlainWordsWhatIsAskedAndQuotesTheAgentApart() {
        toPage(push(Map.of()), "alice");

        assertThat(browser.status()).isEqualTo(200);
        assertThat(browser.html())
                .contains("<strong>Ticket Agent</strong>", "Alice Doe", "agent.test", "Search tickets")
                .contains("only enterprise/*", "touches ticket titles", "get at customers", "At most 200 calls.")
                .contains(
                        "<blockquote aria-labelledby=\"words\">Summarize &lt;b&gt;last quarter&lt;/b&gt;</blockquote>")
                .doesNotContain("<script", "<b>last");
        assertThat(browser.header("Content-Security-Policy"))
                .contains("default-src 'none'", "frame-ancestors 'none'")
                .doesNotContain("unsafe");
        assertThat(browser.header("Cache-Control")).isEqualTo("no-store");
        assertThat(browser.header("X-Frame-Options")).isEqualTo("DENY");
        // With "no-referrer" browsers send the form's answer as from nowhere: Origin: null.
        assertThat(browser.header("Referrer-Policy")).isEqualTo("same-origin");
    }

    @Test
    void providerSignsALoginForExactlyTheApprovedText() throws Exception {
        AgentSide.Got got = agent.token(redeem(approved(push(Map.of())).get("code")));

        Identities.Identity identity =
                world.authority.identities().of(new TaskId(got.text("task_id"))).orElseThrow();
        SignedLogin login = identity.login().orElseThrow();
        CompactJws token = CompactJws.parse(login.idToken());
        assertThat(token.claim("nonce"))
                .contains(SignedLogin.nonce(identity.approved().digest(), login.random()));
        assertThat(identity.approved().s256()).isEqualTo(got.claims().get("task_s256"));
        IssuerKeys keys = IssuerKeys.fromJwks(login.jwks(), EnumSet.allOf(SignatureAlgorithm.class));
        assertThat(keys.keys().values()).anyMatch(token::signedBy);
        Lifecycle approved = world.records.of(got.text("task_id")).getFirst();
        assertThat(approved.data()).containsEntry("login_commitment", login.commitment());
        assertThat(approved.by()).startsWith("sbj_");
    }

    @Test
    void secondRoundTripAsksNobodyWhenRiskIsNotHigh() {
        approved(push(Map.of()));

        assertThat(roundTrips())
                .extracting(query -> query.getOrDefault("prompt", ""))
                .containsExactly("", "none");
        assertThat(roundTrips()).extracting(query -> query.get("nonce")).doesNotHaveDuplicates();
    }

    @Test
    void highRiskAsksPersonToSignInAgain() {
        String delete = TASK.replace("\"read\",\"search\"", "\"delete\"");
        toPage(push(Map.of("authorization_details", delete)), "alice");
        assertThat(browser.html()).contains("This can do harm");
        browser.submit("decision", "approve", "permission", "0");

        assertThat(browser.html()).contains("Development sign-in");
        browser.signIn(world, "alice");
        assertThat(browser.query()).containsKey("code");
    }

    /** What is in it is in it, by whatever name it is asked for. */
    @Test
    void anythingIsAsRiskyAsTheRiskiestOfIt() {
        ApprovalText text = new ApprovalText(Map.of(
                "crm",
                new AuthorityConfig.Service(
                        Map.of("en", "the customers"),
                        false,
                        Map.of(
                                "read",
                                new Action(Map.of("en", "Read customers"), Risk.LOW, Map.of("en", "names")),
                                "write",
                                new Action(Map.of("en", "Change customers"), Risk.HIGH, Map.of())))));

        ApprovalText.Item anything =
                text.items(Scope.of(Permission.of("crm", List.of("*")))).getFirst();

        assertThat(anything.risk()).isEqualTo(Risk.HIGH);
        assertThat(anything.line())
                .isEqualTo("Anything at the customers, among it: Read customers; Change customers, touching names");
        ApprovalText.Item unknown =
                text.items(Scope.of(Permission.of("mail", List.of("*")))).getFirst();
        assertThat(unknown.risk()).isEqualTo(Risk.MEDIUM);
        assertThat(unknown.line()).isEqualTo("Anything at mail");
    }

    @Test
    void asksInteractivelyWhereProviderCannotAnswerSilently() {
        toPage(push(Map.of()), "alice");
        world.provider.signOut("alice");
        browser.submit("decision", "approve", "permission", "0");

        assertThat(browser.html()).contains("Development sign-in");
        browser.signIn(world, "alice");
        assertThat(browser.query()).containsKey("code");
    }

    @Test
    void personApprovesLess() {
        toPage(push(Map.of()), "alice");
        browser.submit("decision", "approve", "permission", "1", "end", "3600");

        AgentSide.Got got = agent.token(redeem(browser.query().get("code")));

        assertThat(got.text("scope")).isEqualTo("tickets:search");
        assertThat(got.claims().get("task_exp"))
                .isEqualTo(world.clock.instant().plus(Duration.ofHours(1)).getEpochSecond());
        assertThat(agent.renew(got.text("refresh_token"), Map.of("scope", "tickets:read"))
                        .error())
                .isEqualTo("invalid_scope");
    }

    @Test
    void cannotApproveMoreOrLongerThanThePageOffered() {
        toPage(push(Map.of()), "alice");
        browser.submit("decision", "approve", "permission", "0", "permission", "99", "end", "999999");

        AgentSide.Got got = agent.token(redeem(browser.query().get("code")));

        assertThat(got.text("scope")).isEqualTo("tickets:read");
        assertThat(got.claims().get("task_exp"))
                .isEqualTo(world.clock.instant().plus(Duration.ofHours(6)).getEpochSecond());
    }

    @Test
    void askingForNothingComesBackToThePage() {
        toPage(push(Map.of()), "alice");
        browser.submit("decision", "approve");

        assertThat(browser.status()).isEqualTo(400);
        assertThat(browser.html()).contains("Tick at least one thing");
        browser.submit("decision", "approve", "permission", "0");
        assertThat(browser.query()).containsKey("code");
    }

    @Test
    void refusalGoesBackToTheAgentAndStartsNothing() {
        int before = world.records.size();
        toPage(push(Map.of()), "alice");
        browser.submit("decision", "refuse");

        assertThat(browser.query()).containsEntry("error", "access_denied").containsEntry("iss", world.base);
        assertThat(world.records.size()).isEqualTo(before);
    }

    @Test
    void offersOnlyWhatThePersonMay() {
        world.rightsByGroup("support");
        toPage(push(Map.of()), "alice");
        assertThat(browser.html()).contains("Search tickets").doesNotContain("get at customers");

        Browser bobs = new Browser(world.base);
        bobs.open(authorize(push(Map.of()))).signIn(world, "bob");
        assertThat(bobs.query()).containsEntry("error", "access_denied");
    }

    @Test
    void refusesConfirmationByAnotherPerson() {
        toPage(push(Map.of()), "alice");
        world.provider.signOut("alice");
        int before = world.records.size();
        browser.submit("decision", "approve", "permission", "0").signIn(world, "bob");

        assertThat(browser.query()).containsEntry("error", "access_denied").doesNotContainKey("code");
        assertThat(world.records.size()).isEqualTo(before);
    }

    @Test
    void refusesPageAndAnswersInAnotherBrowser() {
        toPage(push(Map.of()), "alice");
        String page = browser.address();
        Browser other = new Browser(world.base);

        assertThat(other.open(page).status()).isEqualTo(400);
        assertThat(other.html()).doesNotContain("Ticket Agent");
        browser.forgetCookies();
        browser.submit("decision", "approve", "permission", "0");
        assertThat(browser.status()).isEqualTo(400);
    }

    @Test
    void refusesFormWithoutItsSecret() {
        toPage(push(Map.of()), "alice");
        String flow = Browser.query(browser.address()).getOrDefault("flow", "");

        browser.post(world.base + "/oauth/approve", "flow=" + flow + "&csrf=guess&decision=approve&permission=0");

        assertThat(browser.status()).isEqualTo(400);
        assertThat(browser.visited()).noneMatch(address -> address.startsWith(CALLBACK));
    }

    @Test
    void refusesAnswerOfAnotherProvider() {
        browser.open(authorize(push(Map.of())));
        String state = roundTrips().getFirst().getOrDefault("state", "");

        browser.open(world.base + "/oauth/callback?code=x&state=" + state + "&iss=https://other.test");

        assertThat(browser.status()).isEqualTo(400);
    }

    @Test
    void refusesInventedState() {
        browser.open(authorize(push(Map.of())));

        assertThat(browser.open(world.base + "/oauth/callback?code=x&state=made-up")
                        .status())
                .isEqualTo(400);
    }

    @Test
    void requestUriWorksOnceAndForItsClientOnly() {
        AgentSide.Got pushed = push(Map.of());
        assertThat(new Browser(world.base)
                        .open(authorize(pushed).replace("client_id=tickets", "client_id=other"))
                        .status())
                .isEqualTo(400);
        assertThat(browser.open(authorize(pushed)).status()).isEqualTo(200);
        assertThat(new Browser(world.base).open(authorize(pushed)).status()).isEqualTo(400);

        AgentSide.Got late = push(Map.of());
        world.clock.pass(Approvals.PUSHED_LIFE);
        assertThat(new Browser(world.base).open(authorize(late)).status()).isEqualTo(400);
    }

    @Test
    void refusesRequestThatWasNotPushed() {
        String direct = world.base + "/oauth/authorize?client_id=tickets&response_type=code&redirect_uri=" + CALLBACK;

        assertThat(browser.open(direct).status()).isEqualTo(400);
        assertThat(browser.visited()).hasSize(1);
    }

    @Test
    void refusesPushWithoutPkceOrWithPlain() {
        assertRefused(pushWithout("code_challenge"), "invalid_request");
        assertRefused(pushWithout("code_challenge_method"), "invalid_request");
        assertRefused(push(Map.of("code_challenge_method", "plain")), "invalid_request");
    }

    @Test
    void refusesRedirectThatIsNotRegistered() {
        for (String uri : List.of(
                "https://agent.test/callback/",
                "https://agent.test/callback?x=1",
                "https://agent.test.evil.test/callback",
                "http://agent.test/callback",
                "http://127.0.0.1:99/other",
                "http://127.0.0.1@evil.test/callback",
                "http://evil.test/callback")) {
            assertRefused(push(Map.of("redirect_uri", uri)), "invalid_request");
        }
    }

    @Test
    void acceptsAnyPortOfRegisteredLoopbackRedirect() {
        assertThat(push(Map.of("redirect_uri", "http://127.0.0.1:53127/callback"))
                        .status())
                .isEqualTo(201);
    }

    @Test
    void refusesPushOfUnauthenticatedClient() {
        AgentSide.Got got = agent.post("/oauth/par", with(request(), "client_assertion", "x.y.z"));

        assertThat(got.status()).isEqualTo(401);
        assertThat(got.error()).isEqualTo("invalid_client");
    }

    @Test
    void refusesCodeWithWrongVerifierRedirectAgentOrKey() {
        assertRefused(
                agent.token(with(redeem(approved(push(Map.of())).get("code")), "code_verifier", VERIFIER + "x")),
                "invalid_grant");
        assertRefused(
                agent.token(with(redeem(nextApproved().get("code")), "redirect_uri", "http://127.0.0.1/callback")),
                "invalid_grant");
        assertRefused(
                world.agent("other")
                        .withKey(agent.key())
                        .token(redeem(nextApproved().get("code"))),
                "invalid_grant");
        assertRefused(
                world.agent("tickets")
                        .withKey(SigningKey.generate())
                        .token(redeem(nextApproved().get("code"))),
                "invalid_grant");
    }

    @Test
    void refusesCodeAfterAMinute() {
        String code = approved(push(Map.of())).get("code");
        world.clock.pass(Approvals.CODE_LIFE);

        assertRefused(agent.token(redeem(code)), "invalid_grant");
    }

    @Test
    void stopBetweenApprovalAndCodeHolds() {
        String code = approved(push(Map.of())).get("code");
        world.authority.revoke(new RevokeRequest(
                new RevokeRequest.What.User("dev:" + world.provider.sub("alice")), "operator", "test", false));

        assertRefused(agent.token(redeem(code)), "invalid_grant");
    }

    private AgentSide.Got push(Map<String, String> more) {
        Map<String, String> form = new LinkedHashMap<>(request());
        form.putAll(more);
        return agent.post("/oauth/par", form);
    }

    private AgentSide.Got pushWithout(String parameter) {
        Map<String, String> form = new LinkedHashMap<>(request());
        form.remove(parameter);
        return agent.post("/oauth/par", form);
    }

    static Map<String, String> request() {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("response_type", "code");
        form.put("redirect_uri", CALLBACK);
        form.put(
                "code_challenge",
                Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString(Digests.sha256(VERIFIER.getBytes(StandardCharsets.US_ASCII))));
        form.put("code_challenge_method", "S256");
        form.put("authorization_details", TASK);
        return form;
    }

    private String authorize(AgentSide.Got pushed) {
        return authorize(world, pushed);
    }

    static String authorize(World world, AgentSide.Got pushed) {
        return world.base + "/oauth/authorize?client_id=tickets&request_uri="
                + DevelopmentProvider.encode(pushed.text("request_uri"));
    }

    private void toPage(AgentSide.Got pushed, String user) {
        browser.open(authorize(pushed)).signIn(world, user);
    }

    /** Signs in as alice, approves everything; the answer that the agent's address gets. */
    private Map<String, String> approved(AgentSide.Got pushed) {
        toPage(pushed, "alice");
        return approveAll();
    }

    /** Once more; alice is signed in already. */
    private Map<String, String> nextApproved() {
        browser.open(authorize(push(Map.of())));
        return approveAll();
    }

    private Map<String, String> approveAll() {
        browser.submit("decision", "approve", "permission", "0", "permission", "1", "permission", "2", "end", "21600");
        assertThat(browser.address()).startsWith(CALLBACK);
        return browser.query();
    }

    private List<Map<String, String>> roundTrips() {
        return browser.visited().stream()
                .filter(address -> address.startsWith(world.base + "/idp/authorize"))
                .map(Browser::query)
                .toList();
    }

    static Map<String, String> redeem(@Nullable String code) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", "authorization_code");
        form.put("code", String.valueOf(code));
        form.put("redirect_uri", CALLBACK);
        form.put("code_verifier", VERIFIER);
        return form;
    }

    static Map<String, String> with(Map<String, String> form, String name, String value) {
        Map<String, String> out = new LinkedHashMap<>(form);
        out.put(name, value);
        return out;
    }

    private static void assertRefused(AgentSide.Got got, String error) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo(error);
        assertThat(got.json()).doesNotContainKeys("access_token", "request_uri");
    }
}

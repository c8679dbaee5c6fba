package io.behalf.sdk;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class AuthorityClientTest {
    private static final BehalfTask TASK = new BehalfTask(
            "Summarize last quarter's enterprise tickets",
            Scope.of(Permission.of("tickets", List.of("read", "search"))),
            Limits.calls(200),
            Optional.of(Duration.ofHours(8)),
            Optional.empty());
    private static final Instant END = Instant.parse("2099-01-01T00:00:00Z");
    private static final Optional<String> AUDIENCE = Optional.of("https://gateway.example/mcp/tickets");

    private final SigningKey key = SigningKey.generate();
    private PretendAuthority authority;
    private AuthorityClient client;

    @BeforeEach
    void start() throws Exception {
        authority = new PretendAuthority();
        client = new AuthorityClient(authority.issuer(), new AgentCredential.PrivateKey("ticket-agent", key), key);
    }

    @AfterEach
    void stop() {
        authority.close();
    }

    @Test
    void startsTaskByExchangeWithProofOfItsKeyAndItsOwnAuthentication() throws Exception {
        authority.replies(200, PretendAuthority.granted("a.b.c", TASK, 300, END, Optional.of("renew-1")));

        HeldDelegation held =
                granted(client.start("provider-token", AuthorityClient.SubjectToken.ACCESS_TOKEN, TASK, AUDIENCE));

        assertThat(held.token()).isEqualTo("a.b.c");
        assertThat(held.bound()).isTrue();
        assertThat(held.granted()).isEqualTo(TASK);
        assertThat(held.renewal()).contains("renew-1");
        assertThat(held.taskEnd().getEpochSecond()).isEqualTo(END.getEpochSecond());
        PretendAuthority.Request sent = authority.requests.remove();
        assertThat(sent.path()).isEqualTo("/oauth/token");
        assertThat(sent.proofKey()).contains(key.thumbprint());
        assertThat(sent.form())
                .containsEntry("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange")
                .containsEntry("subject_token", "provider-token")
                .containsEntry("subject_token_type", "urn:ietf:params:oauth:token-type:access_token")
                .containsEntry("resource", AUDIENCE.orElseThrow());
        assertThat(BehalfTask.fromDetails(
                        Json.read(sent.value("authorization_details").getBytes(StandardCharsets.UTF_8))))
                .isEqualTo(TASK);
        CompactJws assertion = CompactJws.parse(sent.value("client_assertion"));
        assertThat(assertion.signedBy(key.publicKey())).isTrue();
        assertThat(assertion.claims())
                .containsEntry("iss", "ticket-agent")
                .containsEntry("sub", "ticket-agent")
                .containsEntry("aud", authority.issuer().toString())
                .containsKeys("jti", "exp");
    }

    @Test
    void authenticatesWithSecretWhereItHasOne() {
        AuthorityClient other =
                new AuthorityClient(authority.issuer(), new AgentCredential.Secret("cron agent", "s:cret"), key);
        authority.replies(200, PretendAuthority.granted("a.b.c", TASK, 300, END, Optional.empty()));

        granted(other.startWithNoSubject(TASK, Optional.empty()));

        PretendAuthority.Request sent = authority.requests.remove();
        assertThat(sent.form())
                .containsEntry("grant_type", "client_credentials")
                .doesNotContainKey("client_assertion");
        assertThat(new String(
                        Base64.getDecoder()
                                .decode(sent.authorization().orElseThrow().substring("Basic ".length())),
                        StandardCharsets.UTF_8))
                .isEqualTo("cron+agent:s%3Acret");
    }

    @Test
    void asksForApprovalAndFetchesWhatWasApproved() throws Exception {
        authority.replies(201, Map.of("request_uri", "urn:request:1", "expires_in", 60L));
        authority.replies(200, PretendAuthority.granted("a.b.c", TASK, 300, END, Optional.of("renew-1")));
        URI redirect = URI.create("http://127.0.0.1:9/callback");

        ApprovalRequest request = granted(client.requestApproval(TASK, redirect, AUDIENCE));
        granted(client.approved(request, "code-1"));

        assertThat(request.page().toString())
                .isEqualTo(
                        authority.issuer() + "/oauth/authorize?client_id=ticket-agent&request_uri=urn%3Arequest%3A1");
        Map<String, String> pushed = authority.requests.remove().form();
        assertThat(pushed)
                .containsEntry("response_type", "code")
                .containsEntry("state", request.state())
                .containsEntry("code_challenge", DpopProof.tokenHash(request.verifier()))
                .containsEntry("code_challenge_method", "S256")
                .containsEntry("dpop_jkt", key.thumbprint());
        assertThat(authority.requests.remove().form())
                .containsEntry("grant_type", "authorization_code")
                .containsEntry("code", "code-1")
                .containsEntry("redirect_uri", redirect.toString())
                .containsEntry("code_verifier", request.verifier());
    }

    @Test
    void keepsTheRenewalTokenWhereTheAuthorityDoesNotReplaceIt() {
        authority.replies(200, PretendAuthority.granted("d.e.f", TASK, 300, END, Optional.empty()));

        assertThat(granted(client.renew("renew-1", AUDIENCE)).renewal()).contains("renew-1");
    }

    @Test
    void handsPartOfATaskToASubAgentWhoTakesIt() {
        BehalfTask part = TASK.withScope(Scope.of(Permission.of("tickets", List.of("read"))));
        authority.replies(
                200,
                Map.of(
                        "access_token", "hand.over.token",
                        "issued_token_type", "urn:behalf:token-type:handover",
                        "token_type", "N_A",
                        "expires_in", 60L,
                        "task_id", "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02"));
        authority.replies(200, PretendAuthority.granted("child.b.c", part, 300, END, Optional.of("renew-2")));
        SigningKey childKey = SigningKey.generate();
        AuthorityClient child = new AuthorityClient(
                authority.issuer(), new AgentCredential.PrivateKey("summarizer", childKey), childKey);
        HeldDelegation held = held(300);

        HandOver handOver = granted(client.handOver(held, "summarizer", part));
        HeldDelegation taken = granted(child.take(handOver.token(), AUDIENCE));

        assertThat(taken.granted()).isEqualTo(part);
        assertThat(authority.requests.remove().form())
                .containsEntry("subject_token", held.token())
                .containsEntry("requested_token_type", "urn:behalf:token-type:handover")
                .containsEntry("audience", "summarizer");
        PretendAuthority.Request second = authority.requests.remove();
        assertThat(second.proofKey()).contains(childKey.thumbprint());
        assertThat(second.form())
                .containsEntry("subject_token", "hand.over.token")
                .containsEntry("subject_token_type", "urn:behalf:token-type:handover");
    }

    @Test
    void endsTaskByItsRenewalToken() {
        authority.repliesText(200, "");

        assertThat(client.end("renew-1")).isInstanceOf(Answer.Granted.class);
        PretendAuthority.Request sent = authority.requests.remove();
        assertThat(sent.path()).isEqualTo("/oauth/revoke");
        assertThat(sent.form()).containsEntry("token", "renew-1");
    }

    @Test
    void repeatsRequestWithTheNonceThatIsAskedFor() {
        authority.demandsNonce("n-1");
        authority.replies(200, PretendAuthority.granted("a.b.c", TASK, 300, END, Optional.empty()));

        granted(client.renew("renew-1", Optional.empty()));

        assertThat(authority.requests).hasSize(2);
    }

    @Test
    void tellsWhyTheAuthoritySaidNo() {
        authority.replies(400, Map.of("error", "invalid_scope", "error_description", "More than allowed."));
        authority.repliesText(502, "<html>");
        authority.replies(429, Map.of("error", "slow_down"));

        Answer<HeldDelegation> no = client.startWithNoSubject(TASK, Optional.empty());
        assertThat(no).isEqualTo(new Answer.Denied<>("invalid_scope", "More than allowed.", 400));
        assertThat(client.startWithNoSubject(TASK, Optional.empty()))
                .isEqualTo(new Answer.Denied<>("http_502", "", 502));
        assertThat(client.startWithNoSubject(TASK, Optional.empty()))
                .isInstanceOfSatisfying(
                        Answer.Denied.class, slow -> assertThat(slow.passing()).isTrue());
    }

    @Test
    void takesNoAnswerThatIsNotWhatTheStandardsSay() {
        for (String body : List.of(
                "", "null", "[]", "{}", "{\"access_token\":\"a\",\"access_token\":\"b\"}", "{\"access_token\":7}")) {
            authority.repliesText(200, body);
            assertThat(client.startWithNoSubject(TASK, Optional.empty()))
                    .as(body)
                    .isInstanceOf(Answer.NoAnswer.class);
        }
        authority.repliesText(200, "\"" + "x".repeat(TokenEndpoint.MAX_ANSWER_BYTES) + "\"");
        assertThat(client.startWithNoSubject(TASK, Optional.empty())).isInstanceOf(Answer.NoAnswer.class);
    }

    @Test
    void saysWhenTheAuthorityIsNotThere() {
        authority.close();

        assertThat(client.startWithNoSubject(TASK, Optional.empty())).isInstanceOf(Answer.NoAnswer.class);
    }

    @Test
    void printsNoCredential() {
        HeldDelegation held = held(300);

        assertThat(held.toString()
                        + new AgentCredential.Secret("a", "hidden")
                        + new AgentCredential.PrivateKey("a", key)
                        + new HandOver("hidden", held.task(), END)
                        + new Attached.Headers(Map.of("Authorization", "hidden")))
                .doesNotContain("hidden", held.token());
    }

    static HeldDelegation held(long seconds) {
        Instant now = Instant.now();
        return new HeldDelegation(
                "first.token.here",
                true,
                new TaskId("tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02"),
                TASK,
                now,
                now.plusSeconds(seconds),
                END,
                Optional.of("renew-1"));
    }

    static BehalfTask task() {
        return TASK;
    }

    private static <T> T granted(Answer<T> answer) {
        return answer.fold(
                value -> value,
                no -> {
                    throw new AssertionError(no.toString());
                },
                none -> {
                    throw new AssertionError(none.toString());
                });
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Scope;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord;
import io.behalf.policy.PolicySource;
import io.behalf.policy.Rule;
import io.behalf.policy.ServicePolicy;
import io.vertx.core.http.HttpServerResponse;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each reason that an agent can meet here, asserted from outside: status, body, challenge, record, and nothing forwarded. */
class RefusalReasonTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void delegationMissing() throws Exception {
        Wire.Answer answer = with("");
        refused(answer, Reason.DELEGATION_MISSING, 401, false);
        assertThat(answer.all("www-authenticate").getFirst()).doesNotContain("error=");
    }

    @Test
    void delegationMalformed() throws Exception {
        refused(with("Authorization: Bearer not-a-token\r\n"), Reason.DELEGATION_MALFORMED, 401, false);
    }

    @Test
    void issuerUntrusted() throws Exception {
        Delegation d = delegation;
        Delegation foreign = new Delegation(
                "https://elsewhere.example",
                d.audience(),
                d.jti(),
                d.onBehalfOf(),
                d.actors(),
                d.task(),
                d.taskId(),
                d.taskEnd(),
                d.taskS256(),
                d.approvalId(),
                d.approvalKind(),
                d.login(),
                d.binding(),
                d.issuedAt(),
                d.notBefore(),
                d.expires(),
                d.status());
        refused(post(foreign), Reason.ISSUER_UNTRUSTED, 401, false);
    }

    @Test
    void signatureInvalid() throws Exception {
        String forged = World.token(delegation, SigningKey.generate());
        refused(presenting(forged), Reason.SIGNATURE_INVALID, 401, false);
        assertThat(world.refreshes()).isEqualTo(1);
    }

    @Test
    void audienceMismatch() throws Exception {
        refused(
                post(Delegations.forAudience(delegation, "http://127.0.0.1:" + world.port + "/mcp/tools")),
                Reason.AUDIENCE_MISMATCH,
                401,
                true);
    }

    @Test
    void delegationNotYetValid() throws Exception {
        Instant later = Instant.now().plusSeconds(300);
        refused(
                post(Delegations.expiring(delegation, later, later.plusSeconds(60))),
                Reason.DELEGATION_NOT_YET_VALID,
                401,
                true);
    }

    @Test
    void taskExpired() throws Exception {
        refused(post(Delegations.ending(delegation, Instant.now().minusSeconds(5))), Reason.TASK_EXPIRED, 401, true);
    }

    @Test
    void delegationExpired() throws Exception {
        Instant past = Instant.now().minusSeconds(100);
        refused(
                post(Delegations.expiring(delegation, past, past.plusSeconds(60))),
                Reason.DELEGATION_EXPIRED,
                401,
                true);
    }

    @Test
    void anExpiredDelegationOfWhomCannotProveItIsNotRecorded() throws Exception {
        Instant past = Instant.now().minusSeconds(100);
        String token = world.token(Delegations.expiring(delegation, past, past.plusSeconds(60)));
        refused(with("Authorization: DPoP " + token + "\r\n"), Reason.DELEGATION_EXPIRED, 401, false);
    }

    @Test
    void bindingMissing() throws Exception {
        refused(with("Authorization: DPoP " + world.token(delegation) + "\r\n"), Reason.BINDING_MISSING, 401, false);
        String unbound = world.token(Delegations.bound(delegation, new Binding.Unbound()));
        refused(with("Authorization: Bearer " + unbound + "\r\n"), Reason.BINDING_MISSING, 401, false);
        try (World open = new World(route -> route.withAllowUnbound(true))) {
            open.upstream.answersJson("{}");
            String token = open.token(Delegations.bound(open.delegation(), new Binding.Unbound()));
            String headers = "Authorization: Bearer " + token + "\r\nContent-Type: application/json\r\n";
            assertThat(open.send(open.request("POST", CHAT, headers, ASK)).status())
                    .isEqualTo(200);
            assertThat(open.records(AuditRecord.Intent.class)
                            .getFirst()
                            .header()
                            .delegation()
                            .orElseThrow()
                            .bound())
                    .isFalse();
        }
    }

    @Test
    void proofInvalid() throws Exception {
        String token = world.token(delegation);
        String elsewhere = world.proof(token, "POST", "/llm/anthropic/v1/messages");
        refused(
                with("Authorization: DPoP " + token + "\r\nDPoP: " + elsewhere + "\r\n"),
                Reason.PROOF_INVALID,
                401,
                false);
    }

    @Test
    void bindingMismatch() throws Exception {
        String stolen = world.token(Delegations.bound(
                delegation, new Binding.Key(SigningKey.generate().thumbprint())));
        refused(presenting(stolen), Reason.BINDING_MISMATCH, 401, false);
    }

    @Test
    void proofReplayed() throws Exception {
        world.upstream.answersJson("{}");
        String request = world.jsonRequest(delegation, CHAT, ASK);
        assertThat(world.send(request).status()).isEqualTo(200);
        Wire.Answer again = world.send(request);
        assertThat(again.status()).isEqualTo(401);
        assertThat(OpenAiChatTest.reason(again)).isEqualTo("proof_replayed");
        assertThat(world.upstream.received()).hasSize(1);
    }

    @Test
    void taskEnded() throws Exception {
        world.stopped.put(delegation.taskId().value(), Reason.TASK_ENDED);
        refused(post(delegation), Reason.TASK_ENDED, 401, true);
    }

    @Test
    void delegationRevoked() throws Exception {
        world.stopped.put(delegation.taskId().value(), Reason.DELEGATION_REVOKED);
        refused(post(delegation), Reason.DELEGATION_REVOKED, 401, true);
    }

    @Test
    void actorMismatch() throws Exception {
        String token = world.token(delegation);
        String headers = "X-Behalf-Delegation: " + token + "\r\nDPoP: " + world.proof(token, "POST", CHAT)
                + "\r\nAuthorization: Bearer " + World.CALLER_KEY + "\r\n";
        refused(with(headers), Reason.ACTOR_MISMATCH, 403, true);
    }

    @Test
    void chainTooDeep() throws Exception {
        List<String> chain = List.of("a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8");
        refused(post(Delegations.by(delegation, chain)), Reason.CHAIN_TOO_DEEP, 403, true);
    }

    @Test
    void scopeExceeded() throws Exception {
        Wire.Answer answer = world.post(delegation, CHAT, "{\"model\":\"huge\"}");
        refused(answer, Reason.SCOPE_EXCEEDED, 403, true);
        assertThat(answer.header("www-authenticate")).isEmpty();
    }

    @Test
    void approvalRequired() throws Exception {
        PolicySource regulated = new PolicySource(
                List.of(), List.of(new ServicePolicy("openai", true, "the model", Map.of())), Set.of(), true, 4);
        try (World strict = new World(UnaryOperator.identity(), regulated)) {
            Delegation d = strict.delegation();
            Delegation asserted = new Delegation(
                    d.issuer(),
                    d.audience(),
                    d.jti(),
                    d.onBehalfOf(),
                    d.actors(),
                    d.task(),
                    d.taskId(),
                    d.taskEnd(),
                    d.taskS256(),
                    d.approvalId(),
                    ApprovalKind.ASSERTED,
                    d.login(),
                    d.binding(),
                    d.issuedAt(),
                    d.notBefore(),
                    d.expires(),
                    d.status());
            refused(strict, strict.post(asserted, CHAT, ASK), Reason.APPROVAL_REQUIRED, 403, true);
        }
    }

    @Test
    void limitExceededByCalls() throws Exception {
        Delegation limited = limited(Limits.calls(2));
        world.upstream.answersJson("{}");
        assertThat(post(limited).status()).isEqualTo(200);
        assertThat(post(limited).status()).isEqualTo(200);
        Wire.Answer answer = post(limited);
        assertThat(answer.status()).isEqualTo(403);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("limit_exceeded");
        assertThat(answer.header("retry-after")).isEmpty();
        assertThat(world.upstream.received()).hasSize(2);
    }

    @Test
    void limitExceededByTokens() throws Exception {
        Delegation limited = limited(new Limits(OptionalLong.empty(), OptionalLong.of(10), OptionalLong.empty()));
        world.upstream.answersJson("{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}");
        assertThat(post(limited).status()).isEqualTo(200);
        assertThat(OpenAiChatTest.reason(post(limited))).isEqualTo("limit_exceeded");
    }

    /** Together they would pass the limit before any of them is counted. */
    @Test
    void limitExceededByTokensOfCallsThatRun() throws Exception {
        Delegation limited = limited(new Limits(OptionalLong.empty(), OptionalLong.of(100), OptionalLong.empty()));
        BlockingQueue<HttpServerResponse> waiting = new LinkedBlockingQueue<>();
        world.upstream.answers((_, response) -> waiting.add(response));
        try (Wire first = world.connect()) {
            first.send(world.jsonRequest(limited, CHAT, ASK));
            HttpServerResponse running = waiting.poll(10, TimeUnit.SECONDS);
            Wire.Answer refused = post(limited);
            assertThat(OpenAiChatTest.reason(refused)).isEqualTo("limit_exceeded");
            assertThat(refused.body()).contains("when they have ended");
            assertThat(running).isNotNull();
            running.end("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}");
            assertThat(first.receive().status()).isEqualTo(200);
        }
        world.upstream.answersJson("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}");
        assertThat(post(limited).status()).isEqualTo(200);
    }

    /** Nothing counts what calls cost, and a limit that is not held to must not look as if it were. */
    @Test
    void limitExceededBySpendingThatNobodyCounts() throws Exception {
        Delegation limited =
                limited(new Limits(OptionalLong.empty(), OptionalLong.empty(), OptionalLong.of(1_000_000)));
        refused(world, post(limited), Reason.LIMIT_EXCEEDED, 403, true);
    }

    @Test
    void policyDenied() throws Exception {
        PolicySource forbids = new PolicySource(
                List.of(Rule.of("no-models", Rule.Effect.FORBID, Set.of("openai"), Set.of("chat"), "true")),
                List.of(),
                Set.of(),
                true,
                4);
        try (World strict = new World(UnaryOperator.identity(), forbids)) {
            refused(strict, strict.post(strict.delegation(), CHAT, ASK), Reason.POLICY_DENIED, 403, true);
            assertThat(strict.records(AuditRecord.Refused.class)
                            .getFirst()
                            .decision()
                            .rules())
                    .containsExactly("no-models");
        }
    }

    @Test
    void policyUnavailable() throws Exception {
        PolicySource broken = new PolicySource(
                List.of(Rule.of(
                        "no-answer", Rule.Effect.FORBID, Set.of("openai"), Set.of("chat"), "facts.missing == 'x'")),
                List.of(),
                Set.of(),
                true,
                4);
        try (World strict = new World(UnaryOperator.identity(), broken)) {
            refused(strict, strict.post(strict.delegation(), CHAT, ASK), Reason.POLICY_UNAVAILABLE, 503, true);
        }
    }

    @Test
    void aRefusalStandsThoughItCannotBeRecorded() throws Exception {
        world.ledger.failOn(_ -> true);
        Wire.Answer answer = world.post(delegation, CHAT, "{\"model\":\"huge\"}");
        assertThat(answer.status()).isEqualTo(403);
        assertThat(answer.header("Behalf-Record")).isEmpty();
    }

    private Delegation limited(Limits limits) {
        BehalfTask task = new BehalfTask(
                "Ask twice",
                Scope.of(Permission.of("openai", List.of("chat"))),
                limits,
                Optional.empty(),
                Optional.empty());
        return Delegations.of(delegation, task);
    }

    private Wire.Answer post(Delegation d) throws Exception {
        return world.post(d, CHAT, ASK);
    }

    private Wire.Answer presenting(String token) throws Exception {
        return with("Authorization: DPoP " + token + "\r\nDPoP: " + world.proof(token, "POST", CHAT) + "\r\n");
    }

    private Wire.Answer with(String headers) throws Exception {
        return world.send(world.request("POST", CHAT, headers + "Content-Type: application/json\r\n", ASK));
    }

    private void refused(Wire.Answer answer, Reason reason, int status, boolean recorded) {
        refused(world, answer, reason, status, recorded);
    }

    private static void refused(World in, Wire.Answer answer, Reason reason, int status, boolean recorded) {
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo(reason.code());
        assertThat(answer.status()).isEqualTo(status);
        assertThat(answer.all("www-authenticate").size()).isEqualTo(status == 401 ? 2 : 0);
        assertThat(in.upstream.received()).isEmpty();
        List<AuditRecord.Refused> records = in.records(AuditRecord.Refused.class);
        Map<?, ?> error = Fields.object(answer.json(), "error");
        if (!recorded) {
            assertThat(records).isEmpty();
            assertThat(error.containsKey("record")).isFalse();
            assertThat(answer.header("Behalf-Record")).isEmpty();
            return;
        }
        AuditRecord.Refused record = records.getFirst();
        assertThat(record.decision().reason()).contains(reason.code());
        assertThat(record.header().task()).isPresent();
        assertThat(answer.header("Behalf-Record")).contains(record.header().id());
        assertThat(error.get("record")).isEqualTo(record.header().id());
        assertThat(error.get("task"))
                .isEqualTo(record.header().task().orElseThrow().value());
    }
}

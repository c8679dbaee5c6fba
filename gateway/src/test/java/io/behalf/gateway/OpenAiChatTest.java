package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.Usage;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** OpenAI chat completions, answered in one piece. */
class OpenAiChatTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    private static final String REPLY = """
            {"id":"c1","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","tool_calls":[\
            {"id":"call_1","type":"function","function":{"name":"echo","arguments":"{ \\"n\\": 1.50, \\"a\\": true }"}}]}}],\
            "usage":{"prompt_tokens":11,"completion_tokens":7}}""";

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
        world.upstream.answersJson(REPLY);
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void carriesAPermittedCallWithTheProvidersKeyAndPutsItOnTheRecord() throws Exception {
        Wire.Answer answer = world.post(delegation, CHAT, ASK);

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo(REPLY);
        var sent = world.upstream.received().getFirst();
        assertThat(sent.uri()).isEqualTo("/v1/chat/completions");
        assertThat(sent.body().toString()).isEqualTo(ASK);
        assertThat(sent.headers().getAll("authorization")).containsExactly("Bearer " + World.PROVIDER_KEY);
        assertThat(sent.headers().contains("dpop")).isFalse();

        var intent = world.records(AuditRecord.Intent.class).getFirst();
        assertThat(answer.header("Behalf-Record")).contains(intent.header().id());
        assertThat(answer.header("Behalf-Task")).contains(delegation.taskId().value());
        assertThat(answer.header("Cache-Control")).contains("private, no-store");
        assertThat(intent.header().task()).contains(delegation.taskId());
        assertThat(intent.header().actors()).containsExactly("ticket-agent");
        assertThat(intent.header().delegation().orElseThrow().jti()).isEqualTo(delegation.jti());
        assertThat(intent.header().delegation().orElseThrow().bound()).isTrue();
        assertThat(intent.call().service()).isEqualTo("openai");
        assertThat(intent.call().action()).isEqualTo("chat");
        assertThat(intent.call().model()).contains("small");
        assertThat(intent.call().requestMac()).contains(mac(ASK));
        assertThat(intent.decision().permit()).isTrue();
        assertThat(intent.decision().rules()).containsExactly("within-scope");

        var outcome = world.outcome();
        assertThat(outcome.of()).isEqualTo(intent.header().id());
        assertThat(outcome.outcome().end()).isEqualTo(End.COMPLETE);
        assertThat(outcome.outcome().sent()).isEqualTo(Sent.YES);
        assertThat(outcome.outcome().status()).isEqualTo(200);
        assertThat(outcome.outcome().bytes()).isEqualTo(REPLY.length());
        assertThat(outcome.outcome().responseMac()).isEqualTo(mac(REPLY));
        assertThat(outcome.outcome().usage()).contains(new Usage(11, 7));
        assertThat(outcome.outcome().toolCalls()).singleElement().satisfies(call -> {
            assertThat(call.id()).isEqualTo("call_1");
            assertThat(call.name()).isEqualTo("echo");
            assertThat(call.argumentsMac()).contains(mac("{\"a\":true,\"n\":1.5}"));
        });
        assertThat(world.task(delegation).tokens()).isEqualTo(18);
        assertThat(world.task(delegation).idle()).isTrue();
    }

    @Test
    void sendsNothingBeforeTheIntentIsDurable() throws Exception {
        world.ledger.holdOn(AuditRecord.Intent.class::isInstance);
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, CHAT, ASK));
            waitUntilOneWaits();
            assertThat(world.upstream.received()).isEmpty();
            world.ledger.letGo();
            assertThat(wire.receive().status()).isEqualTo(200);
        }
        assertThat(world.upstream.received()).hasSize(1);
    }

    @Test
    void endsNoAnswerBeforeTheOutcomeIsDurable() throws Exception {
        world.ledger.holdOn(AuditRecord.Outcome.class::isInstance);
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, CHAT, ASK));
            waitUntilOneWaits();
            assertThat(wire.quiet()).isTrue();
            world.ledger.letGo();
            assertThat(wire.receive().body()).isEqualTo(REPLY);
        }
    }

    @Test
    void makesNoCallWhoseIntentCannotBeRecorded() throws Exception {
        world.ledger.failOn(AuditRecord.Intent.class::isInstance);
        Wire.Answer answer = world.post(delegation, CHAT, ASK);

        assertThat(answer.status()).isEqualTo(503);
        assertThat(reason(answer)).isEqualTo("record_unavailable");
        assertThat(answer.header("Behalf-Record")).isEmpty();
        assertThat(world.upstream.received()).isEmpty();
        assertThat(world.task(delegation).calls()).isZero();
    }

    @Test
    void keepsBackAnAnswerWhoseOutcomeCannotBeRecorded() throws Exception {
        world.ledger.failOn(AuditRecord.Outcome.class::isInstance);
        Wire.Answer answer = world.post(delegation, CHAT, ASK);

        assertThat(answer.status()).isEqualTo(503);
        assertThat(reason(answer)).isEqualTo("record_unavailable");
        assertThat(answer.body()).doesNotContain("call_1");
    }

    @Test
    void passesOnWhatTheProviderRefuses() throws Exception {
        world.upstream.answers((_, response) -> response.setStatusCode(429)
                .putHeader("content-type", "application/json")
                .putHeader("retry-after", "7")
                .putHeader("x-request-id", "req_1")
                .putHeader("www-authenticate", "Bearer")
                .putHeader("behalf-record", "forged")
                .putHeader("set-cookie", "a=b")
                .end("{\"error\":{\"message\":\"slow down\"}}"));
        Wire.Answer answer = world.post(delegation, CHAT, ASK);

        assertThat(answer.status()).isEqualTo(429);
        assertThat(answer.body()).contains("slow down");
        assertThat(answer.header("retry-after")).contains("7");
        assertThat(answer.header("x-request-id")).contains("req_1");
        assertThat(answer.header("www-authenticate")).isEmpty();
        assertThat(answer.header("set-cookie")).isEmpty();
        assertThat(answer.all("behalf-record"))
                .containsExactly(world.records(AuditRecord.Intent.class)
                        .getFirst()
                        .header()
                        .id());
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
    }

    @Test
    void takesTheTokenFromWhereAnSdkPutsItsKey() throws Exception {
        String token = world.token(delegation);
        String proved = "x-api-key: " + token + "\r\nDPoP: " + world.proof(token, "POST", CHAT)
                + "\r\nContent-Type: application/json\r\n";
        assertThat(world.send(world.request("POST", CHAT, proved, ASK)).status())
                .isEqualTo(200);
        assertThat(world.upstream.received().getFirst().headers().contains("x-api-key"))
                .isFalse();
    }

    @Test
    void showsOnlyTheModelsThatTheTaskMayAsk() throws Exception {
        world.upstream.answersJson("""
                {"object":"list","data":[{"id":"small","created":1},{"id":"huge","created":2},{"id":"large","created":3}]}""");
        Wire.Answer answer = world.get(delegation, "/llm/openai/v1/models");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).contains("small").contains("large").doesNotContain("huge");
        assertThat(world.outcome().outcome().items()).isEqualTo(2);
    }

    @Test
    void asksAnIssuerOnceForAKeyThatIsNotKnownYet() throws Exception {
        String token = World.token(delegation, world.rotateKey());
        String proved = "Authorization: DPoP " + token + "\r\nDPoP: " + world.proof(token, "POST", CHAT)
                + "\r\nContent-Type: application/json\r\n";
        assertThat(world.send(world.request("POST", CHAT, proved, ASK)).status())
                .isEqualTo(200);
        assertThat(world.refreshes()).isEqualTo(1);
    }

    @Test
    void answersManyRequestsOnOneConnection() throws Exception {
        try (Wire wire = world.connect()) {
            for (int i = 0; i < 20; i++) {
                assertThat(wire.send(world.jsonRequest(delegation, CHAT, ASK))
                                .receive()
                                .body())
                        .isEqualTo(REPLY);
            }
        }
        assertThat(world.records(AuditRecord.Outcome.class)).hasSize(20);
    }

    @Test
    void tellsAnUpstreamThatCannotBeReachedFromARefusal() throws Exception {
        world.upstream.close();
        Wire.Answer answer = world.post(delegation, CHAT, ASK);

        assertThat(answer.status()).isEqualTo(502);
        assertThat(reason(answer)).isEqualTo(Reason.UPSTREAM_UNAVAILABLE.code());
        var outcome = world.outcome().outcome();
        assertThat(outcome.end()).isEqualTo(End.ERROR);
        assertThat(outcome.sent()).isEqualTo(Sent.NO);
        assertThat(outcome.reason()).contains("upstream_unavailable");
    }

    private void waitUntilOneWaits() throws InterruptedException {
        while (world.ledger.waiting() == 0) {
            Thread.sleep(2);
        }
    }

    static String reason(Wire.Answer answer) {
        return Fields.string(Fields.object(answer.json(), "error"), "reason").orElse("none");
    }

    private static String mac(String content) {
        return new Macs(World.MAC_KEY).of(content.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "application/json; charset=UTF-8",
                "application/json;charset=\"utf-8\"",
                "application/json; charset=utf8;",
                "Application/JSON; odata.metadata=minimal; charset=utf-8"
            })
    void aBodyThatClaimsToBeWhatItIsRead(String type) throws Exception {
        assertThat(world.send(world.request(
                                "POST",
                                CHAT,
                                world.credentials(delegation, "POST", CHAT) + "Content-Type: " + type + "\r\n",
                                ASK))
                        .status())
                .isEqualTo(200);
    }
}

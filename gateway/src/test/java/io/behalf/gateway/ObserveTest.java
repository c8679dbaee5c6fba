package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Mode;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Routes that observe: who may pass, with which credential, and what the record says. */
class ObserveTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World(route -> route.withMode(Mode.OBSERVE));
        delegation = world.delegation();
        world.upstream.answersJson("{}");
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void aListedKeyPassesWithItsOwnCredentialAndIsRecordedAsUnattributed() throws Exception {
        assertThat(post("Authorization: Bearer " + World.CALLER_KEY + "\r\n", ASK)
                        .status())
                .isEqualTo(200);

        assertThat(world.upstream.received().getFirst().headers().getAll("authorization"))
                .containsExactly("Bearer " + World.CALLER_KEY);
        var intent = world.records(AuditRecord.Intent.class).getFirst();
        assertThat(intent.header().task()).isEmpty();
        assertThat(intent.header().basis()).contains(new Basis.Unattributed("agent:old-application", Optional.empty()));
        assertThat(intent.decision().permit()).isFalse();
        assertThat(intent.decision().enforced()).isFalse();
        assertThat(intent.decision().reason()).contains("delegation_missing");
        assertThat(intent.call().requestMac()).contains(new Macs(World.LOG_KEY).of(ASK));
    }

    @Test
    void aKeyThatIsNotListedIsRefused() throws Exception {
        Wire.Answer answer = post("Authorization: Bearer somebody\r\n", ASK);
        assertThat(answer.status()).isEqualTo(401);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("agent_unauthenticated");
        assertThat(OpenAiChatTest.reason(post("", ASK))).isEqualTo("delegation_missing");
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void aDecisionThatWouldRefuseLetsTheCallPass() throws Exception {
        assertThat(world.post(delegation, CHAT, "{\"model\":\"huge\"}").status())
                .isEqualTo(200);

        var decision = world.records(AuditRecord.Intent.class).getFirst().decision();
        assertThat(decision.permit()).isFalse();
        assertThat(decision.enforced()).isFalse();
        assertThat(decision.mode()).isEqualTo(Mode.OBSERVE);
        assertThat(decision.reason()).contains("scope_exceeded");
        assertThat(world.upstream.received().getFirst().headers().contains("authorization"))
                .isFalse(); // neither the delegation nor the gateway's key
    }

    @Test
    void aDelegationThatFailsItsChecksIsRefusedHereToo() throws Exception {
        String forged = World.token(delegation, SigningKey.generate());
        Wire.Answer answer = post("Authorization: Bearer " + forged + "\r\n", ASK);
        assertThat(answer.status()).isEqualTo(401);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("signature_invalid");
        assertThat(OpenAiChatTest.reason(post("X-Behalf-Delegation: junk\r\n", ASK)))
                .isEqualTo("delegation_malformed");
        assertThat(OpenAiChatTest.reason(post("Authorization: DPoP junk\r\n", ASK)))
                .isEqualTo("delegation_malformed");
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void theCallersOwnCredentialPassesBesideItsDelegation() throws Exception {
        String token = world.token(delegation);
        Wire.Answer answer = post(
                "X-Behalf-Delegation: " + token + "\r\nDPoP: " + world.proof(token, "POST", CHAT)
                        + "\r\nAuthorization: Bearer my-own-subscription\r\n",
                ASK);
        assertThat(answer.status()).isEqualTo(200);
        assertThat(world.upstream.received().getFirst().headers().getAll("authorization"))
                .containsExactly("Bearer my-own-subscription");
        assertThat(world.upstream.received().getFirst().headers().contains("x-behalf-delegation"))
                .isFalse();
        assertThat(world.records(AuditRecord.Intent.class).getFirst().decision().permit())
                .isTrue();
    }

    private Wire.Answer post(String headers, String body) throws Exception {
        return world.send(world.request("POST", CHAT, headers + "Content-Type: application/json\r\n", body));
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Outcome;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions in the hands of others: given by an MCP server, by mistake or on purpose, or known to a sub-agent. */
class StolenSessionTest {
    private static final String MCP = "/mcp/tools";
    private static final String ALICES = "Mcp-Session-Id: alices\r\n";
    private static final String CALL = message("tools/call");

    private World world;
    private Delegation alices;
    private Delegation others;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        alices = world.delegation();
        others = world.delegation();
        answersAs("alices");
        assertThat(send(alices, "", message("initialize")).status()).isEqualTo(200);
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void itsOwnTaskKeepsIt() throws Exception {
        Wire.Answer answer = send(others, "", message("initialize"));

        assertThat(answer.body()).contains("upstream_unavailable");
        assertThat(answer.header("mcp-session-id")).isEmpty();
        assertThat(answer.header("Behalf-Record")).isPresent();
        Outcome outcome = world.records(Outcome.class).getLast();
        assertThat(outcome.outcome().end()).isEqualTo(End.ERROR);
        assertThat(outcome.outcome().reason()).contains("upstream_unavailable");
        assertThat(send(others, ALICES, CALL).status()).isEqualTo(404);
        assertThat(send(alices, ALICES, CALL).status()).isEqualTo(200);
    }

    @Test
    void aSessionOfItsOwnIsNoWayToIt() throws Exception {
        answersAs("others");
        assertThat(send(others, "", message("initialize")).status()).isEqualTo(200);
        answersAs("alices");

        assertThat(send(others, "Mcp-Session-Id: others\r\n", CALL).body()).contains("upstream_unavailable");
        assertThat(send(others, ALICES, CALL).status()).isEqualTo(404);
        assertThat(send(alices, ALICES, CALL).status()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ALICES})
    void theSameTaskMayBeGivenItAgain(String session) throws Exception {
        assertThat(send(alices, session, message("initialize")).status()).isEqualTo(200);
        assertThat(send(alices, ALICES, CALL).status()).isEqualTo(200);
    }

    /** It may know the name: an agent tells its sub-agents what it likes. What it was not given, it may not hear either. */
    @ParameterizedTest
    @ValueSource(strings = {"POST", "GET", "DELETE"})
    void aSubAgentIsNobodyThere(String method) throws Exception {
        Delegation sub = Delegations.by(alices, List.of("summarizer", "ticket-agent"));
        int reached = world.upstream.received().size();

        String headers = world.credentials(sub, method, MCP) + "Content-Type: application/json\r\n" + ALICES;
        Wire.Answer answer = world.send(world.request(method, MCP, headers, method.equals("POST") ? CALL : ""));

        assertThat(answer.status()).isEqualTo(404);
        assertThat(world.records(AuditRecord.Refused.class).getLast().decision().reason())
                .contains("binding_mismatch");
        assertThat(world.upstream.received()).hasSize(reached);
        answersAs("subs");
        assertThat(send(sub, "", message("initialize")).status()).isEqualTo(200);
        assertThat(send(sub, "Mcp-Session-Id: subs\r\n", CALL).status()).isEqualTo(200);
        answersAs("alices");
        assertThat(send(alices, ALICES, CALL).status()).isEqualTo(200);
    }

    /** Who begins on and on loses what he began first, and nobody else anything. */
    @Test
    void oneTaskCannotCrowdOutAnother() throws Exception {
        for (int i = 0; i <= Sessions.MAX_SESSIONS_OF_A_TASK; i++) {
            answersAs("s" + i);
            assertThat(send(others, "", message("initialize")).status()).isEqualTo(200);
        }
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");

        assertThat(send(others, "Mcp-Session-Id: s0\r\n", CALL).status()).isEqualTo(404);
        assertThat(send(others, "Mcp-Session-Id: s1\r\n", CALL).status()).isEqualTo(200);
        assertThat(send(alices, ALICES, CALL).status()).isEqualTo(200);
    }

    private void answersAs(String session) {
        world.upstream.answers((_, response) -> response.putHeader("content-type", "application/json")
                .putHeader("mcp-session-id", session)
                .end("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"));
    }

    private Wire.Answer send(Delegation whose, String session, String message) throws Exception {
        String headers = world.credentials(whose, "POST", MCP) + "Content-Type: application/json\r\n" + session;
        return world.send(world.request("POST", MCP, headers, message));
    }

    private static String message(String method) {
        return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + method + "\",\"params\":{\"name\":\"echo\"}}";
    }
}

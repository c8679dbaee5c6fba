package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Intent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers that come whole and are too large to be looked into: none of them hides what the record or a rule must know. */
class LargeAnswerTest {
    private static final String MCP = "/mcp/tools";
    private static final String TOO_LARGE = "x".repeat(Gathered.MAX_KEPT_BYTES);

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

    @ParameterizedTest
    @CsvSource({"/llm/openai/v1/chat/completions, small", "/llm/anthropic/v1/messages, claude"})
    void aModelsHiddenToolCallsReachNobody(String path, String model) throws Exception {
        world.upstream.answersJson("{\"pad\":\"" + TOO_LARGE + """
                ","choices":[{"message":{"tool_calls":[\
                {"id":"call_a","function":{"name":"echo","arguments":"{}"}}]}}],\
                "content":[{"type":"tool_use","id":"call_a","name":"echo","input":{}}]}""");
        Wire.Answer answer = world.post(delegation, path, "{\"model\":\"" + model + "\"}");

        assertThat(answer.status()).isEqualTo(502);
        assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("xxx", "call_a");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
        assertThat(world.outcome().outcome().bytes()).isZero();

        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        assertThat(world.post(delegation, MCP, message("tools/call", "{\"name\":\"echo\",\"arguments\":{}}"))
                        .status())
                .isEqualTo(200);
        assertThat(world.records(Intent.class).getLast().plannedBy()).isEmpty();
    }

    @Test
    void aListOfToolsThatCannotBeFilteredReachesNobody() throws Exception {
        world.upstream.answersJson(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"delete\"}]},\"pad\":\"" + TOO_LARGE
                        + "\"}");
        Wire.Answer answer = world.post(delegation, MCP, message("tools/list", "{}"));

        assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("delete", "xxx");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    /** A lone surrogate, a member twice: whoever reads more kindly than the gateway would see all of it. */
    @ParameterizedTest
    @ValueSource(strings = {"\"pad\":\"\\ud800\"", "\"id\":2", "\"pad\":01"})
    void aListThatCannotBeReadReachesNobody(String twist) throws Exception {
        world.upstream.answersJson(
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"delete\"}]}," + twist + "}");
        assertThat(world.post(delegation, MCP, message("tools/list", "{}")).body())
                .contains("upstream_unavailable")
                .doesNotContain("delete");

        world.upstream.answersJson("{\"id\":1,\"data\":[{\"id\":\"secret\"}]," + twist + "}");
        assertThat(world.get(delegation, "/llm/openai/v1/models").body())
                .contains("upstream_unavailable")
                .doesNotContain("secret");
    }

    @Test
    void aToolsResultHidesNothingAndGoesOn() throws Exception {
        String result = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[\"" + TOO_LARGE + "\"]}}";
        world.upstream.answersJson(result);
        Wire.Answer answer = world.post(delegation, MCP, message("tools/call", "{\"name\":\"echo\",\"arguments\":{}}"));

        assertThat(answer.body().equals(result)).as("the result is whole").isTrue();
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
    }

    private static String message(String method, String params) {
        return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + method + "\",\"params\":" + params + "}";
    }
}

package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The agent beside its model and tools without Behalf: what fails in the other tests and works here is Behalf's doing. */
@Tag("node")
@ExtendWith(RealParts.class)
class AgentProgramTest {
    @Test
    void carriesOutWhatTheModelPlansAndEndsWithItsInstructions(ScriptedModel model, ToolServer tools) {
        try (var agent = AgentProgram.start(List.of(), environment(model, ScriptedModel.KEY, tools))) {
            var offered = agent.until("tools").last();
            var steps = agent.work("How many were opened?");

            assertThat(offered.path("names").toString()).contains("get-sum").contains("get-env");
            assertThat(steps.tool("get-sum").path("text").asText()).isEqualTo("The sum of 3 and 4 is 7.");
            assertThat(steps.of("model").getLast().path("content").asText()).isEqualTo("Seven tickets were opened.");
            assertThat(agent.end()).isZero();
        }
    }

    @Test
    void goesOnAfterAFailure(ScriptedModel model, ToolServer tools) {
        try (var agent = AgentProgram.start(List.of(), environment(model, "another-key", tools))) {
            agent.until("tools");

            assertThat(agent.work("How many were opened?").last().path("status").asInt())
                    .isEqualTo(401);
            assertThat(agent.work("How many were opened?").last().path("step").asText())
                    .isEqualTo("failed");
        }
    }

    private static Map<String, String> environment(ScriptedModel model, String key, ToolServer tools) {
        return Map.of(
                "OPENAI_BASE_URL",
                model.base() + "/v1",
                "OPENAI_API_KEY",
                key,
                "BEHALF_MCP_URL",
                tools.address().toString(),
                "BEHALF_KEY",
                "none");
    }
}

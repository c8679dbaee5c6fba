package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tool calls in a reply that the provider made itself: on the record as such, and nobody's plan. */
class ProviderCallsTest {
    private static final String OPENAI = "/llm/openai/v1/chat/completions";
    private static final String ANTHROPIC = "/llm/anthropic/v1/messages";
    private static final String ARGUMENTS = "{\"id\":7}";

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

    /** How a reply tells of one call of each kind; {@code echo} is a tool that the agent may call as well. */
    enum Reply {
        WHOLE(ANTHROPIC, "application/json", """
                {"content":[{"type":"text","text":"text_delta"},\
                {"type":"server_tool_use","id":"srv_1","name":"echo","input":{"id":7}},\
                {"type":"web_search_tool_result","tool_use_id":"srv_1","content":[]},\
                {"type":"mcp_tool_use","id":"mcp_1","name":"delete","server_name":"evil","input":{"id":7}},\
                {"type":"tool_use","id":"own_1","name":"echo","input":{"id":8}}]}"""),
        STREAMED(
                ANTHROPIC,
                "text/event-stream",
                block(0, "\"type\":\"server_tool_use\",\"id\":\"srv_1\",\"name\":\"echo\"", "{\\\"id\\\":7}")
                        + block(
                                1,
                                "\"type\":\"mcp_tool_use\",\"id\":\"mcp_1\",\"name\":\"delete\",\"server_name\":\"evil\"",
                                "{\\\"id\\\":7}")
                        + block(2, "\"type\":\"tool_use\",\"id\":\"own_1\",\"name\":\"echo\"", "{\\\"id\\\":8}")
                        + "data: {\"type\":\"message_stop\"}\n\n"),
        OF_AN_OPENAI_COPY(OPENAI, "application/json", """
                {"choices":[{"message":{"tool_calls":[\
                {"id":"srv_1","type":"web_search_call","function":{"name":"echo","arguments":"{\\"id\\":7}"}},\
                {"id":"mcp_1","type":"mcp_call","function":{"name":"evil/delete","arguments":"{\\"id\\":7}"}},\
                {"id":"own_1","type":"function","function":{"name":"echo","arguments":"{\\"id\\":8}"}}]}}]}"""),
        STREAMED_BY_AN_OPENAI_COPY(OPENAI, "text/event-stream", """
                data: {"choices":[{"delta":{"tool_calls":[\
                {"index":0,"id":"srv_1","type":"web_search_call","function":{"name":"echo","arguments":"{\\"id\\""}},\
                {"index":1,"id":"mcp_1","type":"mcp_call","function":{"name":"evil/delete","arguments":"{\\"id\\":7}"}},\
                {"index":2,"id":"own_1","type":"function","function":{"name":"echo","arguments":"{\\"id\\":8}"}}]}}]}

                data: {"choices":[{"delta":{"tool_calls":[{"index":0,"type":"","function":{"arguments":":7}"}}]}}]}

                data: [DONE]

                """);

        private final String path;
        private final String type;
        private final String body;

        Reply(String path, String type, String body) {
            this.path = path;
            this.type = type;
            this.body = body;
        }
    }

    private static String block(int index, String members, String arguments) {
        return """
                data: {"type":"content_block_start","index":%1$d,"content_block":{%2$s,"input":{}}}

                data: {"type":"content_block_delta","index":%1$d,"delta":{"type":"input_json_delta","partial_json":"%3$s"}}

                data: {"type":"content_block_stop","index":%1$d}

                """.formatted(index, members, arguments);
    }

    @ParameterizedTest
    @EnumSource
    void areRecordedAsTheProviders(Reply reply) throws Exception {
        asks(reply.path, reply.type, reply.body);

        assertThat(recorded()).extracting(ToolCall::id).containsExactly("srv_1", "mcp_1", "own_1");
        assertThat(recorded())
                .extracting(ToolCall::name)
                .containsExactly("provider:echo", "provider:evil/delete", "echo");
        assertThat(recorded()).extracting(ToolCall::madeByProvider).containsExactly(true, true, false);
        assertThat(recorded().getFirst().argumentsMac()).contains(new Macs(World.MAC_KEY).of(ARGUMENTS));
    }

    @ParameterizedTest
    @EnumSource
    void areThePlanOfNoCallOfTheAgents(Reply reply) throws Exception {
        String record = asks(reply.path, reply.type, reply.body);

        assertThat(plannedBy(ARGUMENTS, "")).isEmpty();
        assertThat(plannedBy(ARGUMENTS, "srv_1")).isEmpty();
        assertThat(plannedBy(ARGUMENTS, "mcp_1")).isEmpty();
        assertThat(plannedBy("{\"id\":8}", "")).contains(new PlannedBy(record, PlannedBy.Match.ARGUMENTS));
        assertThat(plannedBy("{\"id\":8}", "own_1")).contains(new PlannedBy(record, PlannedBy.Match.ID));
    }

    /** Events of text are passed by unread; a tool can be named like their mark. */
    @Test
    void areSeenThoughTheyAreNamedLikeText() throws Exception {
        asks(
                ANTHROPIC,
                "text/event-stream",
                block(
                                0,
                                "\"type\":\"mcp_tool_use\",\"id\":\"m\",\"name\":\"text_delta\",\"server_name\":\"evil\"",
                                "{}")
                        + "data: {\"type\":\"message_stop\"}\n\n");
        assertThat(recorded()).extracting(ToolCall::name).containsExactly("provider:evil/text_delta");
    }

    @ParameterizedTest
    @EnumSource(names = {"WHOLE", "STREAMED"})
    void staySuchHoweverLongTheirNameIs(Reply reply) throws Exception {
        asks(reply.path, reply.type, reply.body.replace("delete", "d".repeat(5_000)));
        assertThat(recorded()).extracting(ToolCall::madeByProvider).containsExactly(true, true, false);
        assertThat(recorded().get(1).name())
                .startsWith("provider:sha256:")
                .isEqualTo(RecordEncoder.bounded(recorded().get(1).name()));
    }

    /** An agent names its own tools. */
    @Test
    void areNotTheAgentsOwnWhateverTheirName() throws Exception {
        asks(
                ANTHROPIC,
                "application/json",
                Reply.WHOLE.body.replace(
                        "\"tool_use\",\"id\":\"own_1\",\"name\":\"echo\"",
                        "\"tool_use\",\"id\":\"own_1\",\"name\":\"provider:echo\""));
        assertThat(recorded().getLast().name()).isEqualTo("agent:provider:echo");
        assertThat(recorded().getLast().madeByProvider()).isFalse();
    }

    /** @return the record of the model call whose reply this is */
    private String asks(String path, String type, String body) throws IOException {
        world.upstream.answers(
                (_, response) -> response.putHeader("content-type", type).end(body));
        assertThat(world.post(delegation, path, "{\"model\":\"small\"}").body()).isEqualTo(body);
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        return world.records(Intent.class).getFirst().header().id();
    }

    private Optional<PlannedBy> plannedBy(String arguments, String id) throws IOException {
        String meta = id.isEmpty() ? "" : ",\"_meta\":{\"io.behalf/tool_call_id\":\"" + id + "\"}";
        world.post(
                delegation,
                "/mcp/tools",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":"
                        + arguments + meta + "}}");
        return world.records(Intent.class).getLast().plannedBy();
    }

    private List<ToolCall> recorded() {
        return world.records(Outcome.class).getFirst().outcome().toolCalls();
    }
}

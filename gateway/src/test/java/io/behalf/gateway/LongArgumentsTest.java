package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Tool calls that a reply plans with longer arguments than are put together. What was put together of them would be other
 * arguments: a call that nobody planned could be made to fit it, and be recorded as planned.
 */
class LongArgumentsTest {
    private static final String TOOL = "echo";
    private static final String LETTERS = "a".repeat(3 << 20);

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

    /** How a provider streams the arguments of one call after the other, in pieces. */
    enum Provider {
        OPENAI("/llm/openai/v1/chat/completions", "data: [DONE]\n\n") {
            @Override
            String begins(int place, String id) {
                return event("{\"index\":%d,\"id\":\"%s\",\"function\":{\"name\":\"%s\"}}".formatted(place, id, TOOL));
            }

            @Override
            String grows(int place, String piece) {
                return event("{\"index\":%d,\"function\":{\"arguments\":\"%s\"}}".formatted(place, piece));
            }

            private String event(String part) {
                return "data: {\"choices\":[{\"delta\":{\"tool_calls\":[" + part + "]}}]}\n\n";
            }
        },
        ANTHROPIC("/llm/anthropic/v1/messages", "data: {\"type\":\"message_stop\"}\n\n") {
            @Override
            String begins(int place, String id) {
                return "data: {\"type\":\"content_block_start\",\"index\":%d,\"content_block\":{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":\"%s\",\"input\":{}}}\n\n"
                        .formatted(place, id, TOOL);
            }

            @Override
            String grows(int place, String piece) {
                return "data: {\"type\":\"content_block_delta\",\"index\":%d,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"%s\"}}\n\n"
                        .formatted(place, piece);
            }
        };

        private final String path;
        private final String done;

        Provider(String path, String done) {
            this.path = path;
            this.done = done;
        }

        abstract String begins(int place, String id);

        abstract String grows(int place, String piece);

        /** All of one call, its arguments in these pieces. */
        String call(int place, String id, List<String> pieces) {
            StringBuilder events = new StringBuilder(begins(place, id));
            pieces.forEach(piece -> events.append(grows(place, piece.replace("\"", "\\\""))));
            return events.toString();
        }
    }

    /** Without the piece that is too much, they would be the arguments of another call. */
    private static Stream<Named<List<String>>> tooLong() {
        return Stream.of(
                Named.of("in the middle", List.of("{\"to\":\"", LETTERS, LETTERS, LETTERS, "\"}")),
                Named.of("at the end", List.of("{\"to\":\"" + LETTERS, LETTERS + "\"}", " ".repeat(3 << 20) + "x")));
    }

    static Stream<Arguments> everywhere() {
        return Stream.of(Provider.values())
                .flatMap(provider -> tooLong().map(pieces -> Arguments.of(provider, pieces)));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void areThoseOfNoOtherCall(Provider provider, List<String> pieces) throws Exception {
        plans(provider, provider.call(0, "long", pieces));

        // every shorter one that agrees with it as far as that goes
        for (String fits : List.of("{\"to\":\"" + LETTERS + LETTERS + "\"}", "{\"to\":\"\"}")) {
            assertThat(plannedBy(fits, "")).as("%s bytes", fits.length()).isEmpty();
        }
        assertThat(planned()).singleElement().satisfies(call -> {
            assertThat(call.id()).isEqualTo("long");
            assertThat(call.argumentsMac()).isEmpty();
        });
        assertThat(written()).contains("\"tool_calls\":[{\"id\":\"long\",\"name\":\"echo\"}]");
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void areLinkedByTheirIdAlone(Provider provider, List<String> pieces) throws Exception {
        String plan = plans(provider, provider.call(0, "long", pieces));

        assertThat(plannedBy("{\"to\":\"" + LETTERS + LETTERS + LETTERS + "\"}", ""))
                .isEmpty();
        assertThat(plannedBy("{\"to\":\"anybody\"}", "long")).contains(new PlannedBy(plan, PlannedBy.Match.ID));
    }

    @ParameterizedTest
    @MethodSource("everywhere")
    void takeNothingFromTheCallsBesideThem(Provider provider, List<String> pieces) throws Exception {
        String plan = plans(
                provider,
                provider.call(0, "before", List.of("{\"n\":", "1}"))
                        + provider.call(1, "long", pieces)
                        + provider.call(2, "after", List.of("{\"to\":\"", LETTERS, "\"}")));

        assertThat(plannedBy("{\"n\":1}", "")).contains(new PlannedBy(plan, PlannedBy.Match.ARGUMENTS));
        assertThat(plannedBy("{\"to\":\"" + LETTERS + "\"}", ""))
                .contains(new PlannedBy(plan, PlannedBy.Match.ARGUMENTS));
        assertThat(planned())
                .filteredOn(call -> call.argumentsMac().isEmpty())
                .extracting(ToolCall::id)
                .containsExactly("long");
    }

    /** @return the record of the model call whose reply this is */
    private String plans(Provider provider, String calls) throws IOException {
        world.upstream.answers((_, response) ->
                response.putHeader("content-type", "text/event-stream").end(calls + provider.done));
        assertThat(world.post(delegation, provider.path, "{\"model\":\"small\"}")
                        .body())
                .isEqualTo(calls + provider.done);
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        return world.records(Intent.class).getFirst().header().id();
    }

    /** What a tool call with these arguments, and with this id where it is not empty, is said to have been planned by. */
    private Optional<PlannedBy> plannedBy(String arguments, String id) throws IOException {
        String meta = id.isEmpty() ? "" : ",\"_meta\":{\"io.behalf/tool_call_id\":\"" + id + "\"}";
        world.post(
                delegation,
                "/mcp/tools",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"" + TOOL
                        + "\",\"arguments\":" + arguments + meta + "}}");
        return world.records(Intent.class).getLast().plannedBy();
    }

    private List<ToolCall> planned() {
        return reply().outcome().toolCalls();
    }

    private String written() {
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(reply(), 2, new byte[32], out);
        return new String(out.toByteArray(), StandardCharsets.UTF_8);
    }

    private Outcome reply() {
        return world.records(Outcome.class).getFirst();
    }
}

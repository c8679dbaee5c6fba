package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.core.record.RecordEncoder;
import io.vertx.core.http.HttpServerResponse;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Replies that plan, or ask back, more than anybody would carry out: their records are bounded, and none is cut short unsaid. */
class EndlessPlansTest {
    private static final String OPENAI = "/llm/openai/v1/chat/completions";
    private static final String ANTHROPIC = "/llm/anthropic/v1/messages";
    private static final String MCP = "/mcp/tools";
    private static final String ASK = "{\"model\":\"small\"}";
    private static final int FAR_TOO_MANY = 20_000;

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

    static Stream<Arguments> manyCalls() {
        return Stream.of(
                Arguments.of(OPENAI, false, (Supplier<String>) EndlessPlansTest::openAiCalls),
                Arguments.of(OPENAI, true, (Supplier<String>) EndlessPlansTest::openAiStream),
                Arguments.of(ANTHROPIC, false, (Supplier<String>) EndlessPlansTest::anthropicCalls),
                Arguments.of(ANTHROPIC, true, (Supplier<String>) EndlessPlansTest::anthropicStream));
    }

    @ParameterizedTest
    @MethodSource("manyCalls")
    void fiveThousandToolCallsStandInABoundedRecord(String path, boolean streamed, Supplier<String> reply)
            throws Exception {
        String whole = reply.get();
        answers(streamed, whole);
        Wire.Answer answer = world.post(delegation, path, ASK);

        assertThat(answer.body()).isEqualTo(whole);
        assertThat(only().end()).isEqualTo(End.COMPLETE);
        assertThat(only().toolCalls()).hasSize(5_000);
        assertThat(only().toolCalls().getLast().id()).isEqualTo("call_4999");
        CanonicalWriter written = new CanonicalWriter();
        RecordEncoder.encode(world.outcome(), 2, new byte[32], written);
        assertThat(written.length()).isLessThan(RecordEncoder.MAX_RECORD_BYTES);
        assertThat(new String(written.toByteArray(), StandardCharsets.UTF_8))
                .contains("\"tool_calls_omitted\":{\"count\":" + (5_000 - RecordEncoder.MAX_TOOL_CALLS));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aReplyThatNoRecordCouldTellIsCut(boolean streamed) throws Exception {
        StringBuilder calls = new StringBuilder();
        for (int i = 0; i < FAR_TOO_MANY; i++) {
            calls.append(i == 0 ? "" : ",")
                    .append("{\"index\":")
                    .append(i)
                    .append(",\"id\":\"c\",\"function\":{\"name\":\"echo\",\"arguments\":\"{}\"}}");
        }
        String json = "{\"choices\":[{\"MESSAGE\":{\"tool_calls\":[" + calls + "]}}]}";
        String reply = streamed
                ? "data: " + json.replace("MESSAGE", "delta") + "\n\ndata: [DONE]\n\n"
                : json.replace("MESSAGE", "message");
        answers(streamed, reply);
        Wire.Answer answer = world.post(delegation, OPENAI, ASK);

        assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("echo");
        assertThat(only().end()).isEqualTo(End.CUT_BY_UPSTREAM);
        assertThat(only().toolCalls()).isEmpty();
    }

    /** There are providers that give each call the same place; hidden behind one another they would be off the record. */
    @Test
    void callsInOnePlaceAreNotTakenForOne() throws Exception {
        String event =
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"%s\",\"function\":{%s}}]}}]}\n\n";
        answers(
                true,
                event.formatted("a", "\"name\":\"echo\",\"arguments\":\"{\"")
                        + event.formatted("", "\"arguments\":\"}\"")
                        + event.formatted("b", "\"name\":\"delete\",\"arguments\":\"{}\"")
                        + "data: [DONE]\n\n");
        world.post(delegation, OPENAI, ASK);

        assertThat(only().toolCalls())
                .extracting(call -> call.id() + " " + call.name())
                .containsExactly("a echo", "b delete");
        assertThat(only().toolCalls())
                .extracting(call -> call.argumentsMac())
                .containsOnly(Optional.of(new Macs(World.MAC_KEY).of("{}")));
    }

    @Test
    void aServerThatAsksBackWithoutEndIsCut() throws Exception {
        world.upstream.answers((_, response) -> ask(stream(response), 0));
        Wire.Answer answer = world.post(
                delegation,
                MCP,
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}");

        assertThat(answer.body()).contains("ask-1").contains("upstream_unavailable");
        assertThat(only().end()).isEqualTo(End.CUT_BY_UPSTREAM);
        assertThat(only().asked()).hasSizeLessThanOrEqualTo(Tally.MAX_ASKED).doesNotHaveDuplicates();
    }

    @Test
    void namesWithoutEndAreKeptByTheirDigest() throws Exception {
        String name = "n".repeat(1 << 20);
        answers(
                false,
                "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"" + name + "\",\"function\":{\"name\":\"" + name
                        + "\",\"arguments\":\"{}\"}}]}}]}");
        world.post(delegation, OPENAI, ASK);

        assertThat(only().toolCalls()).singleElement().satisfies(call -> {
            assertThat(call.id()).startsWith("sha256:").hasSizeLessThan(100);
            assertThat(call.name()).isEqualTo(call.id());
        });
    }

    private static String openAiCalls() {
        return "{\"choices\":[{\"message\":{\"tool_calls\":["
                + fiveThousand(",", "{\"id\":\"call_%1$d\",\"function\":{\"name\":\"echo\",\"arguments\":\"{}\"}}")
                + "]}}]}";
    }

    private static String openAiStream() {
        return fiveThousand(
                        "",
                        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%1$d,\"id\":\"call_%1$d\",\"function\":{\"name\":\"echo\",\"arguments\":\"{}\"}}]}}]}\n\n")
                + "data: [DONE]\n\n";
    }

    private static String anthropicCalls() {
        return "{\"content\":["
                + fiveThousand(",", "{\"type\":\"tool_use\",\"id\":\"call_%1$d\",\"name\":\"echo\",\"input\":{}}")
                + "]}";
    }

    private static String anthropicStream() {
        return fiveThousand(
                        "",
                        "data: {\"type\":\"content_block_start\",\"index\":%1$d,\"content_block\":{\"type\":\"tool_use\",\"id\":\"call_%1$d\",\"name\":\"echo\",\"input\":{}}}\n\n")
                + "data: {\"type\":\"message_stop\"}\n\n";
    }

    private static String fiveThousand(String between, String each) {
        return IntStream.range(0, 5_000).mapToObj(i -> each.formatted(i)).collect(Collectors.joining(between));
    }

    private void answers(boolean streamed, String reply) {
        world.upstream.answers(
                (_, response) -> response.putHeader("content-type", streamed ? "text/event-stream" : "application/json")
                        .end(reply));
    }

    private static HttpServerResponse stream(HttpServerResponse response) {
        return response.putHeader("content-type", "text/event-stream").setChunked(true);
    }

    /** Asks each thing twice, without end. */
    private static void ask(HttpServerResponse response, int from) {
        StringBuilder asked = new StringBuilder();
        int next = from + 100;
        for (int i = from; i < next; i++) {
            asked.append("data: {\"jsonrpc\":\"2.0\",\"id\":")
                    .append(i)
                    .append(",\"method\":\"ask-")
                    .append(i / 2)
                    .append("\"}\n\n");
        }
        response.write(asked.toString()).onSuccess(_ -> ask(response, next));
    }

    private Ended only() throws InterruptedException {
        Ended ended = world.outcome().outcome();
        assertThat(world.records(Outcome.class)).hasSize(1);
        return ended;
    }
}

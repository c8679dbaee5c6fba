package io.behalf.server.sample;

import static io.behalf.server.sample.Asking.at;
import static io.behalf.server.sample.Asking.events;
import static io.behalf.server.sample.Asking.json;
import static io.behalf.server.sample.Asking.number;
import static io.behalf.server.sample.Asking.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ScriptedModelTest {
    private static final String OPENAI = "/v1/chat/completions";
    private static final String ANTHROPIC = "/v1/messages";
    private static final String OPENAI_TOOLS = """
            "tools":[{"type":"function","function":{"name":"tickets.search"}},
                     {"type":"function","function":{"name":"customers.get"}}]""";
    private static final String ANTHROPIC_TOOLS = """
            "tools":[{"name":"tickets.search"},{"name":"customers.get"}]""";
    private static final String SUM =
            "In the third quarter enterprise customers opened three tickets: two about sign-in,"
                    + " one about exports. All are closed.";

    private final Asking model = new Asking(ScriptedModel::start);

    @AfterAll
    void close() {
        model.close();
    }

    private static String openAi(String more, String... messages) {
        return "{\"model\":\"demo-model\",\"messages\":[" + String.join(",", messages) + "]" + more + "}";
    }

    private static String user(String text) {
        return "{\"role\":\"user\",\"content\":\"" + text + "\"}";
    }

    private static String result(String text) {
        return "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"" + text + "\"}";
    }

    private static String anthropicResult(String text) {
        return "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"call_1\",\"content\":\""
                + text + "\"}]}";
    }

    private Map<String, @Nullable Object> asked(String path, String body) {
        HttpResponse<String> answer = model.post(path, body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.headers().firstValue("content-type")).contains("application/json");
        return json(answer.body());
    }

    private List<String> streamed(String path, String body) {
        HttpResponse<String> answer = model.post(path, body);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(answer.headers().firstValue("content-type")).contains("text/event-stream");
        return events(answer.body());
    }

    // ---- OpenAI, chat completions

    @Test
    void plansTheToolsThatItWasOffered() {
        var answer = asked(OPENAI, openAi("," + OPENAI_TOOLS, user("Summarize")));
        assertThat(at(answer, "object")).isEqualTo("chat.completion");
        assertThat(at(answer, "choices", 0, "finish_reason")).isEqualTo("tool_calls");
        assertThat(at(answer, "choices", 0, "message", "content")).isNull();
        assertThat(at(answer, "choices", 0, "message", "tool_calls", 0, "function", "name"))
                .isEqualTo("tickets.search");
        assertThat(json(text(answer, "choices", 0, "message", "tool_calls", 0, "function", "arguments")))
                .isEqualTo(Map.of("plan", "enterprise", "quarter", "Q3"));
        assertThat(at(answer, "choices", 0, "message", "tool_calls", 1, "id")).isEqualTo("call_2");
        assertThat(number(answer, "usage", "prompt_tokens") + number(answer, "usage", "completion_tokens"))
                .isEqualTo(at(answer, "usage", "total_tokens"));
    }

    @Test
    void sumsUpWhatToolsSaid() {
        var answer = asked(OPENAI, openAi("," + OPENAI_TOOLS, user("Summarize"), result("three tickets")));
        assertThat(at(answer, "choices", 0, "finish_reason")).isEqualTo("stop");
        assertThat(at(answer, "choices", 0, "message", "content")).isEqualTo(SUM);
        assertThat(at(answer, "choices", 0, "message", "tool_calls")).isNull();
    }

    @Test
    void goesOnAfterARefusal() {
        var answer = asked(
                OPENAI,
                openAi("," + OPENAI_TOOLS, user("Summarize"), result("This task covers tickets, not customers.")));
        assertThat(text(answer, "choices", 0, "message", "content"))
                .contains("I went on without the customer's record.");
    }

    @Test
    void answersAtOnceWhereItWasOfferedNothing() {
        assertThat(at(asked(OPENAI, openAi("", user("hello"))), "choices", 0, "message", "content"))
                .isEqualTo(SUM);
    }

    @Test
    void saysTheSameAgain() {
        String body = openAi("," + OPENAI_TOOLS, user("Summarize"));
        assertThat(asked(OPENAI, body)).isEqualTo(asked(OPENAI, body));
    }

    @Test
    void streamsTextInPiecesAndEndsWithDone() {
        List<String> events = streamed(OPENAI, openAi(",\"stream\":true", user("hello")));
        assertThat(events.getLast()).isEqualTo("[DONE]");
        List<Map<String, @Nullable Object>> chunks =
                events.subList(0, events.size() - 1).stream().map(Asking::json).toList();
        assertThat(chunks).allSatisfy(chunk -> assertThat(at(chunk, "object")).isEqualTo("chat.completion.chunk"));
        assertThat(chunks.stream()
                        .map(chunk -> at(chunk, "choices", 0, "delta", "content"))
                        .filter(String.class::isInstance)
                        .map(String.class::cast)
                        .collect(Collectors.joining()))
                .isEqualTo(SUM);
        assertThat(at(chunks.getLast(), "choices", 0, "finish_reason")).isEqualTo("stop");
        assertThat(chunks.size()).isGreaterThan(10);
    }

    @Test
    void streamsToolCallsAndUsageWhereItIsAskedFor() {
        List<String> events = streamed(
                OPENAI,
                openAi(
                        ",\"stream\":true,\"stream_options\":{\"include_usage\":true}," + OPENAI_TOOLS,
                        user("Summarize")));
        var usage = json(events.get(events.size() - 2));
        assertThat(at(usage, "choices")).isEqualTo(List.of());
        assertThat(number(usage, "usage", "prompt_tokens")).isPositive();
        assertThat(at(json(events.get(events.size() - 3)), "choices", 0, "finish_reason"))
                .isEqualTo("tool_calls");
        assertThat(at(json(events.get(1)), "choices", 0, "delta", "tool_calls", 0, "index"))
                .isEqualTo(0L);
        assertThat(at(json(events.get(2)), "choices", 0, "delta", "tool_calls", 0, "function", "name"))
                .isEqualTo("customers.get");
    }

    // ---- Anthropic, messages

    @Test
    void plansInBlocks() {
        var answer = asked(ANTHROPIC, openAi("," + ANTHROPIC_TOOLS, user("Summarize")));
        assertThat(at(answer, "type")).isEqualTo("message");
        assertThat(at(answer, "stop_reason")).isEqualTo("tool_use");
        assertThat(answer).containsKey("stop_sequence");
        assertThat(at(answer, "content", 0, "type")).isEqualTo("tool_use");
        assertThat(at(answer, "content", 0, "input")).isEqualTo(Map.of("plan", "enterprise", "quarter", "Q3"));
        assertThat(at(answer, "content", 1, "name")).isEqualTo("customers.get");
        assertThat(number(answer, "usage", "input_tokens")).isPositive();
    }

    @Test
    void sumsUpInBlocks() {
        var answer =
                asked(ANTHROPIC, openAi("," + ANTHROPIC_TOOLS, user("Summarize"), anthropicResult("three tickets")));
        assertThat(at(answer, "stop_reason")).isEqualTo("end_turn");
        assertThat(at(answer, "content", 0, "text")).isEqualTo(SUM);
    }

    @Test
    void streamsBlocksWithNamedEvents() {
        HttpResponse<String> raw =
                model.post(ANTHROPIC, openAi(",\"stream\":true," + ANTHROPIC_TOOLS, user("Summarize")));
        List<String> events = events(raw.body());
        assertThat(raw.body()).startsWith("event: message_start\ndata: ");
        assertThat(events.stream().map(event -> at(json(event), "type")))
                .containsExactly(
                        "message_start",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_stop",
                        "content_block_start",
                        "content_block_delta",
                        "content_block_stop",
                        "message_delta",
                        "message_stop");
        assertThat(json(text(json(events.get(2)), "delta", "partial_json")))
                .isEqualTo(Map.of("plan", "enterprise", "quarter", "Q3"));
        assertThat(at(json(events.get(4)), "index")).isEqualTo(1L);
        assertThat(at(json(events.get(7)), "delta", "stop_reason")).isEqualTo("tool_use");
        assertThat(number(json(events.get(7)), "usage", "output_tokens")).isPositive();
    }

    @Test
    void streamsTextOfABlockInPieces() {
        List<String> events = streamed(ANTHROPIC, openAi(",\"stream\":true", user("hello")));
        assertThat(events.stream()
                        .map(event -> at(json(event), "delta", "text"))
                        .filter(String.class::isInstance)
                        .map(String.class::cast)
                        .collect(Collectors.joining()))
                .isEqualTo(SUM);
    }

    // ---- the rest

    @Test
    void listsItsModel() {
        assertThat(at(json(model.send(model.request("GET", "/v1/models", "")).body()), "data", 0, "id"))
                .isEqualTo("demo-model");
    }

    @Test
    void refusesWhatItDoesNotUnderstand() {
        assertThat(model.post(OPENAI, "no JSON").statusCode()).isEqualTo(400);
        assertThat(model.post(OPENAI, "[]").statusCode()).isEqualTo(400);
        assertThat(model.post("/v1/other", "{}").statusCode()).isEqualTo(404);
        assertThat(model.send(model.request("GET", OPENAI, "")).statusCode()).isEqualTo(404);
        assertThat(model.post(OPENAI, "{}").statusCode()).isEqualTo(200);
    }

    @Test
    void refusesABodyThatIsTooLarge() {
        String large = openAi("", user("x".repeat(SampleServer.MAX_BODY)));
        assertThat(model.post(OPENAI, large).statusCode()).isEqualTo(413);
    }
}

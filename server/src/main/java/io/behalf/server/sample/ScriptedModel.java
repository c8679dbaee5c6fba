package io.behalf.server.sample;

import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A pretend model behind the wire protocols of OpenAI (chat completions) and Anthropic (messages), streamed or not. */
public final class ScriptedModel {
    private final Vertx vertx;
    private final Duration pause;

    private ScriptedModel(Vertx vertx, Duration pause) {
        this.vertx = vertx;
        this.pause = pause;
    }

    public static Future<SampleServer> start(Vertx vertx) {
        return start(vertx, Duration.ZERO);
    }

    /** @param pause between two events of a streamed answer */
    public static Future<SampleServer> start(Vertx vertx, Duration pause) {
        return SampleServer.start(vertx, new ScriptedModel(vertx, pause)::handle);
    }

    private void handle(HttpServerRequest request) {
        switch (request.method() + " " + SampleServer.path(request)) {
            case "POST /v1/chat/completions" -> ask(request, this::openAi);
            case "POST /v1/messages" -> ask(request, this::anthropic);
            case "GET /v1/models" ->
                SampleServer.answer(
                        request.response(),
                        200,
                        Map.of("object", "list", "data", List.of(Map.of("id", Script.MODEL, "object", "model"))));
            default -> SampleServer.answer(request.response(), 404, Map.of("error", Map.of("message", "not found")));
        }
    }

    /** Writes the whole answer. */
    private interface Protocol {
        void answer(Map<String, @Nullable Object> body, int bytes, HttpServerResponse response);
    }

    private static void ask(HttpServerRequest request, Protocol protocol) {
        SampleServer.body(request).onSuccess(body -> {
            try {
                protocol.answer(Json.readObject(body.getBytes()), body.length(), request.response());
            } catch (Json.Malformed e) {
                SampleServer.answer(request.response(), 400, Map.of("error", Map.of("message", "not JSON")));
            }
        });
    }

    private void openAi(Map<String, @Nullable Object> body, int bytes, HttpServerResponse response) {
        List<String> offered = SampleJson.list(body, "tools").stream()
                .map(tool -> SampleJson.string(SampleJson.member(tool, "function"), "name"))
                .toList();
        List<String> results = SampleJson.list(body, "messages").stream()
                .filter(message -> SampleJson.string(message, "role").equals("tool"))
                .map(message -> SampleJson.string(message, "content"))
                .toList();
        Script.Reply reply = Script.next(offered, results, bytes);
        if (SampleJson.flag(body, "stream")) {
            boolean usage = SampleJson.flag(SampleJson.member(body, "stream_options"), "include_usage");
            stream(response, openAiEvents(reply, usage));
        } else {
            SampleServer.answer(response, 200, openAiWhole(reply));
        }
    }

    private static Map<String, @Nullable Object> openAiWhole(Script.Reply reply) {
        Map<String, @Nullable Object> message = new LinkedHashMap<>();
        message.put("role", "assistant");
        message.put("content", reply.plan().isEmpty() ? reply.text() : null);
        if (!reply.plan().isEmpty()) {
            message.put(
                    "tool_calls",
                    reply.plan().stream().map(ScriptedModel::openAiCall).toList());
        }
        Map<String, @Nullable Object> out = openAiHead("chat.completion");
        out.put("choices", List.of(Map.of("index", 0L, "message", message, "finish_reason", openAiFinish(reply))));
        out.put("usage", openAiUsage(reply));
        return out;
    }

    private static Map<String, @Nullable Object> openAiCall(Script.Planned planned) {
        return Map.of(
                "id", planned.id(),
                "type", "function",
                "function", Map.of("name", planned.tool(), "arguments", planned.argumentsText()));
    }

    private static List<String> openAiEvents(Script.Reply reply, boolean usage) {
        List<String> events = new ArrayList<>();
        events.add(openAiChunk(Map.of("role", "assistant", "content", ""), null));
        reply.words().forEach(word -> events.add(openAiChunk(Map.of("content", word), null)));
        for (int i = 0; i < reply.plan().size(); i++) {
            Map<String, @Nullable Object> call =
                    new LinkedHashMap<>(openAiCall(reply.plan().get(i)));
            call.put("index", (long) i);
            events.add(openAiChunk(Map.of("tool_calls", List.of(call)), null));
        }
        events.add(openAiChunk(Map.of(), openAiFinish(reply)));
        if (usage) {
            Map<String, @Nullable Object> last = openAiHead("chat.completion.chunk");
            last.put("choices", List.of());
            last.put("usage", openAiUsage(reply));
            events.add("data: " + SampleJson.text(last) + "\n\n");
        }
        events.add("data: [DONE]\n\n");
        return events;
    }

    private static String openAiChunk(Map<String, @Nullable Object> delta, @Nullable String finish) {
        Map<String, @Nullable Object> choice = new LinkedHashMap<>();
        choice.put("index", 0L);
        choice.put("delta", delta);
        choice.put("finish_reason", finish);
        Map<String, @Nullable Object> out = openAiHead("chat.completion.chunk");
        out.put("choices", List.of(choice));
        return "data: " + SampleJson.text(out) + "\n\n";
    }

    private static Map<String, @Nullable Object> openAiHead(String object) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", "chatcmpl-demo");
        out.put("object", object);
        out.put("created", 0L);
        out.put("model", Script.MODEL);
        return out;
    }

    private static String openAiFinish(Script.Reply reply) {
        return reply.plan().isEmpty() ? "stop" : "tool_calls";
    }

    private static Map<String, @Nullable Object> openAiUsage(Script.Reply reply) {
        return Map.of(
                "prompt_tokens", reply.inputTokens(),
                "completion_tokens", reply.outputTokens(),
                "total_tokens", reply.inputTokens() + reply.outputTokens());
    }

    private void anthropic(Map<String, @Nullable Object> body, int bytes, HttpServerResponse response) {
        List<String> offered = SampleJson.list(body, "tools").stream()
                .map(tool -> SampleJson.string(tool, "name"))
                .toList();
        List<String> results = SampleJson.list(body, "messages").stream()
                .flatMap(message -> SampleJson.list(message, "content").stream())
                .filter(block -> SampleJson.string(block, "type").equals("tool_result"))
                .map(SampleJson::text)
                .toList();
        Script.Reply reply = Script.next(offered, results, bytes);
        if (SampleJson.flag(body, "stream")) {
            stream(response, anthropicEvents(reply));
        } else {
            Map<String, @Nullable Object> out = anthropicHead(reply);
            out.put("content", anthropicBlocks(reply));
            out.put("stop_reason", anthropicStop(reply));
            SampleServer.answer(response, 200, out);
        }
    }

    private static List<@Nullable Object> anthropicBlocks(Script.Reply reply) {
        List<@Nullable Object> blocks = new ArrayList<>();
        if (!reply.text().isEmpty()) {
            blocks.add(Map.of("type", "text", "text", reply.text()));
        }
        reply.plan()
                .forEach(planned -> blocks.add(Map.of(
                        "type", "tool_use",
                        "id", planned.id(),
                        "name", planned.tool(),
                        "input", planned.arguments())));
        return blocks;
    }

    private static List<String> anthropicEvents(Script.Reply reply) {
        List<String> events = new ArrayList<>();
        events.add(anthropicEvent("message_start", Map.of("message", anthropicHead(reply))));
        long index = 0;
        if (!reply.text().isEmpty()) {
            events.add(anthropicEvent(
                    "content_block_start",
                    Map.of("index", index, "content_block", Map.of("type", "text", "text", ""))));
            for (String word : reply.words()) {
                events.add(anthropicEvent(
                        "content_block_delta",
                        Map.of("index", index, "delta", Map.of("type", "text_delta", "text", word))));
            }
            events.add(anthropicEvent("content_block_stop", Map.of("index", index)));
            index++;
        }
        for (Script.Planned planned : reply.plan()) {
            events.add(anthropicEvent(
                    "content_block_start",
                    Map.of(
                            "index",
                            index,
                            "content_block",
                            Map.of(
                                    "type",
                                    "tool_use",
                                    "id",
                                    planned.id(),
                                    "name",
                                    planned.tool(),
                                    "input",
                                    Map.of()))));
            events.add(anthropicEvent(
                    "content_block_delta",
                    Map.of(
                            "index",
                            index,
                            "delta",
                            Map.of("type", "input_json_delta", "partial_json", planned.argumentsText()))));
            events.add(anthropicEvent("content_block_stop", Map.of("index", index)));
            index++;
        }
        Map<String, @Nullable Object> stop = new LinkedHashMap<>();
        stop.put("stop_reason", anthropicStop(reply));
        stop.put("stop_sequence", null);
        events.add(anthropicEvent(
                "message_delta", Map.of("delta", stop, "usage", Map.of("output_tokens", reply.outputTokens()))));
        events.add(anthropicEvent("message_stop", Map.of()));
        return events;
    }

    private static String anthropicEvent(String type, Map<String, ? extends @Nullable Object> members) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>(members);
        out.put("type", type);
        return "event: " + type + "\ndata: " + SampleJson.text(out) + "\n\n";
    }

    private static Map<String, @Nullable Object> anthropicHead(Script.Reply reply) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", "msg_demo");
        out.put("type", "message");
        out.put("role", "assistant");
        out.put("model", Script.MODEL);
        out.put("content", List.of());
        out.put("stop_reason", null);
        out.put("stop_sequence", null);
        out.put("usage", Map.of("input_tokens", reply.inputTokens(), "output_tokens", reply.outputTokens()));
        return out;
    }

    private static String anthropicStop(Script.Reply reply) {
        return reply.plan().isEmpty() ? "end_turn" : "tool_use";
    }

    private void stream(HttpServerResponse response, List<String> events) {
        response.setChunked(true).putHeader("content-type", "text/event-stream");
        Future<Void> written = Future.succeededFuture();
        for (String event : events) {
            written = written.compose(_ -> paused()).compose(_ -> response.write(Buffer.buffer(event)));
        }
        written.compose(_ -> response.end());
    }

    private Future<Void> paused() {
        return pause.isZero()
                ? Future.succeededFuture()
                : vertx.timer(pause.toMillis(), TimeUnit.MILLISECONDS).mapEmpty();
    }
}

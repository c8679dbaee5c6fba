package io.behalf.server;

import io.behalf.core.json.Json;
import io.behalf.sdk.Attached;
import io.behalf.sdk.RunningTask;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A small agent as anybody might write one: a model, tools and a service through the gateway, under one task. */
final class DemoAgent implements AutoCloseable {
    private static final String MODEL = "/llm/openai/v1/chat/completions";
    private static final String TOOLS = "/mcp/tools";
    private static final String MCP_VERSION = "2025-11-25";
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);

    private final URI base;
    private final RunningTask task;
    private final HttpClient http = HttpClient.newHttpClient();
    private long nextId = 1;

    DemoAgent(URI base, RunningTask task) {
        this.base = base;
        this.task = task;
    }

    /** @param record the id under which the call stands in the ledger */
    record Answered(int status, String record, Map<String, @Nullable Object> body) {
        @Nullable
        Object at(String... path) {
            Object value = body;
            for (String step : path) {
                value = switch (value) {
                    case Map<?, ?> map -> map.get(step);
                    case List<?> list -> list.size() > Integer.parseInt(step) ? list.get(Integer.parseInt(step)) : null;
                    case null, default -> null;
                };
            }
            return value;
        }

        String text(String... path) {
            return at(path) instanceof String text ? text : "";
        }
    }

    Answered ask(List<? extends Map<String, ? extends @Nullable Object>> messages, List<String> tools)
            throws IOException, InterruptedException {
        return post(
                MODEL,
                Map.of(
                        "model",
                        "demo-model",
                        "messages",
                        messages,
                        "tools",
                        tools.stream()
                                .map(tool -> Map.of("type", "function", "function", Map.of("name", tool)))
                                .toList()));
    }

    void connect() throws IOException, InterruptedException {
        rpc(
                "initialize",
                Map.of(
                        "protocolVersion",
                        MCP_VERSION,
                        "capabilities",
                        Map.of(),
                        "clientInfo",
                        Map.of("name", "demo", "version", "1")));
    }

    Answered tool(String name, Map<String, ? extends @Nullable Object> arguments)
            throws IOException, InterruptedException {
        return rpc("tools/call", Map.of("name", name, "arguments", arguments));
    }

    Answered get(String path) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(base.resolve(path)).GET());
    }

    private Answered rpc(String method, Map<String, ? extends @Nullable Object> params)
            throws IOException, InterruptedException {
        Map<String, @Nullable Object> message = new LinkedHashMap<>();
        message.put("jsonrpc", "2.0");
        message.put("id", nextId++);
        message.put("method", method);
        message.put("params", params);
        return post(TOOLS, message);
    }

    private Answered post(String path, Map<String, ? extends @Nullable Object> body)
            throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(base.resolve(path))
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .header("MCP-Protocol-Version", MCP_VERSION)
                .POST(BodyPublishers.ofString(JsonText.of(body))));
    }

    private Answered send(HttpRequest.Builder request) throws IOException, InterruptedException {
        if (task.attach(request) instanceof Attached.Over over) {
            throw new IOException("the task is over: " + over.description());
        }
        HttpResponse<String> answer = http.send(request.timeout(ANSWERS_WITHIN).build(), BodyHandlers.ofString());
        try {
            return new Answered(
                    answer.statusCode(),
                    answer.headers().firstValue("Behalf-Record").orElse(""),
                    answer.body().isEmpty()
                            ? Map.of()
                            : Json.readObject(answer.body().getBytes(StandardCharsets.UTF_8)));
        } catch (Json.Malformed e) {
            throw new IOException("an answer is no JSON: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        task.close();
        http.close();
    }
}

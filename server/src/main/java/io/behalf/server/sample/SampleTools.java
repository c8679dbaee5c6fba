package io.behalf.server.sample;

import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A pretend MCP server (streamable HTTP, 2025-11-25): {@code tickets.search}, {@code tickets.read}, {@code customers.get}. */
public final class SampleTools {
    public static final String PATH = "/mcp";

    private static final String VERSION = "2025-11-25";

    private SampleTools() {}

    public static Future<SampleServer> start(Vertx vertx) {
        return SampleServer.start(vertx, SampleTools::handle);
    }

    private static void handle(HttpServerRequest request) {
        switch (request.method() + " " + SampleServer.path(request)) {
            case "POST " + PATH ->
                SampleServer.body(request).onSuccess(body -> {
                    try {
                        message(Json.readObject(body.getBytes()), request.response());
                    } catch (Json.Malformed e) {
                        SampleServer.answer(request.response(), 400, Map.of());
                    }
                });
            case "DELETE " + PATH -> request.response().setStatusCode(204).end();
            // a server may decline the stream of its own messages (2025-11-25, Listening for Messages from the Server)
            case "GET " + PATH -> request.response().setStatusCode(405).end();
            default -> request.response().setStatusCode(404).end();
        }
    }

    private static void message(Map<String, @Nullable Object> message, HttpServerResponse response) {
        @Nullable Object id = message.get("id");
        if (id == null) {
            response.setStatusCode(202).end();
            return;
        }
        switch (SampleJson.string(message, "method")) {
            case "initialize" -> {
                response.putHeader("mcp-session-id", UUID.randomUUID().toString());
                result(response, id, initialized());
            }
            case "ping" -> result(response, id, Map.of());
            case "tools/list" -> result(response, id, Map.of("tools", TOOLS));
            case "tools/call" -> result(response, id, call(SampleJson.member(message, "params")));
            default ->
                SampleServer.answer(
                        response,
                        200,
                        Map.of(
                                "jsonrpc",
                                "2.0",
                                "id",
                                id,
                                "error",
                                Map.of("code", -32_601L, "message", "Method not found")));
        }
    }

    private static Map<String, @Nullable Object> initialized() {
        return Map.of(
                "protocolVersion", VERSION,
                "capabilities", Map.of("tools", Map.of()),
                "serverInfo", Map.of("name", "sample-tools", "version", "1"));
    }

    private static Map<String, @Nullable Object> call(@Nullable Object params) {
        @Nullable Object arguments = SampleJson.member(params, "arguments");
        return switch (SampleJson.string(params, "name")) {
            case "tickets.search" ->
                content(
                        Tickets.search(SampleJson.string(arguments, "plan"), SampleJson.string(arguments, "quarter"))
                                .stream()
                                .map(Tickets.Ticket::toJson)
                                .toList(),
                        false);
            case "tickets.read" ->
                Tickets.find(SampleJson.string(arguments, "id"))
                        .map(ticket -> content(ticket.toJson(), false))
                        .orElseGet(() -> content("no such ticket", true));
            case "customers.get" ->
                content(
                        Map.of(
                                "id",
                                SampleJson.string(arguments, "id"),
                                "name",
                                "Example Ltd",
                                "contract",
                                "enterprise"),
                        false);
            default -> content("no such tool", true);
        };
    }

    private static Map<String, @Nullable Object> content(@Nullable Object value, boolean error) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        String text = value instanceof String words ? words : SampleJson.text(value);
        out.put("content", List.of(Map.of("type", "text", "text", text)));
        out.put("isError", error);
        return out;
    }

    private static void result(HttpServerResponse response, Object id, Map<String, @Nullable Object> result) {
        SampleServer.answer(response, 200, Map.of("jsonrpc", "2.0", "id", id, "result", result));
    }

    private static final List<Map<String, Object>> TOOLS = List.of(
            tool("tickets.search", "Searches support tickets.", "plan", "quarter"),
            tool("tickets.read", "Reads one support ticket.", "id"),
            tool("customers.get", "Reads a customer's record.", "id"));

    private static Map<String, Object> tool(String name, String description, String... arguments) {
        Map<String, Object> properties = new LinkedHashMap<>();
        for (String argument : arguments) {
            properties.put(argument, Map.of("type", "string"));
        }
        return Map.of(
                "name", name,
                "description", description,
                "inputSchema", Map.of("type", "object", "properties", properties));
    }
}

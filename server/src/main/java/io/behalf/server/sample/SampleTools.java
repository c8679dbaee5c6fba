package io.behalf.server.sample;

import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A pretend MCP server (streamable HTTP, 2025-11-25): {@code tickets.search}, {@code tickets.read}, {@code customers.get}.
 * It gives each client a session and does not insist on it, as it keeps nothing in one.
 */
public final class SampleTools {
    public static final String PATH = "/mcp";

    private static final String VERSION = "2025-11-25";
    private static final String SESSION = "mcp-session-id";
    /** Sessions known at once; the oldest go first. */
    private static final int MAX_SESSIONS = 1_000;

    private static final long INVALID_REQUEST = -32_600;
    private static final long METHOD_NOT_FOUND = -32_601;
    private static final long INVALID_PARAMS = -32_602;

    private final Set<String> sessions = new LinkedHashSet<>();

    private SampleTools() {}

    public static Future<SampleServer> start(Vertx vertx) {
        return SampleServer.start(vertx, new SampleTools()::handle);
    }

    private void handle(HttpServerRequest request) {
        Optional<String> session = Optional.ofNullable(request.getHeader(SESSION));
        if (!SampleServer.path(request).equals(PATH)
                || session.filter(id -> !knows(id)).isPresent()) {
            // "MUST respond … with HTTP 404" (2025-11-25, Session Management), so that the client begins a new one
            request.response().setStatusCode(404).end();
            return;
        }
        switch (request.method().name()) {
            case "POST" ->
                SampleServer.body(request).onSuccess(body -> {
                    try {
                        message(Json.readObject(body.getBytes()), request.response());
                    } catch (Json.Malformed e) {
                        SampleServer.answer(request.response(), 400, error(null, INVALID_REQUEST, "Not a message"));
                    }
                });
            case "DELETE" -> {
                session.ifPresent(this::end);
                request.response()
                        .setStatusCode(session.isPresent() ? 204 : 400)
                        .end();
            }
            // a server may decline the stream of its own messages (2025-11-25, Listening for Messages from the Server)
            default ->
                request.response()
                        .setStatusCode(405)
                        .putHeader("allow", "POST, DELETE")
                        .end();
        }
    }

    private synchronized boolean knows(String session) {
        return sessions.contains(session);
    }

    private synchronized String begin() {
        if (sessions.size() >= MAX_SESSIONS) {
            sessions.remove(sessions.iterator().next());
        }
        String session = UUID.randomUUID().toString();
        sessions.add(session);
        return session;
    }

    private synchronized void end(String session) {
        sessions.remove(session);
    }

    private void message(Map<String, @Nullable Object> message, HttpServerResponse response) {
        if (!message.containsKey("id")) { // a notification, or an answer to nothing that was asked
            response.setStatusCode(202).end();
            return;
        }
        @Nullable Object id = message.get("id");
        if (!(id instanceof String) && !(id instanceof Long)) {
            SampleServer.answer(response, 400, error(null, INVALID_REQUEST, "The id is no string and no whole number"));
            return;
        }
        switch (SampleJson.string(message, "method")) {
            case "initialize" -> {
                response.putHeader(SESSION, begin());
                result(response, id, initialized());
            }
            case "ping" -> result(response, id, Map.of());
            case "tools/list" -> result(response, id, Map.of("tools", TOOLS));
            case "tools/call" -> {
                @Nullable Object params = SampleJson.member(message, "params");
                String name = SampleJson.string(params, "name");
                Optional<Map<String, @Nullable Object>> result = call(name, SampleJson.member(params, "arguments"));
                if (result.isPresent()) {
                    result(response, id, result.get());
                } else {
                    SampleServer.answer(response, 200, error(id, INVALID_PARAMS, "Unknown tool: " + name));
                }
            }
            default -> SampleServer.answer(response, 200, error(id, METHOD_NOT_FOUND, "Method not found"));
        }
    }

    private static Map<String, @Nullable Object> initialized() {
        return Map.of(
                "protocolVersion", VERSION,
                "capabilities", Map.of("tools", Map.of()),
                "serverInfo", Map.of("name", "sample-tools", "version", "1"));
    }

    /** Empty where there is no such tool. */
    private static Optional<Map<String, @Nullable Object>> call(String tool, @Nullable Object arguments) {
        return Optional.ofNullable(
                switch (tool) {
                    case "tickets.search" ->
                        content(
                                Tickets.search(
                                                SampleJson.string(arguments, "plan"),
                                                SampleJson.string(arguments, "quarter"))
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
                    default -> null;
                });
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

    private static Map<String, @Nullable Object> error(@Nullable Object id, long code, String message) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("jsonrpc", "2.0");
        out.put("id", id);
        out.put("error", Map.of("code", code, "message", message));
        return out;
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

package io.behalf.it;

import io.behalf.core.delegation.Reason;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A route of the server that vectors are shown to: how it is called, and how its protocol says no. */
enum VectorDoor {
    TICKETS("/mcp/tickets", "/mcp/tickets", """
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ACTION", "arguments": {}}}"""),
    UNBOUND("/mcp/unbound", "/mcp/unbound", TICKETS.body),
    OPENAI("/llm/openai", "/llm/openai/v1/chat/completions", """
            {"model": "demo-model", "messages": [{"role": "user", "content": "hello"}]}"""),
    ANTHROPIC("/llm/anthropic", "/llm/anthropic/v1/messages", """
            {"model": "demo-model", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}"""),
    WATCHED("/http/watched", "/http/watched/tickets/4711", "{}");

    private final String route;
    private final String path;
    private final String body;

    VectorDoor(String route, String path, String body) {
        this.route = route;
        this.path = path;
        this.body = body;
    }

    static VectorDoor named(String route) {
        return valueOf(route.toUpperCase(Locale.ROOT));
    }

    /** Where a presentation is shown. */
    static VectorDoor of(Map<String, @Nullable Object> vector) {
        var service = called(vector, "service", "tickets");
        return service.equals("tickets") && vector.containsKey("allow_unbound") ? UNBOUND : named(service);
    }

    static String called(Map<String, @Nullable Object> vector, String member, String usually) {
        return vector.get("call") instanceof Map<?, ?> call
                ? VectorFile.text(VectorFile.object(call), member, usually)
                : usually;
    }

    String route() {
        return route;
    }

    String path() {
        return path;
    }

    /** A call without any credential. */
    HttpRequest.Builder request(URI base, String action) {
        return HttpRequest.newBuilder(base.resolve(path))
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .POST(BodyPublishers.ofString(body.replace("ACTION", action)));
    }

    /** What a vector of {@code vectors/requests.json} says, word by word. */
    HttpRequest.Builder request(
            URI base, Map<String, @Nullable Object> vector, VectorForge forge, VectorForge.Place place) {
        var query = forge.resolved(VectorFile.text(vector, "query", ""), place);
        var address = VectorFile.text(vector, "path", path) + (query.isEmpty() ? "" : "?" + query);
        var said = forge.resolved(VectorFile.text(vector, "body", body.replace("ACTION", "search")), place);
        var request = HttpRequest.newBuilder(base.resolve(address))
                .setHeader("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .POST(BodyPublishers.ofString(said));
        for (var header : VectorFile.list(vector.get("headers"))) {
            var name = (String) VectorFile.list(header).get(0);
            var value = forge.resolved((String) VectorFile.list(header).get(1), place);
            if (name.equals("Content-Type")) {
                request.setHeader(name, value);
            } else {
                request.header(name, value);
            }
        }
        return request;
    }

    RefusalAssert refusal(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        return switch (this) {
            case TICKETS, UNBOUND ->
                reason.decided()
                        ? RefusalAssert.toolResult(server, answer, reason)
                        : RefusalAssert.rpcError(server, answer, reason);
            case OPENAI -> RefusalAssert.modelError(server, answer, reason);
            case ANTHROPIC -> RefusalAssert.messagesError(server, answer, reason);
            case WATCHED -> RefusalAssert.problem(server, answer, reason);
        };
    }
}

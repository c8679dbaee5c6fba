package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;

/** An MCP session over streamable HTTP (2025-11-25), request by request, with a proof for each. */
final class HandMadeTools {
    private static final String VERSION = "2025-11-25";

    private final HandMadeAgent agent;
    private final String path;
    private final String session;
    private int requests = 1;

    private HandMadeTools(HandMadeAgent agent, String path, String session) {
        this.agent = agent;
        this.path = path;
        this.session = session;
    }

    static HandMadeTools connect(HandMadeAgent agent, String path) {
        var answer = agent.post(path, """
                {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "%s",
                 "capabilities": {}, "clientInfo": {"name": "by-hand", "version": "1"}}}""".formatted(VERSION));
        var session = answer.headers()
                .firstValue("mcp-session-id")
                .orElseThrow(() -> new AssertionError("no session: " + answer.statusCode() + " " + answer.body()));
        var tools = new HandMadeTools(agent, path, session);
        tools.post("{\"jsonrpc\": \"2.0\", \"method\": \"notifications/initialized\"}");
        return tools;
    }

    /** Names of the tools that the agent is shown. */
    JsonNode list() {
        return result("tools/list", "{}").path("tools");
    }

    /** The result of a tool, an error or not. */
    JsonNode call(String tool, String arguments) {
        return result("tools/call", "{\"name\": \"%s\", \"arguments\": %s}".formatted(tool, arguments));
    }

    private JsonNode result(String method, String parameters) {
        var answer = post("{\"jsonrpc\": \"2.0\", \"id\": %d, \"method\": \"%s\", \"params\": %s}"
                .formatted(++requests, method, parameters));
        var json = answer.body().startsWith("{") ? answer.body() : dataOf(answer.body());
        var result = BehalfServer.parsed(json).path("result");
        if (result.isMissingNode()) {
            throw new AssertionError(method + " is answered " + answer.statusCode() + " " + answer.body());
        }
        return result;
    }

    /** The reply within an event stream: the only event that has an id of ours. */
    static String dataOf(String events) {
        return events.lines()
                .filter(line -> line.startsWith("data:") && line.contains("\"id\""))
                .map(line -> line.substring("data:".length()))
                .findFirst()
                .orElse("{}");
    }

    private HttpResponse<String> post(String json) {
        return agent.send(agent.request("POST", path, agent.token())
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .header("Mcp-Session-Id", session)
                .header("MCP-Protocol-Version", VERSION)
                .POST(BodyPublishers.ofString(json)));
    }
}

package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What the other tests rely on at the scripted model and the tool server. */
@Tag("node")
@ExtendWith(RealParts.class)
class NodePartsTest {
    private static final String QUESTION = """
            {"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hello"}]}""";
    private static final String INITIALIZE = """
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
             "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}}""";

    @Test
    void modelStreamsItsScript(ScriptedModel model) throws Exception {
        var answer = post(model.base().resolve("/v1/chat/completions"), "Bearer " + ScriptedModel.KEY, QUESTION);

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).contains("Hello from").endsWith("data: [DONE]\n\n");
    }

    @Test
    void modelRefusesAKeyThatIsNotTheGateways(ScriptedModel model) throws Exception {
        var answer = post(model.base().resolve("/v1/chat/completions"), "Bearer another-key", QUESTION);

        assertThat(answer.statusCode()).isEqualTo(401);
    }

    @Test
    void toolServerOpensASession(ToolServer tools) throws Exception {
        var answer = post(tools.address(), "none", INITIALIZE);

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("mcp-session-id")).isPresent();
        assertThat(answer.body()).contains("2025-11-25");
    }

    private static HttpResponse<String> post(URI address, String authorization, String body)
            throws IOException, InterruptedException {
        var request = HttpRequest.newBuilder(address)
                .header("Authorization", authorization)
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .POST(BodyPublishers.ofString(body))
                .build();
        try (var http = HttpClient.newHttpClient()) {
            return http.send(request, BodyHandlers.ofString());
        }
    }
}

package io.behalf.server.sample;

import static io.behalf.server.sample.Asking.at;
import static io.behalf.server.sample.Asking.json;
import static io.behalf.server.sample.Asking.text;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SampleToolsTest {
    private static final String SESSION = "Mcp-Session-Id";

    private final Asking tools = new Asking(SampleTools::start);

    @AfterAll
    void close() {
        tools.close();
    }

    private static String message(String method, String params) {
        return "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"" + method + "\",\"params\":" + params + "}";
    }

    private HttpRequest.Builder post(String body) {
        return tools.request("POST", SampleTools.PATH, body)
                .header("Accept", "application/json, text/event-stream")
                .header("MCP-Protocol-Version", "2025-11-25");
    }

    private String session() {
        HttpResponse<String> answer = tools.send(post(message(
                "initialize",
                "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},"
                        + "\"clientInfo\":{\"name\":\"test\",\"version\":\"1\"}}")));
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(at(json(answer.body()), "result", "protocolVersion")).isEqualTo("2025-11-25");
        assertThat(at(json(answer.body()), "result", "serverInfo", "name")).isEqualTo("sample-tools");
        assertThat(at(json(answer.body()), "result", "capabilities", "tools")).isNotNull();
        return answer.headers().firstValue(SESSION).orElseThrow();
    }

    private Map<String, @Nullable Object> called(String session, String method, String params) {
        HttpResponse<String> answer = tools.send(post(message(method, params)).header(SESSION, session));
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(at(json(answer.body()), "jsonrpc")).isEqualTo("2.0");
        assertThat(at(json(answer.body()), "id")).isEqualTo(7L);
        return json(answer.body());
    }

    // ---- sessions

    @Test
    void begins() {
        String first = session();
        assertThat(session()).isNotEqualTo(first);
        HttpResponse<String> ready = tools.send(post("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}")
                .header(SESSION, first));
        assertThat(ready.statusCode()).isEqualTo(202);
        assertThat(ready.body()).isEmpty();
        assertThat(at(called(first, "ping", "{}"), "result")).isEqualTo(Map.of());
    }

    @Test
    void endsASessionWhenItIsToldTo() {
        String session = session();
        HttpRequest.Builder end = tools.request("DELETE", SampleTools.PATH, "").header(SESSION, session);
        assertThat(tools.send(end).statusCode()).isEqualTo(204);
        assertThat(tools.send(end).statusCode()).isEqualTo(404);
        assertThat(tools.send(post(message("tools/list", "{}")).header(SESSION, session))
                        .statusCode())
                .isEqualTo(404);
        assertThat(tools.send(tools.request("DELETE", SampleTools.PATH, "")).statusCode())
                .isEqualTo(400);
    }

    @Test
    void knowsNoSessionThatItDidNotBegin() {
        assertThat(tools.send(post(message("tools/list", "{}")).header(SESSION, "made-up"))
                        .statusCode())
                .isEqualTo(404);
    }

    // ---- tools

    @Test
    void listsItsTools() {
        var listed = called(session(), "tools/list", "{}");
        assertThat(SampleJson.list(at(listed, "result"), "tools").stream().map(tool -> SampleJson.string(tool, "name")))
                .containsExactly("tickets.search", "tickets.read", "customers.get");
        assertThat(at(listed, "result", "tools", 0, "inputSchema", "type")).isEqualTo("object");
    }

    @Test
    void callsItsTools() {
        String session = session();
        var found = called(
                session,
                "tools/call",
                "{\"name\":\"tickets.search\",\"arguments\":{\"plan\":\"enterprise\",\"quarter\":\"Q3\"}}");
        assertThat(at(found, "result", "isError")).isEqualTo(false);
        assertThat(text(found, "result", "content", 0, "text"))
                .contains("t-101", "t-102", "t-103")
                .doesNotContain("t-104");
        var read = called(session, "tools/call", "{\"name\":\"tickets.read\",\"arguments\":{\"id\":\"t-104\"}}");
        assertThat(json(text(read, "result", "content", 0, "text"))).containsEntry("plan", "basic");
        var customer = called(session, "tools/call", "{\"name\":\"customers.get\",\"arguments\":{\"id\":\"4711\"}}");
        assertThat(json(text(customer, "result", "content", 0, "text"))).containsEntry("id", "4711");
    }

    /** An answer of the tool, which a model reads; not an error of the protocol. */
    @Test
    void saysInItsResultWhatAToolCannotDo() {
        var missing = called(session(), "tools/call", "{\"name\":\"tickets.read\",\"arguments\":{\"id\":\"t-1\"}}");
        assertThat(at(missing, "result", "isError")).isEqualTo(true);
        assertThat(at(missing, "result", "content", 0, "text")).isEqualTo("no such ticket");
    }

    @Test
    void knowsNoOtherToolAndNoOtherMethod() {
        String session = session();
        for (String params : List.of("{\"name\":\"tickets.delete\"}", "{\"name\":7}", "{}", "[]")) {
            assertThat(at(called(session, "tools/call", params), "error", "code"))
                    .as(params)
                    .isEqualTo(-32_602L);
        }
        assertThat(at(called(session, "resources/list", "{}"), "error", "code")).isEqualTo(-32_601L);
    }

    // ---- what is no message

    @Test
    void refusesWhatIsNoMessage() {
        for (String body : List.of(
                "",
                "no JSON",
                "[" + message("ping", "{}") + "]",
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}")) {
            HttpResponse<String> answer = tools.send(post(body));
            assertThat(answer.statusCode()).as(body).isEqualTo(400);
            assertThat(at(json(answer.body()), "error", "code")).isEqualTo(-32_600L);
        }
    }

    @Test
    void hasOneAddressAndTwoMethods() {
        assertThat(tools.post("/other", message("ping", "{}")).statusCode()).isEqualTo(404);
        HttpResponse<String> stream = tools.send(tools.request("GET", SampleTools.PATH, ""));
        assertThat(stream.statusCode()).isEqualTo(405);
        assertThat(stream.headers().firstValue("allow")).contains("POST, DELETE");
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that two programs could read in two ways, or that come from where they should not. None goes on. */
class HostileRequestTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";
    private static World world;
    private static Delegation delegation;

    @BeforeAll
    static void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
        world.upstream.answersJson("{}");
    }

    @AfterAll
    static void end() {
        assertThat(world.upstream.received()).isEmpty();
        assertThat(world.records(AuditRecord.Intent.class)).isEmpty();
        world.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/llm/openai/v1/chat%2fcompletions",
                "/llm/openai/v1/chat%2Fcompletions",
                "/llm/openai/v1/%2e%2e/chat/completions",
                "/llm/openai/v1/./chat/completions",
                "/llm/openai/v1/../v1/chat/completions",
                "/llm/openai/v1//chat/completions",
                "/llm/openai/v1/chat%5ccompletions",
                "/llm/openai/v1/chat\\completions",
                "/llm/openai/v1/chat%00completions",
                "/llm/openai/v1/chat%252fcompletions",
                "/llm/openai/v1/chat;a=b/completions",
                "/llm/openai/v1/chat/completions?_method=DELETE",
                "/llm/openai/v1/chat/completions?access_token=x",
                "/llm/openai/v1/chat/completions?x=eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln",
                "/llm/openai/v1/chat/completions?x=\"",
                "/llm/openai/v1/chat/completions?model=huge",
                "/mcp/tools?tenant=other",
                "http://127.0.0.1/llm/openai/v1/chat/completions"
            })
    void addressesThatCanBeReadInTwoWays(String path) throws Exception {
        Wire.Answer answer = world.send(world.jsonRequest(delegation, path, ASK));
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
        assertThat(answer.header("Behalf-Record")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "X-HTTP-Method-Override: DELETE",
                "X-Method-Override: DELETE",
                "X-HTTP-Method: DELETE",
                "Content-Encoding: gzip",
                "Content-Type: text/plain",
                "Transfer-Encoding: gzip, chunked",
                "Content-Length: 5",
                "Content-Length: +17",
                "Host: evil.example",
                "Mcp-Session-Id: a\r\nMcp-Session-Id: b",
                "Idempotency-Key: a\r\nIdempotency-Key: b",
                "Bad Header: x"
            })
    void headersThatCanBeReadInTwoWays(String header) throws Exception {
        String request = world.request(
                "POST",
                CHAT,
                world.credentials(delegation, "POST", CHAT) + "Content-Type: application/json\r\n" + header + "\r\n",
                ASK);
        Wire.Answer answer = world.send(request);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
    }

    /** A proxy that went by the length would send what follows the chunks as somebody else's request. */
    @ParameterizedTest
    @ValueSource(strings = {"Transfer-Encoding: chunked", "transfer-encoding: Chunked", "Transfer-Encoding:  chunked "})
    void aSecondRequestHiddenBehindTwoLengths(String coding) throws Exception {
        String head = world.request(
                "POST",
                CHAT,
                world.credentials(delegation, "POST", CHAT) + "Content-Type: application/json\r\n" + coding + "\r\n",
                "");
        assertThat(head).contains("Content-Length: 0\r\n");
        String chunks = Integer.toHexString(ASK.length()) + "\r\n" + ASK + "\r\n0\r\n\r\n";
        try (Wire wire = world.connect()) {
            wire.send(head + chunks + world.jsonRequest(delegation, CHAT, ASK));
            Wire.Answer answer = wire.receive();
            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.body()).contains("request_malformed");
            assertThat(wire.closed()).isTrue();
        }
    }

    /** What is read here as UTF-8 would be another text to a service that believes the charset. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "application/json; charset=utf-7",
                "application/json;charset=\"utf-7\"",
                "application/json; charset=utf-8; charset=utf-7",
                "application/json; charset=shift_jis",
                "application/json; charset=utf-16",
                "application/json; charset",
                "application/json; charset=",
                "application/json; charset = utf-7",
                "application/json; charset*=utf-8''utf-7",
                "application/json; x=\";charset=utf-7\"",
                "application/json; x=a\\;charset=utf-7",
                "application/vnd.a+json; charset=utf-7"
            })
    void aBodyThatClaimsAnotherCharset(String type) throws Exception {
        Wire.Answer answer = world.send(world.request(
                "POST", CHAT, world.credentials(delegation, "POST", CHAT) + "Content-Type: " + type + "\r\n", ASK));
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
    }

    @Test
    void aHostThatIsNotListed() throws Exception {
        String request = "POST " + CHAT + " HTTP/1.1\r\nHost: rebound.example\r\n"
                + world.credentials(delegation, "POST", CHAT) + "Content-Length: 0\r\n\r\n";
        assertThat(world.send(request).status()).isEqualTo(403);
    }

    @Test
    void aForeignOrigin() throws Exception {
        assertThat(postWith("Origin: https://evil.example\r\n", ASK).status()).isEqualTo(403);
    }

    @Test
    void noHostAtAll() throws Exception {
        assertThat(world.send("GET /llm/openai/v1/models HTTP/1.1\r\n\r\n").status())
                .isEqualTo(403);
    }

    @Test
    void twoDifferentDelegations() throws Exception {
        Wire.Answer answer = postWith("X-Behalf-Delegation: " + world.token(world.delegation()) + "\r\n", ASK);
        assertThat(answer.status()).isEqualTo(400);
        answer = postWith("x-api-key: " + world.token(world.delegation()) + "\r\n", ASK);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("request_malformed");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"model\":\"small\",\"model\":\"huge\"}",
                "{\"model\":\"small\",\"Model\":\"huge\"}",
                "{\"MODEL\":\"small\"}",
                "{\"model\":\"small\",\"tools\":[{\"a\":1,\"a\":2}]}",
                "[{\"model\":\"small\"}]",
                "{\"model\":\"small\"}{}",
                "{\"model\":[\"small\"]}",
                "{}",
                "",
                "{\"model\":\"small\\ud800\"}",
                "\ufeff{\"model\":\"small\"}"
            })
    void bodiesThatCanBeReadInTwoWays(String body) throws Exception {
        Wire.Answer answer = postWith("", body);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("request_malformed");
        assertThat(answer.header("Behalf-Record")).isPresent(); // the agent was authentic
    }

    /** Readers that do not tell capitals from small letters take the last of two members, or the one in capitals. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"method\":\"ping\",\"Method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"path\":\"/etc/x\"}}",
                "\"result\":{},\"METHOD\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"path\":\"/etc/x\"}}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"},\"Params\":{\"name\":\"write_file\"}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"},\"param\\u017f\":{\"name\":\"write_file\"}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"Name\":\"write_file\"}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"path\":\"/data/a\"},"
                        + "\"Arguments\":{\"path\":\"/etc/x\"}}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"path\":\"/data/a\",\"Path\":\"/etc/x\"}}",
                "\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"PATH\":\"/etc/x\"}}",
                "\"method\":\"resources/read\",\"params\":{\"uri\":\"file:///data/a\",\"URI\":\"file:///etc/x\"}"
            })
    void messagesThatReadersWithoutCapitalsTakeForOthers(String members) throws Exception {
        String tools = "/mcp/tools";
        String message = "{\"jsonrpc\":\"2.0\",\"id\":1," + members + "}";
        Wire.Answer answer = world.post(delegation, tools, message);
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
        assertThat(answer.header("Behalf-Record")).isPresent();
    }

    @Test
    void bodiesOfMoreThanIsAccepted() throws Exception {
        try (World small = new World(route -> route.withMaxRequestBytes(1_000))) {
            Delegation d = small.delegation();
            Wire.Answer declared = small.post(d, CHAT, "{\"model\":\"small\",\"pad\":\"" + "x".repeat(2_000) + "\"}");
            assertThat(declared.status()).isEqualTo(413);
            assertThat(OpenAiChatTest.reason(declared)).isEqualTo("request_too_large");

            String chunk = "3e8\r\n" + "x".repeat(1_000) + "\r\n";
            Wire.Answer real = small.send("POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1:" + small.port + "\r\n"
                    + small.credentials(d, "POST", CHAT)
                    + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk
                    + "0\r\n\r\n");
            assertThat(real.status()).isEqualTo(413);
            assertThat(small.upstream.received()).isEmpty();
        }
    }

    @Test
    void bodiesWhereNoneBelongs() throws Exception {
        String models = "/llm/openai/v1/models";
        Wire.Answer answer =
                world.send(world.request("GET", models, world.credentials(delegation, "GET", models), "body"));
        assertThat(answer.status()).isEqualTo(400);
    }

    @Test
    void aBodyIsAskedForOnlyAfterTheCredential() throws Exception {
        String head = "POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1:" + world.port
                + "\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: " + ASK.length()
                + "\r\n";
        assertThat(world.send(head + "\r\n").status()).isEqualTo(401);
        try (World other = new World();
                Wire wire = other.connect()) {
            other.upstream.answersJson("{}");
            Delegation d = other.delegation();
            wire.send(head.replace(":" + world.port, ":" + other.port) + other.credentials(d, "POST", CHAT) + "\r\n");
            assertThat(wire.head().status()).isEqualTo(100);
            assertThat(wire.send(ASK).receive().status()).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"/llm/nobody/v1/models", "/llm", "/llm/openai/v1/files", "/http/openai/v1/models", "/llm/openai"
            })
    void addressesThatNobodyServes(String path) throws Exception {
        Wire.Answer answer = world.get(delegation, path);
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.body()).contains("route_unknown");
    }

    @Test
    void strangersAreCountedAndNotRecordedOneByOne() throws Exception {
        try (World other = new World()) {
            for (int i = 0; i < 70; i++) {
                assertThat(other.send(other.request("GET", "/llm/openai/v1/models", "", ""))
                                .status())
                        .isEqualTo(401);
            }
            Delegation d = other.delegation();
            for (int i = 0; i < TurnedAway.RECORDED_PER_MINUTE + 5; i++) {
                Wire.Answer answer = other.post(d, CHAT, "{\"model\":\"huge\"}");
                assertThat(answer.status()).isEqualTo(403);
                assertThat(answer.header("Behalf-Record").isPresent()).isEqualTo(i < TurnedAway.RECORDED_PER_MINUTE);
            }
            assertThat(other.records(AuditRecord.Refused.class)).hasSize(TurnedAway.RECORDED_PER_MINUTE);
            other.gateway.close().toCompletionStage().toCompletableFuture().get();
            assertThat(other.records(AuditRecord.Lifecycle.class))
                    .singleElement()
                    .satisfies(summary -> {
                        assertThat(summary.event()).isEqualTo(AuditRecord.Event.REFUSALS_SUMMARIZED);
                        assertThat(summary.data().get("refusals"))
                                .isEqualTo(Map.of(
                                        "/llm/openai delegation_missing", 70L, "ticket-agent scope_exceeded", 5L));
                    });
        }
    }

    @Test
    void anErrorHasTheShapeOfItsProtocol() throws Exception {
        Wire.Answer anthropic = world.post(delegation, "/llm/anthropic/v1/messages", "{\"model\":1}");
        assertThat(anthropic.json().get("type")).isEqualTo("error");
        assertThat(Fields.object(anthropic.json(), "error").get("type")).isEqualTo("invalid_request_error");
        Wire.Answer problem = world.get(delegation, "/nowhere");
        assertThat(problem.header("content-type")).contains("application/problem+json");
        assertThat(problem.json().keySet().stream().map(Object::toString).toList())
                .containsAll(List.of("type", "title", "status", "detail", "reason"));
    }

    private static Wire.Answer postWith(String headers, String body) throws Exception {
        return world.send(world.request(
                "POST",
                CHAT,
                world.credentials(delegation, "POST", CHAT) + "Content-Type: application/json\r\n" + headers,
                body));
    }
}

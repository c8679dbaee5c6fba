package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Refused;
import io.vertx.core.MultiMap;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Headers by which a request says what it is not: they change nothing, or are turned away. */
class SpoofedHeadersTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";
    private static final String MCP = "/mcp/tools";
    private static final String CALL =
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}";

    private static final String SPOOFED = String.join(
            "\r\n",
            "Behalf-Record: rec_01KAW7Z5Q0E8XJ5N4M3C2B1A01",
            "Behalf-Task: tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A01",
            "X-Behalf-Subject: bob",
            "X-Behalf-Agent: another-agent",
            "X-Behalf-Task: tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A01",
            "X-Behalf-Scope: *",
            "X-Behalf-Record: rec_01KAW7Z5Q0E8XJ5N4M3C2B1A01",
            "X-Forwarded-For: " + World.CALLER_ADDRESS,
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
            "X-Forwarded-Prefix: /http/tickets",
            "X-Forwarded-User: bob",
            "Forwarded: for=" + World.CALLER_ADDRESS + ";host=evil.example;proto=https",
            "X-Real-IP: " + World.CALLER_ADDRESS,
            "True-Client-IP: " + World.CALLER_ADDRESS,
            "X-Original-URL: /http/tickets/tickets/1",
            "X-Rewrite-URL: /http/tickets/tickets/1",
            "X-Original-Method: DELETE",
            "X-Host: evil.example",
            "X-Remote-User: bob",
            "X-SSL-Client-Cert: MIIB",
            "X-Client-Cert: MIIB",
            "Via: 1.1 evil.example",
            "Txn-Token: eyJ",
            "Proxy-Authorization: Basic Ym9i",
            "Cookie: session=bob",
            "tracestate: a=b",
            "baggage: user=bob",
            "Max-Forwards: 0",
            "TE: trailers",
            "Connection: Upgrade, HTTP2-Settings, X-Forwarded-For",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
            "");

    /** What each call has of its own. */
    private static final Set<String> OWN = Set.of("traceparent", "behalf-record", "dpop");

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
    }

    @AfterEach
    void end() {
        world.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "POST|" + CHAT + "|" + ASK,
                "POST|/llm/anthropic/v1/messages|" + ASK,
                "POST|" + MCP + "|" + CALL,
                "GET|/http/tickets/tickets/4711|``"
            })
    void changeNothing(String method, String path, String body) throws IOException {
        String token = world.token(delegation);
        Wire.Answer plain = world.send(request(method, path, token, "", body));
        Wire.Answer spoofed = world.send(request(method, path, token, SPOOFED, body));

        assertThat(plain.status()).isEqualTo(200);
        assertThat(spoofed.status()).isEqualTo(200);
        assertThat(spoofed.body()).isEqualTo(plain.body());
        assertThat(spoofed.headers().keySet()).isEqualTo(plain.headers().keySet());

        var sent = world.upstream.received();
        assertThat(sent).hasSize(2);
        assertThat(sent.get(1).uri()).isEqualTo(sent.get(0).uri());
        assertThat(sent.get(1).method()).isEqualTo(sent.get(0).method());
        assertThat(sent.get(1).body()).isEqualTo(sent.get(0).body());
        assertThat(shared(sent.get(1).headers())).isEqualTo(shared(sent.get(0).headers()));

        List<Intent> intents = world.records(Intent.class);
        assertThat(intents).hasSize(2);
        assertThat(intents.get(1).call()).isEqualTo(intents.get(0).call());
        assertThat(intents.get(1).decision()).isEqualTo(intents.get(0).decision());
        AuditRecord.Header one = intents.get(0).header();
        AuditRecord.Header other = intents.get(1).header();
        assertThat(other.task()).isEqualTo(one.task());
        assertThat(other.basis()).isEqualTo(one.basis());
        assertThat(other.actors()).isEqualTo(one.actors());
        assertThat(other.delegation()).isEqualTo(one.delegation());
        assertThat(other.id()).isNotEqualTo("rec_01KAW7Z5Q0E8XJ5N4M3C2B1A01");
    }

    /** RFC 9449 §4.3: held against the configured address, never against what a request says of itself. */
    @Test
    void doNotSayForWhichAddressAProofIs() throws IOException {
        String token = world.token(delegation);
        for (String address : List.of("https://evil.example" + CHAT, "http://evil.example" + CHAT)) {
            String proof = DpopProof.sign(
                    world.agent,
                    "POST",
                    address,
                    Instant.now(),
                    "jti-" + address,
                    Optional.of(token),
                    Optional.empty());
            Wire.Answer answer = world.send(world.request(
                    "POST",
                    CHAT,
                    "Authorization: DPoP " + token + "\r\nDPoP: " + proof + "\r\nContent-Type: application/json\r\n"
                            + SPOOFED,
                    ASK));
            assertThat(OpenAiChatTest.reason(answer)).isEqualTo("proof_invalid");
        }
        assertThat(world.upstream.received()).isEmpty();
    }

    /** A list of addresses that may call without a delegation means where a connection comes from. */
    @Test
    void doNotSayWhereACallComesFrom() throws Exception {
        try (World observing = new World(route -> route.withMode(Mode.OBSERVE))) {
            observing.upstream.answersJson("{}");
            Wire.Answer answer = observing.send(
                    observing.request("POST", CHAT, "Content-Type: application/json\r\n" + SPOOFED, ASK));
            assertThat(OpenAiChatTest.reason(answer)).isEqualTo("delegation_missing");
            assertThat(observing.upstream.received()).isEmpty();
            assertThat(observing.ledger.records()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Host: evil.example",
                "Host: evil.example:PORT",
                "Host: 127.0.0.1",
                "Host: 127.0.0.1:1",
                "Host: 127.0.0.1.:PORT",
                "Host: 127.0.0.1:PORT.evil.example",
                "Host: user@127.0.0.1:PORT",
                "Host: localhost:PORT",
                "Host: [::1]:PORT",
                "Host:",
                "Host: 127.0.0.1:PORT\r\nHost: evil.example",
                "Host: evil.example\r\nHost: 127.0.0.1:PORT",
                "Host: 127.0.0.1:PORT, evil.example"
            })
    void hostsUnderWhichNobodyIsAnswered(String host) throws IOException {
        for (String path : List.of(CHAT, MCP, "/http/tickets/tickets/1/notes", "/llm/anthropic/v1/messages")) {
            Wire.Answer answer = world.send("POST " + path + " HTTP/1.1\r\n"
                    + host.replace("PORT", String.valueOf(world.port)) + "\r\n"
                    + world.credentials(delegation, "POST", path)
                    + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
            assertThat(answer.status()).as(path).isIn(400, 403);
            assertThat(answer.body()).contains("request_malformed");
        }
        nothingWentOn();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "null",
                "https://evil.example",
                "https://console.example.evil.example",
                "https://console.example:444",
                "http://console.example",
                "https://CONSOLE.example",
                "https://console.example/",
                "https://console.example\r\nOrigin: https://evil.example",
                "https://console.example, https://evil.example",
                ""
            })
    void originsWhosePagesMayNotCall(String origin) throws IOException {
        for (String path : List.of(CHAT, MCP)) {
            Wire.Answer answer = world.send(world.request(
                    "POST",
                    path,
                    world.credentials(delegation, "POST", path) + "Content-Type: application/json\r\nOrigin: " + origin
                            + "\r\n",
                    ASK));
            assertThat(answer.status()).as(path).isIn(400, 403);
            assertThat(answer.headers()).doesNotContainKey("access-control-allow-origin");
        }
        nothingWentOn();
    }

    /** And its owner goes on with it as before. */
    @ParameterizedTest
    @ValueSource(strings = {"POST", "GET", "DELETE"})
    void theSessionOfAnotherTask(String method) throws IOException {
        world.upstream.answers((_, response) -> response.putHeader("content-type", "application/json")
                .putHeader("mcp-session-id", "s1")
                .end("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"));
        assertThat(world.post(delegation, MCP, CALL.replace("tools/call", "initialize"))
                        .header("mcp-session-id"))
                .contains("s1");

        Wire.Answer answer = world.send(inSession(world.delegation(), method));
        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.body()).contains("route_unknown").doesNotContain("binding_mismatch");
        assertThat(world.records(Refused.class))
                .singleElement()
                .satisfies(refused -> assertThat(refused.decision().reason()).contains("binding_mismatch"));
        assertThat(world.upstream.received()).hasSize(1);

        assertThat(world.send(inSession(delegation, "POST")).status()).isEqualTo(200);
    }

    private String inSession(Delegation whose, String method) {
        boolean asks = method.equals("POST");
        return world.request(
                method,
                MCP,
                world.credentials(whose, method, MCP) + (asks ? "Content-Type: application/json\r\n" : "")
                        + "Mcp-Session-Id: s1\r\n",
                asks ? CALL : "");
    }

    private void nothingWentOn() {
        assertThat(world.upstream.received()).isEmpty();
        assertThat(world.ledger.records()).isEmpty();
    }

    private String request(String method, String path, String token, String more, String body) {
        String type = body.isEmpty() ? "" : "Content-Type: application/json\r\n";
        return world.request(
                method,
                path,
                "Authorization: DPoP " + token + "\r\nDPoP: " + world.proof(token, method, path) + "\r\n" + type + more,
                body);
    }

    private static Map<String, List<String>> shared(MultiMap headers) {
        Map<String, List<String>> shared = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String name : headers.names()) {
            if (!OWN.contains(name.toLowerCase(Locale.ROOT))) {
                shared.put(name, headers.getAll(name));
            }
        }
        return shared;
    }
}

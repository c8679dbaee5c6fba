package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Refused;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests of whose extent two programs could disagree, or that are too much of something. What hides in them goes nowhere. */
class HostileFramingTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";
    private static final String HIDDEN = "/http/tickets/tickets/hidden";

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = Delegations.of(
                world.delegation(),
                World.task(Scope.of(
                        Permission.of("openai", List.of("chat")),
                        Permission.of("anthropic", List.of("messages")),
                        Permission.of("tools", List.of("echo")),
                        Permission.of("tickets", List.of("read", "note"), List.of("tickets/*"), Map.of()))));
        world.upstream.answersJson("{}");
    }

    @AfterEach
    void end() {
        world.close();
    }

    /** The body is followed by a request of the same agent: what a front end that reads the length otherwise would not see. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Content-Length: 17, 17",
                "Content-Length: 17\r\nContent-Length: 17",
                "Content-Length: 17\r\nContent-Length: 0",
                "Content-Length: 0\r\nContent-Length: 17",
                "Content-Length: 0x11",
                "Content-Length: 17;",
                "Content-Length: 1 7",
                "Content-Length: -17",
                "Content-Length: 99999999999999999999",
                "Content-Length:",
                "Content-Length : 17",
                "Content-Length\t: 17",
                "Content-Length: 17\r\n folded",
                "Content_Length: 17\r\nContent-Length: +17",
                "Transfer-Encoding: chunked, chunked",
                "Transfer-Encoding: chunked, identity",
                "Transfer-Encoding: identity, chunked",
                "Transfer-Encoding: xchunked",
                "Transfer-Encoding: chunked;q=1",
                "Transfer-Encoding: \u000bchunked",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                "Transfer-Encoding: identity\r\nContent-Length: 17",
                "Transfer-Encoding:\r\nContent-Length: 17",
                "Transfer-Encoding : chunked",
                "Transfer-Encoding:\r\n chunked",
                "X: y\rContent-Length: 17",
                "X: y\u0000\r\nContent-Length: 17"
            })
    void lengthsThatCanBeReadInTwoWays(String length) throws IOException {
        String head = "POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1:" + world.port + "\r\n"
                + world.credentials(delegation, "POST", CHAT) + "Content-Type: application/json\r\n" + length
                + "\r\n\r\n";
        turnedAway(head + ASK + hidden());
        turnedAway(head + "11\r\n" + ASK + "\r\n0\r\n\r\n" + hidden());
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-11\r\n" + ASK + "\r\n0\r\n\r\n",
                "0x11\r\n" + ASK + "\r\n0\r\n\r\n",
                "FFFFFFFFFFFFFFFFF\r\n" + ASK + "\r\n0\r\n\r\n",
                "7FFFFFFFFFFFFFFF\r\n" + ASK,
                "\r\n" + ASK + "\r\n0\r\n\r\n",
                "zz\r\n" + ASK + "\r\n0\r\n\r\n",
                "5\r\n" + ASK + "\r\n0\r\n\r\n",
                "11\r\n" + ASK + "0\r\n\r\n"
            })
    void chunksThatAreNone(String body) throws IOException {
        turnedAway(chunked() + body + hidden());
        assertThat(world.upstream.received()).isEmpty();
    }

    /** What follows the last chunk is no part of a call, and least of all its credential. */
    @ParameterizedTest
    @ValueSource(
            strings = {"X-Behalf-Delegation: eyJ", "Authorization: Bearer x", "Content-Length: 5", "Host: evil.example"
            })
    void trailersChangeNothing(String trailer) throws IOException {
        Optional<Wire.Answer> answer = sent(chunked() + "11\r\n" + ASK + "\r\n0\r\n" + trailer + "\r\n\r\n" + hidden());

        carriedAsItIsOrNotAtAll(answer);
    }

    @ParameterizedTest
    @ValueSource(strings = {"11;name=value", "11 11", "011", "11;\nX: y", "11\n"})
    void whatStandsBesideAChunksLengthChangesNothing(String length) throws IOException {
        carriedAsItIsOrNotAtAll(sent(chunked() + length + "\r\n" + ASK + "\r\n0\r\n\r\n" + hidden()));
    }

    private void carriedAsItIsOrNotAtAll(Optional<Wire.Answer> answer) {
        answer.ifPresent(it -> assertThat(it.status()).isIn(200, 400));
        assertThat(world.upstream.received()).hasSizeLessThan(2).allSatisfy(sent -> {
            assertThat(sent.body()).hasToString(ASK);
            assertThat(sent.headers().contains("x-behalf-delegation")).isFalse();
            assertThat(sent.headers().getAll("authorization")).containsExactly("Bearer " + World.PROVIDER_KEY);
        });
    }

    static Stream<Arguments> tooMuch() {
        return Stream.of(
                Arguments.of("headers", "GET / HTTP/1.1\r\n" + "X-Many: x\r\n".repeat(129)),
                Arguments.of("very many headers", "GET / HTTP/1.1\r\n" + "X-Many: x\r\n".repeat(20_000)),
                Arguments.of("a header's value", "GET / HTTP/1.1\r\nX-Long: " + "x".repeat(1 << 20) + "\r\n"),
                Arguments.of("a header's name", "GET / HTTP/1.1\r\n" + "x".repeat(1 << 20) + ": x\r\n"),
                Arguments.of("a path", "GET /llm/openai/" + "x".repeat(9_000) + " HTTP/1.1\r\n"),
                Arguments.of("a path without end", "GET /" + "x".repeat(1 << 20) + " HTTP/1.1\r\n"),
                Arguments.of("a query", "GET /llm/openai/v1/models?" + "x".repeat(9_000) + " HTTP/1.1\r\n"),
                Arguments.of("a method", "x".repeat(1 << 20) + " / HTTP/1.1\r\n"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("tooMuch")
    void tooMuchOfAHead(String what, String head) throws IOException {
        Optional<Wire.Answer> answer = first(
                head + "Host: 127.0.0.1:" + world.port + "\r\n" + world.credentials(delegation, "GET", "/") + "\r\n");
        answer.ifPresent(it -> assertThat(it.status()).isBetween(400, 499));
        assertThat(world.upstream.received()).isEmpty();
        assertThat(world.ledger.records()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "POST " + CHAT,
                "POST " + CHAT + " HTTP/2.0",
                "POST " + CHAT + " HTTP/0.9",
                "POST " + CHAT + " HTTP/1.1 x",
                "POST " + CHAT + " FTP/1.1",
                "POST  HTTP/1.1",
                "PRI * HTTP/2.0",
                "CONNECT 127.0.0.1:80 HTTP/1.1",
                "OPTIONS * HTTP/1.1",
                "TRACE " + CHAT + " HTTP/1.1",
                "P\u00d6ST " + CHAT + " HTTP/1.1",
                "POST //127.0.0.1" + CHAT + " HTTP/1.1",
                "POST https://127.0.0.1" + CHAT + " HTTP/1.1",
                "POST " + CHAT + "#x HTTP/1.1",
                "POST " + CHAT + "\u00e4 HTTP/1.1"
            })
    void linesThatAskForSomethingElse(String line) throws IOException {
        Optional<Wire.Answer> answer = first(line + "\r\nHost: 127.0.0.1:" + world.port + "\r\n"
                + world.credentials(delegation, "POST", CHAT)
                + "Content-Type: application/json\r\nContent-Length: 17\r\n\r\n" + ASK);
        answer.ifPresent(it -> assertThat(it.status()).isBetween(400, 599));
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "%2e%2e", "..", ".", "%2e", "%2E%2e/tickets", "4711/..", "4711%2f..", "4711%5c..", "4711%00", "%ff",
                "%c0%ae%c0%ae", "%", "%4", "%zz", "%25%32%65", "4711;id=1", "\\", "4711/", "/4711", "4711//notes"
            })
    void placesThatCanBeReadInTwoWays(String id) throws IOException {
        String path = "/http/tickets/tickets/" + id;
        Wire.Answer answer = world.get(delegation, path);
        assertThat(answer.status()).isIn(400, 404);
        assertThat(world.upstream.received()).isEmpty();
        assertThat(world.records(Intent.class)).isEmpty();
    }

    /** The letter that an escape stands for is what is decided on, whoever decodes it. */
    @ParameterizedTest
    @ValueSource(strings = {"%34711", "4%3711", "%34%37%31%31"})
    void escapesAreDecidedOnAsWhatTheyStandFor(String id) throws IOException {
        Wire.Answer answer = world.get(delegation, "/http/tickets/tickets/" + id);
        assertThat(answer.status()).isEqualTo(200);
        assertThat(world.records(Intent.class))
                .singleElement()
                .satisfies(intent -> assertThat(intent.call().resources()).containsExactly("tickets/4711"));
        assertThat(world.upstream.received().getFirst().uri()).isEqualTo("/tickets/" + id);
    }

    static Stream<Arguments> deep() {
        String arrays = "[".repeat(100_000) + "]".repeat(100_000);
        String objects = "{\"a\":".repeat(100_000) + "1" + "}".repeat(100_000);
        return Stream.of("[".repeat(64) + "]".repeat(64), arrays, objects, "[".repeat(100_000))
                .flatMap(deep -> Stream.of(
                        Arguments.of(CHAT, "{\"model\":\"small\",\"deep\":" + deep + "}"),
                        Arguments.of("/llm/anthropic/v1/messages", "{\"model\":\"small\",\"deep\":" + deep + "}"),
                        Arguments.of(
                                "/mcp/tools",
                                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"deep\":"
                                        + deep + "}}}"),
                        Arguments.of("/http/tickets/tickets/1/notes", "{\"deep\":" + deep + "}")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("deep")
    void jsonThatIsDeeperThanItIsRead(String path, String body) throws IOException {
        Wire.Answer answer = world.post(delegation, path, body);
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
        assertThat(world.records(Refused.class)).hasSize(1);
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"9", "0.9", "1e"})
    void numbersWithoutEnd(String begins) throws IOException {
        String number = begins + "9".repeat(1 << 20);
        for (String path : List.of(CHAT, "/http/tickets/tickets/1/notes")) {
            Wire.Answer answer = world.post(delegation, path, "{\"model\":\"small\",\"n\":" + number + "}");
            assertThat(answer.status()).isEqualTo(400);
        }
        assertThat(world.upstream.received()).isEmpty();
    }

    private String chunked() {
        return "POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1:" + world.port + "\r\n"
                + world.credentials(delegation, "POST", CHAT)
                + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    }

    private String hidden() {
        return world.request("GET", HIDDEN, world.credentials(delegation, "GET", HIDDEN), "");
    }

    /** Refused, or not even answered; whatever is behind it is never served. */
    private void turnedAway(String bytes) throws IOException {
        Optional<Wire.Answer> answer = sent(bytes);
        answer.ifPresent(it -> assertThat(it.status()).isBetween(400, 599));
    }

    /** The first answer, after which nothing else comes. */
    private Optional<Wire.Answer> sent(String bytes) throws IOException {
        try (Wire wire = world.connect()) {
            Optional<Wire.Answer> first = first(wire, bytes);
            assertThat(first.isEmpty() || wire.closed())
                    .as("nothing is believed that comes behind")
                    .isTrue();
            return first;
        }
    }

    private Optional<Wire.Answer> first(String bytes) throws IOException {
        try (Wire wire = world.connect()) {
            return first(wire, bytes);
        }
    }

    /** Empty where the connection is closed without an answer. */
    private static Optional<Wire.Answer> first(Wire wire, String bytes) {
        try {
            return Optional.of(wire.send(bytes).receive());
        } catch (IOException closed) {
            return Optional.empty();
        }
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Upstreams that say what they should not, or not what they should: what reaches the agent, the record, and nobody else. */
class LyingUpstreamTest {
    private static final String JSON = "Content-Type: application/json\r\n";
    private static final Duration BRIEF = Duration.ofMillis(600);

    /** What an agent may see of any answer: the gateway's own, and what its lists let pass. */
    private static final Set<String> SHOWN = Set.of(
            "behalf-record",
            "behalf-task",
            "cache-control",
            "content-length",
            "content-type",
            "etag",
            "traceparent",
            "transfer-encoding",
            "x-accel-buffering");

    @SuppressWarnings("ImmutableEnumChecker") // text and lists of it
    enum Surface {
        OPENAI("/llm/openai/v1/chat/completions", "{\"model\":\"small\"}"),
        ANTHROPIC("/llm/anthropic/v1/messages", "{\"model\":\"claude\"}"),
        MCP(
                "/mcp/tools",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{}}}"),
        HTTP("/http/tickets/tickets/4711", "");

        final String path;
        final String body;

        Surface(String path, String body) {
            this.path = path;
            this.body = body;
        }
    }

    private RawUpstream upstream;
    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        upstream = new RawUpstream();
        world = new World(upstream::behind);
        delegation = world.delegation();
    }

    @AfterEach
    void end() throws IOException {
        world.close();
        upstream.close();
    }

    static Stream<Arguments> redirects() {
        return Stream.of(Surface.values()).flatMap(surface -> IntStream.of(300, 301, 302, 303, 307, 308)
                .mapToObj(status -> Arguments.of(surface, status)));
    }

    @ParameterizedTest
    @MethodSource("redirects")
    void nobodyIsSentOn(Surface surface, int status) throws Exception {
        try (RawUpstream elsewhere = new RawUpstream()) {
            elsewhere.answers(answer(200, JSON, "{\"stolen\":true}"));
            Route there = elsewhere.behind(World.routes(1).getFirst());
            upstream.answers(answer(status, "Location: " + there.upstream() + "/\r\nRefresh: 0;url=/\r\n", "go"));
            Wire.Answer answer = ask(surface);

            assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("stolen");
            assertThat(answer.headers()).doesNotContainKeys("location", "refresh");
            assertThat(upstream.received()).hasSize(1);
            assertThat(elsewhere.received()).isEmpty();
            assertThat(only().status()).isEqualTo(status);
            assertThat(only().reason()).contains("upstream_unavailable");
        }
    }

    @ParameterizedTest
    @EnumSource
    void nobodyIsSentToAnotherAuthority(Surface surface) throws Exception {
        String challenge = String.join(
                "\r\n",
                "WWW-Authenticate: Bearer resource_metadata=\"https://evil.example/meta\"",
                "Proxy-Authenticate: Basic",
                "Location: https://evil.example",
                "");
        for (int status : List.of(401, 403, 407, 500)) {
            upstream.answers(answer(status, JSON + challenge, "{\"see\":\"https://evil.example\"}"));
            Wire.Answer answer = ask(surface);

            assertThat(answer.headers()).doesNotContainKeys("www-authenticate", "proxy-authenticate", "location");
            assertThat(answer.headers().toString()).doesNotContain("evil.example");
            assertThat(answer.status()).isNotIn(401, 407);
            if (status == 401 || status == 407) {
                assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("evil.example");
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatTheRecordIsCalledIsTheGatewaysToSay(Surface surface) throws Exception {
        String forged = String.join(
                "\r\n",
                "Behalf-Record: rec_forged",
                "Behalf-Task: tsk_forged",
                "X-Behalf-Subject: bob",
                "X-Behalf-Delegation: eyJ",
                "traceparent: 00-" + "1".repeat(32) + "-" + "1".repeat(16) + "-01",
                "Cache-Control: public, max-age=9999",
                "Set-Cookie: session=stolen",
                "Alt-Svc: h2=\"evil.example:443\"",
                "Access-Control-Allow-Origin: *",
                "Strict-Transport-Security: max-age=1",
                "Server: other",
                "X-Accel-Redirect: /etc/passwd",
                "Keep-Alive: timeout=9999",
                "Upgrade: websocket",
                "ETag: \"1\"",
                "");
        String chunked = "HTTP/1.1 200 OK\r\n" + JSON + forged + "Trailer: Behalf-Record\r\nTransfer-Encoding: chunked"
                + "\r\n\r\n2\r\n{}\r\n0\r\nBehalf-Record: rec_forged\r\nSet-Cookie: a=b\r\n\r\n";
        for (String bytes : List.of(answer(200, JSON + forged, "{}"), chunked)) {
            upstream.answers(bytes);
            Wire.Answer answer = ask(surface);

            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.body()).isEqualTo("{}");
            assertThat(SHOWN).containsAll(answer.headers().keySet());
            assertThat(answer.all("behalf-record"))
                    .containsExactly(
                            world.records(Intent.class).getLast().header().id());
            assertThat(answer.all("behalf-task"))
                    .containsExactly(delegation.taskId().value());
            assertThat(answer.all("cache-control")).containsExactly("private, no-store");
        }
    }

    /** Bytes instead of a whole answer, and then the end of the connection. */
    static Stream<Arguments> beginnings() {
        return Stream.of(
                Arguments.of("nothing", ""),
                Arguments.of("half a head", "HTTP/1.1 200 OK\r\nContent-Ty"),
                Arguments.of("no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
                Arguments.of("HTTP/0.9", "<html>hello</html>"),
                Arguments.of("no status", "HTTP/1.1 abc OK\r\n\r\n"),
                Arguments.of("a status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
                Arguments.of("a status below the first", answer(99, JSON, "{}")),
                Arguments.of("a status beyond the last", answer(600, JSON, "{}")),
                Arguments.of(
                        "another protocol",
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw"),
                Arguments.of("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
                Arguments.of("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
                Arguments.of("a header without a name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\n{}"),
                Arguments.of("a long header", "HTTP/1.1 200 OK\r\nX-Long: " + "x".repeat(70_000) + "\r\n\r\n"),
                Arguments.of("many headers", "HTTP/1.1 200 OK\r\n" + "X-Many: x\r\n".repeat(10_000) + "\r\n"),
                Arguments.of("a long status line", "HTTP/1.1 200 " + "x".repeat(70_000) + "\r\n\r\n"),
                Arguments.of(
                        "a session with a long name",
                        answer(200, JSON + "Mcp-Session-Id: " + "s".repeat(600) + "\r\n", "{}")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("beginnings")
    void whatIsNoAnswerIsTheUpstreamsFault(String what, String bytes) throws Exception {
        for (boolean reset : List.of(false, true)) {
            upstream.serves((exchange, _) -> {
                exchange.request();
                exchange.send(bytes);
                if (reset) {
                    exchange.reset();
                }
            });
            for (Surface surface : List.of(Surface.OPENAI, Surface.HTTP)) {
                Wire.Answer answer = ask(surface);
                assertThat(answer.status()).as(surface.name()).isEqualTo(502);
                assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("raw");
            }
        }
        assertThat(upstream.received()).hasSize(4);
        assertThat(outcomes()).hasSize(4).allSatisfy(ended -> {
            assertThat(ended.end()).isEqualTo(End.ERROR);
            assertThat(ended.reason()).contains("upstream_unavailable");
            assertThat(ended.bytes()).isZero();
        });
    }

    /** What no codec can read would pass its record. A plain service is not read, and may compress what it was asked for. */
    @ParameterizedTest
    @EnumSource(names = {"OPENAI", "ANTHROPIC", "MCP"})
    void whatWasCompressedThoughNobodyAskedIsTheUpstreamsFault(Surface surface) throws Exception {
        upstream.answers(answer(200, JSON + "Content-Encoding: gzip\r\n", "xx"));
        assertThat(ask(surface).body()).contains("upstream_unavailable");
        assertThat(only().end()).isEqualTo(End.ERROR);
    }

    /** Whoever stands between may take the one for the end, or the other. */
    @ParameterizedTest
    @EnumSource
    void anAnswerThatTellsItsLengthTwiceIsTheUpstreamsFault(Surface surface) throws Exception {
        String lengths = JSON + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        upstream.answers("HTTP/1.1 200 OK\r\n" + lengths);
        assertThat(ask(surface).body()).contains("upstream_unavailable");
        assertThat(only().end()).isEqualTo(End.ERROR);
    }

    /** A good head, and less of a body than it promised. */
    static Stream<Arguments> halves() {
        return Stream.of(
                Arguments.of("half a length", "Content-Length: 10\r\n\r\nhalf"),
                Arguments.of("half a chunk", "Transfer-Encoding: chunked\r\n\r\na\r\nhalf"),
                Arguments.of("half a chunk's length", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n1"),
                Arguments.of("no last chunk", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
                Arguments.of("half an end", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n"),
                Arguments.of("a chunk of no length", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n"),
                Arguments.of(
                        "an endless trailer",
                        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX: " + "x".repeat(70_000)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("halves")
    void halfAnAnswerIsNeverTakenForTheWhole(String what, String rest) throws Exception {
        for (boolean reset : List.of(false, true)) {
            upstream.serves((exchange, _) -> {
                exchange.request();
                exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + rest);
                if (reset) {
                    Thread.sleep(50); // or the kernel throws away what has not been read yet, which it may do even so
                    exchange.reset();
                }
            });
            Wire.Answer answer = ask(Surface.HTTP);
            assertThat(answer.cut() || answer.status() == 502)
                    .as(answer.toString())
                    .isTrue();
            End end = world.await(Outcome.class, outcome -> outcome.of().equals(last()))
                    .outcome()
                    .end();
            assertThat(end).isIn(reset ? Set.of(End.CUT_BY_UPSTREAM, End.ERROR) : Set.of(End.CUT_BY_UPSTREAM));
        }
    }

    /** What hangs is cut after the route's own bounds, wherever it hangs. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "HTTP/1.1 200 OK\r\nContent-Ty",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\na\r\ndata: {}\n\n\r\n5\r\nda"
            })
    void whatHangsIsCutInTime(String bytes) throws Exception {
        try (World brief = new World(route -> upstream.behind(route).withTimeouts(BRIEF, BRIEF))) {
            upstream.serves((exchange, _) -> {
                exchange.request();
                exchange.send(bytes);
                exchange.hang();
            });
            Wire.Answer answer = brief.post(brief.delegation(), Surface.OPENAI.path, Surface.OPENAI.body);
            assertThat(answer.body()).contains("upstream_unavailable");
            assertThat(brief.outcome().outcome().end()).isEqualTo(End.TIMEOUT);
        }
    }

    /** Its queue of connections is full and nobody takes one from it: not even the TCP handshake is answered. */
    @Test
    void anUpstreamThatAcceptsNoConnectionIsNotWaitedFor() throws Exception {
        List<Socket> queued = new ArrayList<>();
        try (ServerSocket listening = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int unanswered = 0;
            for (int i = 0; i < 16 && unanswered < 2; i++) {
                Socket socket = new Socket();
                queued.add(socket);
                try {
                    socket.connect(listening.getLocalSocketAddress(), 1_000);
                } catch (SocketTimeoutException silent) {
                    unanswered++;
                }
            }
            assumeThat(unanswered).as("this system answers for a full queue").isEqualTo(2);
            URI there = URI.create("http://127.0.0.1:" + listening.getLocalPort());
            try (World full = new World(route -> RawUpstream.behind(route, there))) {
                Wire.Answer answer = full.post(full.delegation(), Surface.OPENAI.path, Surface.OPENAI.body);
                assertThat(answer.status()).isEqualTo(502);
                assertThat(answer.body()).contains("upstream_unavailable");
                Ended ended = full.outcome().outcome();
                assertThat(ended.end()).isEqualTo(End.ERROR);
                assertThat(ended.reason()).contains("upstream_unavailable");
                assertThat(ended.sent()).isEqualTo(AuditRecord.Sent.NO);
                assertThat(full.records(Intent.class)).hasSize(1);
            }
        } finally {
            for (Socket socket : queued) {
                socket.close();
            }
        }
    }

    /** A byte now and then is no answer: the head has its time, whatever trickles in. */
    @Test
    void aHeadThatTricklesInIsCutInTime() throws Exception {
        try (World brief = new World(route -> upstream.behind(route).withTimeouts(BRIEF, Duration.ofMinutes(5)))) {
            upstream.serves((exchange, _) -> {
                exchange.request();
                exchange.send("HTTP/1.1 200 OK\r\nX-Slow: ");
                while (true) {
                    exchange.send("x");
                    Thread.sleep(20);
                }
            });
            assertThat(brief.post(brief.delegation(), Surface.OPENAI.path, Surface.OPENAI.body)
                            .status())
                    .isEqualTo(504);
            assertThat(brief.outcome().outcome().end()).isEqualTo(End.TIMEOUT);
        }
    }

    /** What is sent behind an answer would be taken for the next call's, which may be another agent's. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anAnswerThatNobodyAskedForReachesNobody(boolean late) throws Exception {
        String own = answer(200, JSON, "{\"own\":true}");
        String poison = answer(200, JSON, "{\"poison\":true}");
        Semaphore arrived = new Semaphore(0);
        Semaphore broken = new Semaphore(0);
        upstream.serves((exchange, _) -> {
            exchange.request();
            if (late) {
                exchange.send(own);
                arrived.acquire();
                exchange.send(poison);
            } else {
                exchange.send(own + poison);
            }
            try {
                exchange.request();
            } finally {
                broken.release(); // by the gateway, before another call came
            }
        });
        for (int i = 0; i < 20; i++) {
            Wire.Answer answer = world.post(world.delegation(), Surface.OPENAI.path, Surface.OPENAI.body);
            arrived.release();
            assertThat(answer.body()).doesNotContain("poison");
            assertThat(broken.tryAcquire(20, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(upstream.received()).hasSize(20);
    }

    /** Answers without a body have none, whatever comes behind their head. */
    @ParameterizedTest
    @ValueSource(ints = {204, 304})
    void aBodyThatMayNotBeReachesNobody(int status) throws Exception {
        upstream.answers("HTTP/1.1 " + status + " X\r\nETag: \"1\"\r\n\r\n" + answer(200, JSON, "{\"poison\":true}"));
        for (int i = 0; i < 5; i++) {
            Wire.Answer answer = ask(Surface.HTTP);
            assertThat(answer.status()).isIn(status, 502);
            assertThat(answer.body()).doesNotContain("poison");
        }
    }

    /** A kept connection may end when the next call is just on it: whether that was done is not known, so it is not done again. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingIsSentTwiceWhenAKeptConnectionEnds(boolean reset) throws Exception {
        upstream.serves((exchange, _) -> {
            exchange.request();
            exchange.send(answer(200, JSON, "{}"));
            exchange.request();
            if (reset) {
                exchange.reset();
            }
        });
        int calls = 20;
        int failed = 0;
        for (int i = 0; i < calls; i++) {
            Surface surface = i % 4 < 2 ? Surface.OPENAI : Surface.HTTP;
            int status = ask(surface).status();
            assertThat(status).isIn(200, 502);
            failed += status == 502 ? 1 : 0;
        }
        assertThat(failed).isPositive();
        assertThat(upstream.received()).hasSize(calls);
        assertThat(outcomes()).hasSize(calls);
        assertThat(outcomes().stream().filter(ended -> ended.end() == End.ERROR))
                .hasSize(failed)
                .allSatisfy(ended -> {
                    assertThat(ended.sent()).isEqualTo(AuditRecord.Sent.MAYBE);
                    assertThat(ended.reason()).contains("upstream_unavailable");
                });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nothingIsSentTwiceWhenAConnectionEndsWithItsAnswer(boolean reset) throws Exception {
        upstream.serves((exchange, _) -> {
            exchange.request();
            exchange.send(answer(200, JSON, "{}")); // says nothing of its end
            if (reset) {
                exchange.reset();
            }
        });
        int calls = 60;
        for (int i = 0; i < calls; i++) {
            assertThat(ask(i % 2 == 0 ? Surface.OPENAI : Surface.HTTP).status()).isIn(200, 502);
        }
        assertThat(upstream.received().stream().map(LyingUpstreamTest::trace).distinct())
                .hasSameSizeAs(upstream.received());
        assertThat(outcomes()).hasSize(calls);
    }

    @ParameterizedTest
    @EnumSource
    void anAnswerDeeperThanAnyReaderGoesIsCarriedAsItIs(Surface surface) throws Exception {
        String deep = "[".repeat(100_000) + "]".repeat(100_000);
        upstream.answers(answer(200, JSON, deep));
        assertThat(ask(surface).body()).isEqualTo(deep);
        assertThat(only().end()).isEqualTo(End.COMPLETE);
    }

    // ---- what the tests share

    private Wire.Answer ask(Surface surface) throws IOException {
        return surface.body.isEmpty()
                ? world.get(delegation, surface.path)
                : world.post(delegation, surface.path, surface.body);
    }

    private Ended only() throws InterruptedException {
        Ended ended = world.outcome().outcome();
        assertThat(world.records(Outcome.class)).hasSize(1);
        return ended;
    }

    private List<Ended> outcomes() {
        return world.records(Outcome.class).stream().map(Outcome::outcome).toList();
    }

    private String last() {
        return world.records(Intent.class).getLast().header().id();
    }

    private static String trace(String request) {
        int at = request.toLowerCase(Locale.ROOT).indexOf("traceparent: 00-") + 16;
        return request.substring(at, at + 32);
    }

    private static String answer(int status, String headers, String body) {
        return "HTTP/1.1 " + status + " X\r\n" + headers + "Content-Length: " + body.length() + "\r\n\r\n" + body;
    }
}

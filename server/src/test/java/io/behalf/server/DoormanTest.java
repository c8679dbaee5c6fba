package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.gateway.BodyRoom;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.handler.BodyHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** That other hosts and origins are turned away stands in {@link ServerTest}. */
class DoormanTest {
    private static final String HOST = "127.0.0.1";
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final int LONGEST_WAIT = 10_000;
    private static final int BODY = 5;

    private final Vertx vertx = Vertx.vertx();
    private final BodyRoom bodies = new BodyRoom(2L * BODY, 2L * BODY);
    private final AtomicInteger unanswered = new AtomicInteger();
    private int port;

    @BeforeEach
    void listen() {
        listen(SHORT);
    }

    private void listen(Duration bodyWithin) {
        Router router = Router.router(vertx);
        var where = new Configuration.Listening(
                HOST,
                1,
                URI.create("http://" + HOST),
                "node",
                true,
                Set.of(HOST),
                Set.of(),
                Duration.ZERO,
                Optional.empty());
        router.route().handler(new Doorman(where, bodyWithin, bodies)::handle);
        router.post("/").handler(BodyHandler.create(false)).handler(context -> context.end("taken"));
        router.get("/").handler(context -> context.end("page"));
        router.errorHandler(503, context -> ProblemJson.answer(context.response(), 503, "busy"));
        router.post("/slow").handler(BodyHandler.create(false)).handler(_ -> unanswered.incrementAndGet());
        router.post("/early").handler(context -> context.end("not read"));
        HttpServer server =
                vertx.createHttpServer().requestHandler(router).listen(0, HOST).await();
        port = server.actualPort();
    }

    @AfterEach
    void close() {
        vertx.close().await();
    }

    @Test
    void aBodyThatNeverEndsIsNotWaitedForForEver() throws IOException {
        assertThat(sent("POST / HTTP/1.1", "{")).isEmpty();
    }

    @Test
    void noBodyGoesOnArrivingAfterItsAnswer() throws IOException {
        assertThat(sent("POST /early HTTP/1.1", "{")).contains("not read");
    }

    /** RFC 9112 §3.2.2: what a target names goes before {@code Host}; whoever stands before us may have gone by either. */
    @ParameterizedTest
    @CsvSource({
        "http://127.0.0.1/,         127.0.0.1,    200",
        "HTTP://127.0.0.1,          127.0.0.1,    200",
        "http://evil.example/,      127.0.0.1,    403",
        "http://evil.example,       127.0.0.1,    403",
        "http://evil.example?,      127.0.0.1,    403",
        "http://127.0.0.1/,         evil.example, 403",
        "http://127.0.0.1@evil.example/, 127.0.0.1, 403",
        "http://evil.example@127.0.0.1/, 127.0.0.1, 403",
        "http://127.0.0.1:1/,       127.0.0.1,    403",
        "http:///,                  127.0.0.1,    403",
        "ftp://127.0.0.1/,          127.0.0.1,    403"
    })
    void aTargetThatNamesAnotherHostIsTurnedAwayToo(String target, String host, int status) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(LONGEST_WAIT);
            String request = "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
        }
    }

    @Test
    void aWholeBodyIsAnsweredAndTheConnectionKept() throws Exception {
        askTwice();
    }

    private void askTwice() throws Exception {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(LONGEST_WAIT);
            for (int request = 0; request < 2; request++) {
                write(socket, "POST / HTTP/1.1", "12345");
                String answer = "";
                while (!answer.endsWith("taken")) {
                    int next = socket.getInputStream().read();
                    assertThat(next).as(answer).isNotNegative();
                    answer += (char) next;
                }
                Thread.sleep(SHORT.multipliedBy(2));
            }
        }
    }

    /** Behind a proxy all have one address, so a stranger's halves must not keep others out. */
    @Test
    void halfSentBodiesGiveWayToWhoeverComesTheOldestFirst() throws Exception {
        listen(Doorman.BODY_WITHIN.multipliedBy(10));
        try (var first = half();
                var second = half()) {
            awaitHeld(2 * BODY);
            askTwice();
            first.setSoTimeout(LONGEST_WAIT);
            assertThat(first.getInputStream().readAllBytes()).isEmpty(); // closed, and not told anything
            second.getOutputStream().write("2345".getBytes(StandardCharsets.US_ASCII));
            second.setSoTimeout(LONGEST_WAIT);
            assertThat((char) second.getInputStream().read()).isEqualTo('H');
        }
        awaitHeld(0);
    }

    @Test
    void wholeBodiesThatAreBeingAnsweredLeaveNoMoreThanTheirRoomToWhoeverComes() throws Exception {
        listen(Doorman.BODY_WITHIN.multipliedBy(10));
        try (var one = answering();
                var other = answering()) {
            awaitHeld(2 * BODY);
            assertThat(sent("POST / HTTP/1.1", "1"))
                    .startsWith("HTTP/1.1 503")
                    .contains("Retry-After: 5", "Connection: close", "application/problem+json");
            assertThat(sent("POST /early HTTP/1.1", "12345")).startsWith("HTTP/1.1 503");
            assertThat(one.isClosed() || other.isClosed()).isFalse();
        }
        awaitHeld(0);
        askTwice();
        awaitHeld(0);
    }

    /** Returns when its body is whole. */
    private Socket answering() throws Exception {
        int before = unanswered.get();
        var socket = new Socket(InetAddress.getLoopbackAddress(), port);
        write(socket, "POST /slow HTTP/1.1", "12345");
        long deadline = System.nanoTime() + Duration.ofMillis(LONGEST_WAIT).toNanos();
        while (unanswered.get() == before) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.sleep(5);
        }
        return socket;
    }

    @Test
    void aBodyThatWasGivenUpHoldsNoRoom() throws Exception {
        sent("POST / HTTP/1.1", "{");
        awaitHeld(0);
    }

    private Socket half() throws IOException {
        var socket = new Socket(InetAddress.getLoopbackAddress(), port);
        write(socket, "POST / HTTP/1.1", "1");
        return socket;
    }

    private void awaitHeld(long bytes) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofMillis(LONGEST_WAIT).toNanos();
        while (bodies.held() != bytes) {
            assertThat(System.nanoTime()).as("%s bytes held", bodies.held()).isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    /** Everything that comes until the connection is closed, of a request that announces five bytes. */
    private String sent(String line, String part) throws IOException {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setSoTimeout(LONGEST_WAIT);
            write(socket, line, part);
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static void write(Socket socket, String line, String part) throws IOException {
        String head = line + "\r\nHost: " + HOST + "\r\nContent-Length: 5\r\n\r\n";
        socket.getOutputStream().write((head + part).getBytes(StandardCharsets.US_ASCII));
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.UnixOperatingSystemMXBean;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.policy.PolicySource;
import io.vertx.core.http.HttpServerResponse;
import java.io.Closeable;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who says little and keeps what he holds: he is let go, or makes room, and a call that takes its time is left alone. */
class SlowClientTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\",\"stream\":true}";
    private static final Duration SHORT = Duration.ofMillis(400);
    private static final Duration LONG = Duration.ofMinutes(5);
    private static final Connections.Limits BRIEF = new Connections.Limits(100, SHORT, SHORT, LONG);

    @Test
    void aConnectionThatNeverSendsAWholeHeadIsClosed() throws Exception {
        try (World world = world(BRIEF);
                Wire silent = world.connect();
                Wire half = world.connect()) {
            half.send("GET /llm/openai/v1/models HTTP/1.1\r\nHost: 127.0.0.1");
            assertThat(silent.closed()).isTrue();
            assertThat(half.closed()).isTrue();
            assertThat(world.ledger.records()).isEmpty();
        }
    }

    /** The first of its connection, and the next one: neither begins its time anew with each byte. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aHeadThatTricklesInIsNotWaitedForForEver(boolean next) throws Exception {
        try (World world = world(next ? new Connections.Limits(100, LONG, SHORT, LONG) : BRIEF);
                Socket socket = new Socket(InetAddress.getLoopbackAddress(), world.port)) {
            if (next) {
                socket.getOutputStream()
                        .write(world.request("GET", "/llm/nobody/v1/models", "", "")
                                .getBytes(StandardCharsets.US_ASCII));
            }
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            boolean closed = false;
            while (!closed && System.nanoTime() < deadline) {
                try {
                    socket.getOutputStream().write('x');
                    Thread.sleep(50);
                } catch (IOException reset) {
                    closed = true;
                }
            }
            assertThat(closed).isTrue();
        }
    }

    /** Tiny lines become objects of twenty times their bytes, and this head is never whole, so that nobody counts them. */
    @Test
    void aHeadOfMoreLinesThanOneMayHaveIsNotWaitedFor() throws Exception {
        try (World world = world(new Connections.Limits(100, LONG, LONG, LONG));
                Wire wire = world.connect();
                Wire another = world.connect()) {
            wire.send("GET / HTTP/1.1\r\n" + "a:\r\n".repeat(HeadLines.MOST));
            assertThat(wire.closed()).isTrue();

            another.send(world.request("GET", "/llm/nobody/v1/models", "", ""));
            assertThat(another.receive().status()).isEqualTo(404);
            another.send("GET / HTTP/1.1\r\n" + "a:\r\n".repeat(HeadLines.MOST));
            assertThat(another.closed()).isTrue();
        }
    }

    @Test
    void aConnectionIsKeptForTheNextRequestForAWhileOnly() throws Exception {
        // time for the next request, which is ready by then, however busy the machine
        try (World world = world(new Connections.Limits(100, LONG, Duration.ofSeconds(5), LONG));
                Wire wire = world.connect()) {
            world.upstream.answersJson("{}");
            Delegation d = world.delegation();
            List<String> requests = List.of(
                    world.jsonRequest(d, CHAT, ASK), world.jsonRequest(d, CHAT, ASK), world.jsonRequest(d, CHAT, ASK));
            for (String request : requests) {
                assertThat(wire.send(request).receive().status()).isEqualTo(200);
            }
            assertThat(wire.closed()).isTrue();
        }
    }

    /** Whoever is known and sends a body that never ends: he is told why, and it is on the record. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aBodyThatStopsOrDripsIsNotWaitedForForEver(boolean drips) throws Exception {
        Duration body = Duration.ofMillis(600);
        try (World world = world(new Connections.Limits(100, LONG, LONG, body));
                Wire wire = world.connect()) {
            String whole = world.jsonRequest(world.delegation(), CHAT, ASK + " ".repeat(10_000));
            Thread dripping = Thread.ofVirtual().unstarted(() -> drip(wire));
            wire.send(whole.substring(0, whole.length() - 9_990));
            if (drips) {
                dripping.start();
            }
            Wire.Answer answer = wire.receive();
            dripping.interrupt();

            assertThat(answer.status()).isEqualTo(400);
            assertThat(answer.body()).contains("request_malformed").contains("did not come in time");
            assertThat(world.records(AuditRecord.Refused.class)).singleElement().satisfies(refused -> {
                assertThat(refused.decision().reason()).contains("request_malformed");
                assertThat(answer.header("behalf-record"))
                        .contains(refused.header().id());
            });
            assertThat(world.records(AuditRecord.Intent.class)).isEmpty();
            assertThat(world.upstream.received()).isEmpty();
        }
    }

    private static void drip(Wire wire) {
        try {
            while (!Thread.interrupted()) {
                wire.send(" ");
                Thread.sleep(50);
            }
        } catch (IOException | InterruptedException over) {
            // the answer is there
        }
    }

    @Test
    void aBodyThatNobodyWaitsForKeepsNoConnectionOpen() throws Exception {
        try (World world = world(new Connections.Limits(100, LONG, SHORT, LONG));
                Wire wire = world.connect()) {
            String head = world.request("POST", CHAT, "Content-Type: application/json\r\n", "x".repeat(100));
            wire.send(head.substring(0, head.length() - 99));
            assertThat(wire.receive().status()).isEqualTo(401);
            assertThat(wire.closed()).isTrue();
        }
    }

    /** It was told that it is too long, and goes on sending it. */
    @Test
    void aBodyThatIsTooLongKeepsNoConnectionOpen() throws Exception {
        try (World world = world(new Connections.Limits(100, LONG, LONG, LONG));
                Wire wire = world.connect()) {
            Thread sending = Thread.ofVirtual().unstarted(() -> drip(wire));
            wire.send("POST " + CHAT + " HTTP/1.1\r\nHost: 127.0.0.1:" + world.port
                    + "\r\nContent-Type: application/json\r\nContent-Length: 2000000000\r\n\r\n{");
            Wire.Answer answer = wire.receive();
            assertThat(answer.status()).isEqualTo(413);
            assertThat(answer.header("connection")).contains("close");
            sending.start();
            assertThat(wire.closed()).isTrue();
            sending.join();
        }
    }

    /** A model that thinks for minutes says nothing meanwhile, and whoever waits for it has nothing to say either. */
    @Test
    void aCallMayBeSilentForAsLongAsItsRouteAllows() throws Exception {
        CompletableFuture<HttpServerResponse> before = new CompletableFuture<>();
        CompletableFuture<HttpServerResponse> within = new CompletableFuture<>();
        try (World world = world(new Connections.Limits(100, LONG, SHORT, LONG));
                Wire thinking = world.connect()) {
            world.upstream.answers((_, response) -> before.complete(response));
            thinking.send(world.jsonRequest(world.delegation(), CHAT, ASK));
            before.get(10, TimeUnit.SECONDS);
            world.upstream.answers((_, response) -> {
                stream(response).write("data: {}\n\n");
                within.complete(response);
            });
            try (Wire pausing = world.connect()) {
                pausing.send(world.jsonRequest(world.delegation(), CHAT, ASK));
                pausing.head();
                pausing.chunk();
                Thread.sleep(SHORT.multipliedBy(2));
                for (int loop = 0; loop < 4; loop++) { // so that what is idle has been looked for on both event loops
                    try (Wire idle = world.connect()) {
                        idle.send(world.request("GET", "/llm/nobody/v1/models", "", ""));
                        assertThat(idle.receive().status()).isEqualTo(404);
                        assertThat(idle.closed()).isTrue();
                    }
                }

                stream(before.get()).end("data: [DONE]\n\n");
                within.get().end("data: [DONE]\n\n");
                assertThat(thinking.receive().body()).isEqualTo("data: [DONE]\n\n");
                assertThat(pausing.untilEnd()).isEqualTo("data: [DONE]\n\n");
            }
            assertThat(world.records(AuditRecord.Outcome.class))
                    .hasSize(2)
                    .allSatisfy(outcome -> assertThat(outcome.outcome().end()).isEqualTo(End.COMPLETE));
        }
    }

    @Test
    void oneSocketOrFiveThousandThatTrickleShutNobodyOut() throws Exception {
        int most = 200;
        try (World world = world(new Connections.Limits(most, LONG, LONG, LONG));
                Crowd crowd = new Crowd()) {
            CompletableFuture<HttpServerResponse> running = new CompletableFuture<>();
            world.upstream.answers((_, response) -> {
                stream(response).write("data: {}\n\n");
                running.complete(response);
            });
            Delegation d = world.delegation();
            try (Wire before = world.connect()) {
                before.send(world.jsonRequest(d, CHAT, ASK));
                before.head();
                before.chunk();
                running.get(10, TimeUnit.SECONDS);
                world.upstream.answersJson("{}");

                for (int i = 0; i < crowdOf(5_000); i++) {
                    crowd.join(world.port, "POST " + CHAT + " HTTP/1.1\r\nX-Slow: ");
                    if (i % 500 == 0) {
                        assertThat(world.post(d, CHAT, ASK).status()).isEqualTo(200);
                    }
                }
                for (int i = 0; i < 10; i++) {
                    assertThat(world.post(d, CHAT, ASK).status()).isEqualTo(200);
                }
                running.get().end("data: [DONE]\n\n");
                assertThat(before.untilEnd()).isEqualTo("data: [DONE]\n\n"); // it made no room for anybody
            }
            crowd.awaitAtMost(2 * most);
        }
    }

    @Test
    void whoHoldsAnsweredConnectionsOrUnfinishedRequestsMakesRoomToo() throws Exception {
        int most = 40;
        try (World world = world(new Connections.Limits(most, LONG, LONG, LONG));
                Crowd crowd = new Crowd()) {
            world.upstream.answersJson("{}");
            Delegation d = world.delegation();
            for (int i = 0; i < 3 * most; i++) {
                crowd.join(world.port, world.request("GET", "/llm/nobody/v1/models", "", ""));
            }
            assertThat(world.post(d, CHAT, ASK).status()).isEqualTo(200);
            for (int i = 0; i < 3 * most; i++) {
                String whole = world.jsonRequest(d, CHAT, ASK);
                crowd.join(world.port, whole.substring(0, whole.length() - 1));
            }
            assertThat(world.post(d, CHAT, ASK).status()).isEqualTo(200);
            crowd.awaitAtMost(2 * most);
        }
    }

    /** Where everybody is being served there is no room to be made: whoever comes is told at once. */
    @Test
    void aCallThatIsRunningIsNeverCutForANewOne() throws Exception {
        int most = 3;
        try (World world = world(new Connections.Limits(most, LONG, LONG, LONG))) {
            world.upstream.answers((_, response) -> stream(response).write("data: {}\n\n"));
            List<Wire> running = new ArrayList<>();
            int turnedAway = 0;
            for (int i = 0; i < 4 * most; i++) {
                Wire wire = world.connect();
                try {
                    wire.send(world.jsonRequest(world.delegation(), CHAT, ASK)).head();
                    wire.chunk();
                    running.add(wire);
                } catch (IOException closed) {
                    wire.close();
                    turnedAway++;
                }
            }
            assertThat(running).hasSizeBetween(most, 2 * most); // two event loops, between which the kernel chose
            assertThat(turnedAway).isEqualTo(4 * most - running.size());
            assertThat(world.records(AuditRecord.Intent.class)).hasSameSizeAs(running);
            assertThat(world.records(AuditRecord.Outcome.class)).isEmpty();
            for (Wire wire : running) {
                wire.close();
            }
        }
    }

    private static World world(Connections.Limits limits) throws Exception {
        return new World(UnaryOperator.identity(), PolicySource.BUILT_IN, limits);
    }

    private static HttpServerResponse stream(HttpServerResponse response) {
        return response.putHeader("content-type", "text/event-stream").setChunked(true);
    }

    /** As many as asked for, or as many as this machine lets a process hold both ends of. */
    private static int crowdOf(int wanted) {
        long files = ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
                ? unix.getMaxFileDescriptorCount()
                : 1_024;
        return (int) Math.min(wanted, files / 4);
    }

    /** Connections that are kept open after a few bytes. */
    private static final class Crowd implements Closeable {
        private final List<Socket> sockets = new ArrayList<>();

        void join(int port, String says) throws IOException {
            Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
            sockets.add(socket);
            try {
                socket.getOutputStream().write(says.getBytes(StandardCharsets.US_ASCII));
            } catch (IOException closedAlready) {
                // the other side needed the room
            }
        }

        /** Waits until the other side has closed all but so many. */
        void awaitAtMost(int most) throws IOException, InterruptedException {
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            long there = stillThere();
            while (there > most && System.nanoTime() < deadline) {
                Thread.sleep(20);
                there = stillThere();
            }
            assertThat(there).isLessThanOrEqualTo(most);
        }

        private long stillThere() throws IOException {
            long there = 0;
            for (Socket socket : sockets) {
                there += closed(socket) ? 0 : 1;
            }
            return there;
        }

        private static boolean closed(Socket socket) throws IOException {
            socket.setSoTimeout(1);
            try {
                int next = socket.getInputStream().read();
                while (next >= 0) {
                    next = socket.getInputStream().read();
                }
                return true;
            } catch (SocketTimeoutException open) {
                return false;
            } catch (IOException reset) {
                return true;
            }
        }

        @Override
        public void close() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }
}

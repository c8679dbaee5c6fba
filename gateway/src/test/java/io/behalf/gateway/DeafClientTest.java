package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.policy.PolicySource;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Whoever asks and reads nothing of the answer: what he holds is taken from him, and the others go on. */
class DeafClientTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\",\"stream\":true}";
    private static final Duration LONG = Duration.ofMinutes(5);
    private static final Duration PATIENCE = Duration.ofSeconds(8);
    /** Places of each of the two event loops, and how many want one. */
    private static final int MOST = 3;

    private static final int DEAF = 4 * MOST;
    private static final Connections.Limits FEW = new Connections.Limits(MOST, LONG, LONG, LONG);
    /** More than the kernel takes for a peer that reads nothing. */
    private static final int MORE_THAN_IS_BUFFERED = 6 << 20;

    /** A machine that stood still for as long as the deaf may be silent has cut the upstream instead: it gets chances. */
    @Test
    void heIsGoneSoonAfterHisCallIsCut() throws Exception {
        Set<End> ends = endsOfCallsOfTheDeaf();
        for (int chance = 0; chance < 3 && ends.contains(End.TIMEOUT); chance++) {
            ends = endsOfCallsOfTheDeaf();
        }
        assertThat(ends).containsExactly(End.CUT_BY_CLIENT);
    }

    private static Set<End> endsOfCallsOfTheDeaf() throws Exception {
        try (World world = new World(route -> route.withTimeouts(LONG, PATIENCE), PolicySource.BUILT_IN, FEW);
                Deaf deaf = new Deaf()) {
            Buffer event = Buffer.buffer("data: {\"pad\":\"" + "x".repeat(60_000) + "\"}\n\n");
            world.upstream.answers((_, response) -> endless(
                    response.putHeader("content-type", "text/event-stream").setChunked(true), event));
            for (int i = 0; i < DEAF; i++) {
                deaf.ask(world.port, world.jsonRequest(world.delegation(), CHAT, ASK));
            }

            await("a call for each place", () -> world.records(Intent.class).size() >= MOST);
            await(
                    "an outcome of each call",
                    () -> world.records(Outcome.class).size()
                            == world.records(Intent.class).size());
            await("no place is held", () -> world.connections() == 0);
            await("no connection is left", () -> deaf.connected() == 0);
            List<Outcome> outcomes = world.records(Outcome.class);
            assertThat(outcomes).extracting(Outcome::of).doesNotHaveDuplicates();

            world.upstream.answersJson("{}");
            assertThat(world.post(world.delegation(), CHAT, ASK).status()).isEqualTo(200);
            await("the upstream works for nobody", () -> world.upstream.working() == 0);
            return outcomes.stream().map(outcome -> outcome.outcome().end()).collect(Collectors.toSet());
        }
    }

    /** An answer that is all written may be read in peace as long as nobody needs the place. */
    @Test
    void heMakesRoomWithAllThatHeHasNotRead() throws Exception {
        try (World world = new World(route -> route, PolicySource.BUILT_IN, FEW);
                Deaf deaf = new Deaf()) {
            world.upstream.answersJson("{\"pad\":\"" + "x".repeat(MORE_THAN_IS_BUFFERED) + "\"}");
            for (int i = 0; i < DEAF; i++) {
                deaf.ask(world.port, world.jsonRequest(world.delegation(), CHAT, ASK));
                int calls = i + 1;
                await("the call is over", () -> world.records(Outcome.class).size() == calls);
            }
            assertThat(world.connections()).isLessThanOrEqualTo(2 * MOST);
            await("those that made room are gone", () -> deaf.connected() <= 2 * MOST);

            world.upstream.answersJson("{}");
            for (int i = 0; i < DEAF; i++) {
                assertThat(world.post(world.delegation(), CHAT, ASK).status()).isEqualTo(200);
            }
            assertThat(world.records(Outcome.class))
                    .hasSize(2 * DEAF)
                    .allSatisfy(outcome -> assertThat(outcome.outcome().end()).isEqualTo(End.COMPLETE));
        }
    }

    private static void endless(HttpServerResponse response, Buffer again) {
        while (!response.closed() && !response.writeQueueFull()) {
            response.write(again);
        }
        if (!response.closed()) {
            response.drainHandler(_ -> endless(response, again));
        }
    }

    private static void await(String what, BooleanSupplier met) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!met.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.sleep(20);
        }
    }

    /** They ask, and read nothing. */
    private static final class Deaf implements Closeable {
        private final List<Socket> sockets = new ArrayList<>();

        void ask(int port, String request) throws IOException {
            Socket socket = new Socket();
            socket.setReceiveBufferSize(1_024);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            sockets.add(socket);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
        }

        /** Of whom the other side still takes what they send. */
        int connected() {
            int connected = 0;
            for (Socket socket : sockets) {
                try {
                    socket.getOutputStream().write('\n');
                    connected++;
                } catch (IOException reset) {
                    // the other side has closed it, and not only stopped sending
                }
            }
            return connected;
        }

        @Override
        public void close() throws IOException {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;

/** Programs that ask on and on over one connection and read no answer: what piles up for them has a bound. */
@Isolated("measures the heap")
class PipeliningTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK = "{\"model\":\"small\"}";
    /** More than both kernels' buffers of one connection hold, whatever they grow to. */
    private static final int MORE_THAN_BUFFERS = 32 << 20;
    /** Where nobody takes a byte for so long, nobody will. */
    private static final Duration STUCK = Duration.ofMillis(500);

    private static final int CONNECTIONS = 40;
    private static final int MORE_THAN_IS_TAKEN = 1 << 20;
    /** A fifth of it is what is to be expected, and more than twice it what a whole megabyte becomes. */
    private static final long MOST_HELD = 1 << 20;

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
    }

    @AfterEach
    void end() {
        world.close();
    }

    /** Refusals cost nothing to make, so nothing but the unread answers could hold them up. */
    @Test
    void requestsAreNotTakenWhileAnswersAreNotRead() throws Exception {
        String refused = world.request("GET", "/http/nowhere", "", "");
        try (Deaf deaf = new Deaf(world.port)) {
            assertThat(deaf.sends(refused, MORE_THAN_BUFFERS)).isLessThan(MORE_THAN_BUFFERS);
            othersAreServed();
        }
    }

    @Test
    void callsAreNotMadeWhileAnswersAreNotRead() throws Exception {
        world.upstream.answersJson("{\"pad\":\"" + "x".repeat(4 << 20) + "\"}");
        try (Deaf deaf = new Deaf(world.port)) {
            for (int i = 0; i < 50; i++) {
                String call = world.jsonRequest(delegation, CHAT, ASK);
                if (deaf.sends(call, call.length()) < call.length()) {
                    break;
                }
            }
            Thread.sleep(STUCK); // for calls that must not come
            assertThat(world.upstream.received()).hasSizeLessThan(5);
            othersAreServed();
        }
        eachCallHasOneOutcome();
    }

    /** Calls are made one after the other, and what waits behind them is bytes in the kernel for the most part. */
    @Test
    void whatWaitsForItsTurnTakesNoRoom() throws Exception {
        world.upstream.answers((_, _) -> {}); // thinks for ever
        String shortest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        List<Deaf> all = new ArrayList<>();
        try {
            long before = heapUsed();
            for (int i = 0; i < CONNECTIONS; i++) {
                Deaf deaf = new Deaf(world.port);
                all.add(deaf);
                String call = world.jsonRequest(delegation, CHAT, ASK);
                assertThat(deaf.sends(call, call.length())).isEqualTo(call.length());
                deaf.sends(shortest, MORE_THAN_IS_TAKEN, Duration.ofMillis(50));
            }
            await(() -> world.upstream.received().size() == CONNECTIONS);
            assertThat((heapUsed() - before) / CONNECTIONS).isLessThan(MOST_HELD);
            assertThat(world.records(Intent.class)).hasSize(CONNECTIONS);
            othersAreServed();

            world.stopped.put(delegation.taskId().value(), Reason.DELEGATION_REVOKED);
            world.gateway.stopped(Stop.of(d -> d.taskId().equals(delegation.taskId())));
            eachCallHasOneOutcome();
        } finally {
            for (Deaf deaf : all) {
                deaf.close();
            }
        }
    }

    @Test
    void whoGoesAwayWhileRequestsWaitIsMissedAtOnce() throws Exception {
        world.upstream.answers((_, _) -> {});
        try (Deaf deaf = new Deaf(world.port)) {
            for (int i = 0; i < 3; i++) {
                String call = world.jsonRequest(delegation, CHAT, ASK);
                deaf.sends(call, call.length());
            }
            world.await(Intent.class, _ -> true);
        }
        world.upstream.awaitBroken();
        eachCallHasOneOutcome();
        assertThat(world.records(Outcome.class))
                .singleElement()
                .satisfies(outcome -> assertThat(outcome.outcome().end()).isEqualTo(End.CUT_BY_CLIENT));
    }

    private static long heapUsed() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static void await(BooleanSupplier met) throws InterruptedException {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!met.getAsBoolean()) {
            assertThat(System.nanoTime()).as("in time").isLessThan(deadline);
            Thread.sleep(20);
        }
    }

    @Test
    void whoReadsAfterAllGetsEveryAnswerInOrder() throws Exception {
        String pad = "x".repeat(1 << 20);
        world.upstream.answers((received, response) -> response.putHeader("content-type", "application/json")
                .end(received.body().toString() + pad));
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 12; i++) {
            all.append(world.jsonRequest(delegation, CHAT, "{\"model\":\"small\",\"n\":" + i + "}"));
        }
        try (Wire wire = world.connect()) {
            wire.send(all.toString());
            world.await(Outcome.class, _ -> true);
            for (int i = 0; i < 12; i++) {
                assertThat(wire.receive().body()).startsWith("{\"model\":\"small\",\"n\":" + i + "}x");
            }
        }
        eachCallHasOneOutcome();
        assertThat(world.records(Intent.class)).hasSize(12);
    }

    private void othersAreServed() throws IOException {
        world.upstream.answersJson("{}");
        assertThat(world.post(delegation, CHAT, ASK).status()).isEqualTo(200);
    }

    private void eachCallHasOneOutcome() throws InterruptedException {
        for (Intent intent : world.records(Intent.class)) {
            world.await(Outcome.class, outcome -> outcome.of()
                    .equals(intent.header().id()));
        }
        assertThat(world.records(Outcome.class)).extracting(Outcome::of).doesNotHaveDuplicates();
    }

    /** Sends, and reads nothing. */
    private static final class Deaf implements AutoCloseable {
        private final SocketChannel channel = SocketChannel.open();

        Deaf(int port) throws IOException {
            channel.setOption(StandardSocketOptions.SO_RCVBUF, 4_096);
            channel.setOption(StandardSocketOptions.SO_SNDBUF, 64 << 10);
            channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            channel.configureBlocking(false);
        }

        int sends(String again, int most) throws IOException, InterruptedException {
            return sends(again, most, STUCK);
        }

        /** Over and over until so many bytes are sent, or nobody takes one for so long; tells how many were. */
        int sends(String again, int most, Duration patience) throws IOException, InterruptedException {
            byte[] one = again.repeat(Math.max(1, Math.min(most, 1 << 16) / again.length()))
                    .getBytes(StandardCharsets.US_ASCII);
            int sent = 0;
            long stuckAt = System.nanoTime() + patience.toNanos();
            ByteBuffer next = ByteBuffer.wrap(one);
            while (sent < most && System.nanoTime() < stuckAt) {
                int taken = channel.write(next);
                if (taken > 0) {
                    sent += taken;
                    stuckAt = System.nanoTime() + patience.toNanos();
                } else {
                    Thread.sleep(5);
                }
                if (!next.hasRemaining()) {
                    next.rewind();
                }
            }
            return sent;
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}

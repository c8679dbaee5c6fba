package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** However many bodies are sent by half, or kept by upstreams that do not answer: they take so much memory and no more. */
class BodyRoomTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String CALL = "{\"model\":\"small\",\"messages\":[]}";
    private static final int HALF = 200_000;
    private static final int ROOM_FOR_OTHERS = 1_000;
    private static final long SHARE = 2L * HALF;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private World world;
    private Delegation greedy;
    private Delegation other;

    @BeforeEach
    void open() throws Exception {
        world = new World(new BodyRoom(2 * SHARE, SHARE), new BodyRoom(2 * SHARE, SHARE));
        world.upstream.answersJson("{\"choices\":[]}");
        greedy = world.delegation();
        other = Delegations.by(world.delegation(), List.of("other-agent"));
    }

    @AfterEach
    void close() {
        world.close();
    }

    @Test
    void halfSentBodiesOfOneAgentAreRefusedWhileAnotherIsServed() throws Exception {
        try (Wire first = sendPart(greedy, 2 * HALF, HALF);
                Wire second = sendPart(greedy, 2 * HALF, HALF)) {
            awaitHeld(SHARE);
            for (int declared : List.of(2 * HALF, 100)) {
                try (Wire third = sendPart(greedy, declared, 1)) {
                    assertTurnedAway(third);
                }
            }
            assertThat(world.post(other, CHAT, CALL).status()).isEqualTo(200);
            assertThat(first.quiet()).isTrue();
            assertThat(second.quiet()).isTrue();
        }
        awaitHeld(0);
        assertThat(world.post(greedy, CHAT, CALL).status()).isEqualTo(200);
        awaitHeld(0);
        assertThat(world.records(AuditRecord.Refused.class))
                .hasSize(2)
                .allSatisfy(refused -> assertThat(refused.decision().reason()).contains("limit_exceeded"));
    }

    @Test
    void bodiesOfSeveralAgentsAreRefusedBeyondTheTotal() throws Exception {
        try (Wire first = sendPart(greedy, 2 * HALF, 2 * HALF - 1);
                Wire second = sendPart(other, 2 * HALF, 2 * HALF - 1)) {
            awaitHeld(2 * SHARE - 2);
            Delegation third = Delegations.by(world.delegation(), List.of("third-agent"));
            try (Wire late = sendPart(third, ROOM_FOR_OTHERS, 3)) {
                assertTurnedAway(late);
            }
            assertThat(first.quiet()).isTrue();
            assertThat(second.quiet()).isTrue();
        }
        awaitHeld(0);
    }

    @Test
    void aCallHoldsItsBodyUntilItIsOver() throws Exception {
        world.upstream.answers((_, _) -> {});
        try (Wire waiting = world.connect()) {
            waiting.send(world.jsonRequest(greedy, CHAT, CALL));
            awaitHeld(CALL.length());
            world.await(AuditRecord.Intent.class, _ -> true);
        }
        awaitHeld(0);
    }

    /** What an answer says is known when it is whole; until then it is kept, by this agent and by all. */
    @Test
    void answersOfOneAgentHaveABoundWhileAnotherIsServed() throws Exception {
        String large = "{\"a\":\"" + "x".repeat(3 * HALF) + "\"}";
        world.upstream.answers((_, response) -> response.putHeader("content-type", "application/json")
                .setChunked(true)
                .write(large));
        Wire.Answer cut = world.post(greedy, CHAT, CALL);
        assertThat(cut.status()).isEqualTo(502);
        assertThat(cut.body()).contains("upstream_unavailable");
        assertThat(world.outcome().outcome().reason()).contains("upstream_unavailable");
        world.upstream.answersJson("{\"a\":1}");
        assertThat(world.post(other, CHAT, CALL).status()).isEqualTo(200);
        assertThat(world.post(greedy, CHAT, CALL).status()).isEqualTo(200);
        awaitHeld(world.answers, 0);
    }

    @Test
    void aPlaceHoldsMoreAndLess() {
        BodyRoom room = new BodyRoom(10, 6);
        BodyRoom.Place one = room.place("a");
        assertThat(one.hold(6)).isTrue();
        assertThat(one.hold(7)).isFalse();
        assertThat(room.held()).isEqualTo(6);
        assertThat(one.hold(2)).isTrue();
        assertThat(room.held()).isEqualTo(2);
        one.leave();
        assertThat(one.hold(1)).isFalse();
        assertThat(room.held()).isZero();
    }

    @Test
    void whatIsLeftIsGivenBackOnce() {
        BodyRoom room = new BodyRoom(10, 6);
        BodyRoom.Place one = room.place("a");
        BodyRoom.Place same = room.place("a");
        BodyRoom.Place another = room.place("b");
        assertThat(one.take(5)).isTrue();
        assertThat(same.take(2)).isFalse();
        assertThat(another.take(6)).isFalse();
        assertThat(another.take(5)).isTrue();
        assertThat(same.take(1)).isFalse();
        assertThat(room.held()).isEqualTo(10);
        one.leave();
        one.leave();
        assertThat(one.take(1)).isFalse();
        assertThat(room.held()).isEqualTo(5);
        assertThat(same.take(5)).isTrue();
    }

    @Test
    void oneShareIsNeverTheTotalAndTakesALargestBody() {
        for (long largest : List.of(1L, 1L << 20, (long) Integer.MAX_VALUE)) {
            BodyRoom room = BodyRoom.ofHeap(BodyRoom.PART_FOR_CALLS, largest);
            assertThat(room.place("a").take(largest)).isTrue();
            assertThat(room.place("b").take(largest)).isTrue();
        }
    }

    private Wire sendPart(Delegation d, int declared, int sent) throws IOException {
        String head = world.request(
                "POST",
                CHAT,
                world.credentials(d, "POST", CHAT) + "Content-Type: application/json\r\n",
                " ".repeat(declared));
        return world.connect().send(head.substring(0, head.length() - declared + sent));
    }

    private static void assertTurnedAway(Wire wire) throws IOException {
        Wire.Answer answer = wire.receive();
        assertThat(answer.status()).isEqualTo(429);
        assertThat(answer.body()).contains("limit_exceeded");
        assertThat(answer.header("retry-after")).isEqualTo(Optional.of("5"));
        assertThat(wire.closed()).isTrue();
    }

    private void awaitHeld(long bytes) throws InterruptedException {
        awaitHeld(world.bodies, bytes);
    }

    private static void awaitHeld(BodyRoom room, long bytes) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (room.held() != bytes) {
            assertThat(System.nanoTime())
                    .as("%s bytes are held, not %s", room.held(), bytes)
                    .isLessThan(deadline);
            Thread.sleep(5);
        }
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One who asks for what he may not have, over and over: what he leaves behind is bounded, and nobody else suffers. */
class FloodTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ALLOWED = "{\"model\":\"small\"}";
    private static final String FORBIDDEN = "{\"model\":\"huge\"}";
    private static final int REFUSED_CALLS = 100_000;

    private static final int CONNECTIONS = 4;
    /** Requests that are sent before their answers are read. */
    private static final int AHEAD = 50;

    private World world;

    @BeforeEach
    void begin() throws Exception {
        // without a proof of its own for each call the flood is limited by the gateway and not by who makes it
        world = new World(route -> route.withAllowUnbound(true));
        world.upstream.answersJson("{}");
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void refusedCallsOfOneAgentLeaveBoundedRecordsAndOthersUntouched() throws Exception {
        Delegation flooder = world.delegation();
        Delegation other = Delegations.by(world.delegation(), List.of("other-agent"));
        String again = bearer(flooder, FORBIDDEN);
        long from = System.nanoTime();
        try (ExecutorService threads = Executors.newFixedThreadPool(CONNECTIONS)) {
            List<Future<Long>> floods = new ArrayList<>();
            for (int i = 0; i < CONNECTIONS; i++) {
                floods.add(threads.submit(flood(again, REFUSED_CALLS / CONNECTIONS, 403)));
            }
            int calls = 0;
            while (floods.stream().anyMatch(flood -> !flood.isDone()) || calls == 0) {
                assertThat(world.post(other, CHAT, ALLOWED).status()).isEqualTo(200);
                Wire.Answer refused = world.post(other, CHAT, FORBIDDEN);
                assertThat(refused.status()).isEqualTo(403);
                if (calls < TurnedAway.RECORDED_PER_MINUTE) {
                    assertThat(refused.header("Behalf-Record"))
                            .as("refusal " + calls + " of another agent")
                            .isPresent();
                }
                calls++;
            }
            for (Future<Long> flood : floods) {
                flood.get();
            }
        }
        long minutes = Duration.ofNanos(System.nanoTime() - from).toMinutes() + 1;
        long recorded = world.records(AuditRecord.Refused.class).stream()
                .filter(record -> record.header().actors().equals(flooder.actors()))
                .count();
        assertThat(recorded).isBetween((long) TurnedAway.RECORDED_PER_MINUTE, minutes * TurnedAway.RECORDED_PER_MINUTE);
        assertThat(summed("ticket-agent scope_exceeded")).isEqualTo(REFUSED_CALLS - recorded);
        assertThat(world.upstream.received())
                .allSatisfy(sent -> assertThat(sent.body()).hasToString(ALLOWED));
    }

    @Test
    void strangersLeaveNothingButSummaries() throws Exception {
        int each = 1_000;
        String json = "Content-Type: application/json\r\n";
        String chat = world.request("POST", CHAT, json, ALLOWED);
        List<String> noise = List.of(
                chat,
                chat.replace(json, json + "Authorization: Bearer NUMBER\r\n"),
                chat.replace(json, json + "Authorization: DPoP e30.NUMBER.x\r\n"),
                chat.replace(json, json + "X-Behalf-Delegation: NUMBER\r\n"),
                chat.replace(json, json + "X-Forwarded-For: 10.0.0.1, NUMBER\r\n"),
                world.request("GET", "/llm/NUMBER/v1/models", "", ""),
                world.request("GET", "/http/tickets/NUMBER", "", ""),
                chat.replace("Host: 127.0.0.1", "Host: NUMBER"));
        try (ExecutorService threads = Executors.newFixedThreadPool(CONNECTIONS)) {
            List<Future<Long>> floods = new ArrayList<>();
            for (String one : noise) {
                floods.add(threads.submit(flood(one, each, 0)));
            }
            for (Future<Long> flood : floods) {
                flood.get(1, TimeUnit.MINUTES);
            }
        }
        assertThat(summed("")).isEqualTo((long) each * noise.size());
        assertThat(world.ledger.records())
                .allSatisfy(record -> assertThat(record).isInstanceOf(AuditRecord.Lifecycle.class))
                .hasSizeLessThan(10);
        assertThat(counters().keySet()).hasSizeLessThan(10).allSatisfy(name -> assertThat(name)
                .matches("(nowhere|/[a-z]+/[a-z]+) [a-z_]+"));
        assertThat(world.upstream.received()).isEmpty();
    }

    /** @param status of every answer; 0 for any refusal */
    private Callable<Long> flood(String request, int times, int status) {
        return () -> {
            long answered = 0;
            try (Wire wire = world.connect()) {
                while (answered < times) {
                    StringBuilder batch = new StringBuilder();
                    for (int i = 0; i < AHEAD; i++) {
                        batch.append(request.replace("NUMBER", "n" + (answered + i)));
                    }
                    wire.send(batch.toString());
                    for (int i = 0; i < AHEAD; i++) {
                        Wire.Answer answer = wire.receive();
                        if (status == 0) {
                            assertThat(answer.status()).isBetween(400, 404);
                            assertThat(answer.headers()).doesNotContainKeys("behalf-record", "behalf-task");
                        } else {
                            assertThat(answer.status()).isEqualTo(status);
                        }
                        answered++;
                    }
                }
            }
            return answered;
        };
    }

    private String bearer(Delegation d, String body) {
        String token = world.token(Delegations.bound(d, new Binding.Unbound()));
        return world.request(
                "POST", CHAT, "Authorization: Bearer " + token + "\r\nContent-Type: application/json\r\n", body);
    }

    private long summed(String ending) throws Exception {
        world.gateway.close().toCompletionStage().toCompletableFuture().get(20, TimeUnit.SECONDS);
        return counters().entrySet().stream()
                .filter(counter -> counter.getKey().endsWith(ending))
                .mapToLong(Map.Entry::getValue)
                .sum();
    }

    /** What all summaries together tell. */
    private Map<String, Long> counters() {
        Map<String, Long> all = new TreeMap<>();
        for (AuditRecord.Lifecycle summary : world.records(AuditRecord.Lifecycle.class)) {
            assertThat(summary.event()).isEqualTo(AuditRecord.Event.REFUSALS_SUMMARIZED);
            Fields.object(summary.data(), "refusals")
                    .forEach((name, refusals) -> all.merge((String) name, (Long) refusals, Long::sum));
        }
        return all;
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Usage;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Streamed answers of both model providers: what passes, what is held, and who cut what. */
class ModelStreamTest {
    @SuppressWarnings("ImmutableEnumChecker") // the list comes from List.of
    enum Provider {
        OPENAI(
                "/llm/openai/v1/chat/completions",
                "{\"model\":\"small\",\"stream\":true,\"messages\":[]}",
                List.of(
                        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gr\u00f6\u00dfer \ud83d\ude00\"}}]}\n\n",
                        ": ping\n\n",
                        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"function\":{\"name\":\"echo\",\"arguments\":\"\"}}]}}]}\n\n",
                        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":\"}}]}}]}\n\n",
                        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\n\n",
                        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
                        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n",
                        "data: [DONE]\n\n")),
        ANTHROPIC(
                "/llm/anthropic/v1/messages?beta=true",
                "{\"model\":\"claude\",\"stream\":true,\"messages\":[]}",
                List.of(
                        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
                        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"gr\u00f6\u00dfer \ud83d\ude00\"}}\n\n",
                        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"echo\",\"input\":{}}}\n\n",
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
                        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n",
                        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
                        "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":4}}\n\n",
                        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));

        final String path;
        final String body;
        final List<String> events;

        Provider(String path, String body, List<String> events) {
            this.path = path;
            this.body = body;
            this.events = events;
        }

        String whole() {
            return String.join("", events);
        }

        String beforeTheLast() {
            return String.join("", events.subList(0, events.size() - 1));
        }
    }

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

    /** Most providers tell the usage with the end, which an agent that has read enough need not wait for. */
    @Test
    void anAnswerThatIsLeftBeforeItsUsageCountsByItsSize() throws Exception {
        String begun = Provider.ANTHROPIC.events.getFirst();
        String text = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                + "{\"type\":\"text_delta\",\"text\":\"" + "word ".repeat(2_000) + "\"}}\n\n";
        world.upstream.answers((_, response) -> stream(response).write(begun + text));
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, Provider.ANTHROPIC.path, Provider.ANTHROPIC.body));
            wire.head();
            for (int read = 0; read < begun.length() + text.length(); ) {
                read += wire.chunk().length;
            }
        }
        world.upstream.awaitBroken();
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_CLIENT);
        assertThat(world.task(delegation).tokens()).isGreaterThan(2_000);
    }

    @ParameterizedTest
    @EnumSource
    void passesEveryByteAndRecordsWhatItSaw(Provider provider) throws Exception {
        for (int seed = 0; seed < 5; seed++) {
            int chosen = seed;
            world.upstream.answers((_, response) -> inChunks(provider.whole(), chosen, stream(response)));
            Wire.Answer answer = world.post(delegation, provider.path, provider.body);

            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.body()).as("seed " + seed).isEqualTo(provider.whole());
            assertThat(answer.cut()).isFalse();
        }
        assertThat(world.records(AuditRecord.Outcome.class)).hasSize(5).allSatisfy(record -> {
            Ended outcome = record.outcome();
            assertThat(outcome.end()).isEqualTo(End.COMPLETE);
            assertThat(outcome.usage()).contains(new Usage(9, 4));
            assertThat(outcome.bytes()).isEqualTo(provider.whole().getBytes(StandardCharsets.UTF_8).length);
            assertThat(outcome.responseMac()).isEqualTo(new Macs(World.MAC_KEY).of(provider.whole()));
            assertThat(outcome.toolCalls()).singleElement().satisfies(call -> {
                assertThat(call.id()).isEqualTo("call_1");
                assertThat(call.argumentsMac()).contains(new Macs(World.MAC_KEY).of("{\"a\":1}"));
            });
        });
    }

    @ParameterizedTest
    @EnumSource
    void holdsTheTerminatorUntilTheOutcomeIsDurable(Provider provider) throws Exception {
        world.ledger.holdOn(AuditRecord.Outcome.class::isInstance);
        world.upstream.answers((_, response) -> stream(response).end(provider.whole()));
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, provider.path, provider.body));
            wire.head();
            StringBuilder seen = new StringBuilder();
            while (seen.length() < provider.beforeTheLast().length()) {
                seen.append(new String(wire.chunk(), StandardCharsets.UTF_8));
            }
            assertThat(seen).hasToString(provider.beforeTheLast());
            assertThat(wire.quiet()).isTrue();
            world.ledger.letGo();
            assertThat(new String(wire.chunk(), StandardCharsets.UTF_8)).isEqualTo(provider.events.getLast());
            assertThat(wire.chunk()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void passesEachEventWhileTheNextIsStillToCome(Provider provider) throws Exception {
        CompletableFuture<HttpServerResponse> open = new CompletableFuture<>();
        world.upstream.answers((_, response) -> {
            stream(response).write(provider.events.getFirst());
            open.complete(response);
        });
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, provider.path, provider.body));
            wire.head();
            assertThat(new String(wire.chunk(), StandardCharsets.UTF_8)).isEqualTo(provider.events.getFirst());
            open.get(10, TimeUnit.SECONDS).end(String.join("", provider.events.subList(1, provider.events.size())));
            assertThat(wire.untilEnd()).isEqualTo(String.join("", provider.events.subList(1, provider.events.size())));
        }
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
    }

    @ParameterizedTest
    @EnumSource
    void saysThatTheClientCutAndCancelsTheUpstream(Provider provider) throws Exception {
        world.upstream.answers((_, response) -> stream(response).write(provider.events.getFirst()));
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, provider.path, provider.body));
            wire.head();
            wire.chunk();
        }
        Ended outcome = world.outcome().outcome();
        assertThat(outcome.end()).isEqualTo(End.CUT_BY_CLIENT);
        assertThat(outcome.bytes()).isEqualTo(provider.events.getFirst().getBytes(StandardCharsets.UTF_8).length);
        world.upstream.awaitBroken();
    }

    @ParameterizedTest
    @EnumSource
    void saysThatTheClientCutBeforeAnyAnswer(Provider provider) throws Exception {
        CompletableFuture<HttpServerResponse> reached = new CompletableFuture<>();
        world.upstream.answers((_, response) -> reached.complete(response));
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, provider.path, provider.body));
            reached.get(10, TimeUnit.SECONDS);
        }
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_CLIENT);
        assertThat(world.outcome().outcome().sent()).isEqualTo(AuditRecord.Sent.MAYBE);
        world.upstream.awaitBroken();
    }

    @ParameterizedTest
    @EnumSource
    void saysThatTheUpstreamCutAndTellsTheAgentInTheStream(Provider provider) throws Exception {
        world.upstream.answers((_, response) -> {
            stream(response).write(provider.events.getFirst());
            world.vertx.setTimer(50, _ -> response.reset());
        });
        Wire.Answer answer = world.post(delegation, provider.path, provider.body);

        assertThat(answer.body()).startsWith(provider.events.getFirst());
        assertThat(errorIn(answer)).isEqualTo("upstream_unavailable");
        assertThat(answer.body()).doesNotContain("[DONE]").doesNotContain("message_stop");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    @ParameterizedTest
    @EnumSource
    void aStreamThatEndsWithoutItsTerminatorWasCut(Provider provider) throws Exception {
        world.upstream.answers((_, response) -> stream(response).end(provider.events.getFirst()));
        world.post(delegation, provider.path, provider.body);

        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    /** The gateway's own time, beyond what anything takes on this machine just now; and there are several chances. */
    @ParameterizedTest
    @EnumSource
    void aStopCutsARunningStreamWithinASecond(Provider provider) throws Exception {
        Duration atMost = Duration.ofSeconds(1);
        world.upstream.answers((_, response) -> stream(response).write(provider.events.getFirst()));
        Duration took = stopOfARunningStream(provider);
        for (int chance = 0; chance < 5 && took.compareTo(atMost) >= 0; chance++) {
            delegation = world.delegation();
            took = stopOfARunningStream(provider);
        }

        assertThat(took).isLessThan(atMost);
        world.upstream.awaitBroken();
        assertThat(world.post(delegation, provider.path, provider.body).status())
                .isEqualTo(401);
    }

    private Duration stopOfARunningStream(Provider provider) throws IOException {
        Duration took;
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, provider.path, provider.body));
            wire.head();
            wire.chunk();
            long from = System.nanoTime();
            world.stopped.put(delegation.taskId().value(), Reason.DELEGATION_REVOKED);
            world.gateway.stopped(Stop.of(d -> d.taskId().equals(delegation.taskId())));
            String error = new String(wire.chunk(), StandardCharsets.UTF_8);
            took = Duration.ofNanos(System.nanoTime() - from).minus(roundTrip());
            assertThat(error).contains("delegation_revoked");
            assertThat(wire.chunk()).isEmpty();
        }
        Ended outcome = world.records(AuditRecord.Outcome.class).getLast().outcome();
        assertThat(outcome.end()).isEqualTo(End.CUT_BY_REVOCATION);
        assertThat(outcome.reason()).contains("delegation_revoked");
        return took;
    }

    private Duration roundTrip() throws IOException {
        long from = System.nanoTime();
        assertThat(world.send(world.request("GET", "/llm/nobody/v1/models", "", ""))
                        .status())
                .isEqualTo(404);
        return Duration.ofNanos(System.nanoTime() - from);
    }

    @Test
    void aStopOfAnotherTaskCutsNothing() throws Exception {
        CompletableFuture<HttpServerResponse> open = new CompletableFuture<>();
        world.upstream.answers((_, response) -> {
            stream(response).write(Provider.OPENAI.events.getFirst());
            open.complete(response);
        });
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, Provider.OPENAI.path, Provider.OPENAI.body));
            wire.head();
            wire.chunk();
            Delegation other = world.delegation();
            world.gateway.stopped(Stop.of(d -> d.taskId().equals(other.taskId())));
            world.gateway.stopped(Stop.at("anthropic"));
            assertThat(wire.quiet()).isTrue();
            open.get().end("data: [DONE]\n\n");
            assertThat(new String(wire.chunk(), StandardCharsets.UTF_8)).isEqualTo("data: [DONE]\n\n");
        }
    }

    @Test
    void silenceBeyondTheRoutesBoundIsATimeout() throws Exception {
        try (World brief = new World(route -> route.withTimeouts(Duration.ofMillis(300), Duration.ofMillis(300)))) {
            brief.upstream.answers((_, response) -> stream(response).write(Provider.OPENAI.events.getFirst()));
            Wire.Answer answer = brief.post(brief.delegation(), Provider.OPENAI.path, Provider.OPENAI.body);

            assertThat(errorIn(answer)).isEqualTo("upstream_unavailable");
            assertThat(brief.outcome().outcome().end()).isEqualTo(End.TIMEOUT);

            brief.upstream.answers((_, _) -> {});
            assertThat(brief.post(brief.delegation(), Provider.OPENAI.path, Provider.OPENAI.body)
                            .status())
                    .isEqualTo(504);
        }
    }

    @Test
    void theEndOfTheTaskCutsItsStream() throws Exception {
        Instant end =
                Instant.now().plusMillis(900).truncatedTo(ChronoUnit.SECONDS).plusSeconds(1);
        Delegation brief = Delegations.ending(delegation, end);
        world.upstream.answers((_, response) -> stream(response).write(Provider.OPENAI.events.getFirst()));
        Wire.Answer answer = world.post(brief, Provider.OPENAI.path, Provider.OPENAI.body);

        assertThat(errorIn(answer)).isEqualTo("task_expired");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.EXPIRED);
    }

    @ParameterizedTest
    @EnumSource
    void anEndlessLineIsTheUpstreamsFault(Provider provider) throws Exception {
        world.upstream.answers((_, response) -> endless(stream(response), Buffer.buffer("x".repeat(1 << 16))));
        Wire.Answer answer = world.post(delegation, provider.path, provider.body);

        assertThat(answer.status()).isEqualTo(502); // no event was ever whole, so nothing had been sent
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("upstream_unavailable");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    @Test
    void aSlowReaderHoldsTheUpstreamBack() throws Exception {
        world.upstream.answers((_, response) ->
                endless(stream(response), Buffer.buffer("data: {\"pad\":\"" + "x".repeat(60_000) + "\"}\n\n")));
        try (Wire wire = world.connect()) {
            wire.send(world.jsonRequest(delegation, Provider.OPENAI.path, Provider.OPENAI.body));
            wire.head();
            assertThat(writtenWhenItRests()).isLessThan(64 << 20);
        }
    }

    /** Once nothing more has been written for a while: without a bound it would never rest, however slow the machine is. */
    private long writtenWhenItRests() throws InterruptedException {
        long before = -1;
        for (int wait = 0; wait < 60 && written.get() != before; wait++) {
            before = written.get();
            Thread.sleep(500);
        }
        assertThat(written.get()).isEqualTo(before);
        return before;
    }

    private final AtomicLong written = new AtomicLong();

    private void endless(HttpServerResponse response, Buffer again) {
        while (!response.closed() && !response.writeQueueFull()) {
            response.write(again);
            written.addAndGet(again.length());
        }
        if (!response.closed()) {
            response.drainHandler(_ -> endless(response, again));
        }
    }

    private static HttpServerResponse stream(HttpServerResponse response) {
        return response.putHeader("content-type", "text/event-stream; charset=utf-8")
                .setChunked(true);
    }

    /** In pieces of any size, in time slices of their own, so that they arrive as such. */
    private void inChunks(String text, int seed, HttpServerResponse response) {
        Random random = new Random(seed);
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        sendFrom(bytes, 0, random, response);
    }

    private void sendFrom(byte[] bytes, int at, Random random, HttpServerResponse response) {
        if (at >= bytes.length) {
            response.end();
            return;
        }
        int end = Math.min(bytes.length, at + 1 + random.nextInt(90));
        response.write(Buffer.buffer(Arrays.copyOfRange(bytes, at, end)))
                .onSuccess(_ -> world.vertx.runOnContext(_ -> sendFrom(bytes, end, random, response)));
    }

    private static String errorIn(Wire.Answer answer) throws IOException {
        String last = answer.body().substring(answer.body().lastIndexOf("data: ") + 6);
        return Fields.string(
                        Fields.object(Fields.objectOrNothing(last.getBytes(StandardCharsets.UTF_8)), "error"), "reason")
                .orElse("none in " + answer);
    }
}

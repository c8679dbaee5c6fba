package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordEncoder;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Clock;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TurnedAwayTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private final TurnedAway turnedAway = new TurnedAway();

    @Test
    void whateverIsCountedFitsIntoOneRecord() {
        int names = 100_000;
        Reason[] reasons = Reason.values();
        for (int i = 0; i < names; i++) {
            String hostile = i % 2 == 0 ? "\u0001\"\ud83d\ude00".repeat(i % 100) + i : "agent-" + i;
            turnedAway.count(hostile, reasons[i % reasons.length], NOW);
        }
        TurnedAway.Counted all = Objects.requireNonNull(turnedAway.drain());
        assertThat(all.refusals().values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(names);
        assertThat(all.refusals().keySet()).anyMatch(name -> name.startsWith("others "));
        CanonicalWriter written = new CanonicalWriter();
        Map<String, @Nullable Object> data = new LinkedHashMap<>(all.refusals());
        Json.write(written, data);
        assertThat(written.length()).isLessThan(RecordEncoder.MAX_DATA_BYTES);
        assertThat(turnedAway.drain()).isNull();
    }

    @Test
    void anAgentsRefusalsAreRecordedUpToTheirRateAndAnothersBesides() {
        for (int i = 0; i < 100_000; i++) {
            assertThat(turnedAway.record("flooder", "task", Reason.SCOPE_EXCEEDED, NOW))
                    .isEqualTo(i < TurnedAway.RECORDED_PER_MINUTE);
        }
        assertThat(turnedAway.record("other", "task", Reason.SCOPE_EXCEEDED, NOW))
                .isTrue();
        assertThat(turnedAway.record("flooder", "task", Reason.SCOPE_EXCEEDED, NOW.plusSeconds(60)))
                .isTrue();
        assertThat(Objects.requireNonNull(turnedAway.drain()).refusals())
                .isEqualTo(Map.of("flooder scope_exceeded", 100_000L - TurnedAway.RECORDED_PER_MINUTE));
    }

    @Test
    void theRefusalsOfOneTaskDoNotHideThoseOfAnother() {
        for (int i = 0; i < 1_000; i++) {
            turnedAway.record("agent", "first", Reason.SCOPE_EXCEEDED, NOW);
        }
        assertThat(turnedAway.record("agent", "second", Reason.SCOPE_EXCEEDED, NOW))
                .isTrue();
    }

    @Test
    void anAgentWithManyTasksHasABoundToo() {
        int recorded = 0;
        for (int i = 0; i < 100_000; i++) {
            recorded += turnedAway.record("flooder", "task-" + i, Reason.SCOPE_EXCEEDED, NOW) ? 1 : 0;
        }
        assertThat(recorded).isEqualTo(TurnedAway.RECORDED_OF_AN_AGENT_PER_MINUTE);
        assertThat(turnedAway.record("other", "task", Reason.SCOPE_EXCEEDED, NOW))
                .isTrue();
    }

    @Test
    void moreAgentsThanAreToldApartAreCountedTogether() {
        for (int i = 0; i < TurnedAway.MAX_AGENTS; i++) {
            assertThat(turnedAway.record("agent-" + i, "task", Reason.POLICY_DENIED, NOW))
                    .isTrue();
        }
        assertThat(turnedAway.record("one-more", "task", Reason.POLICY_DENIED, NOW))
                .isFalse();
        assertThat(turnedAway.record("one-more", "task", Reason.POLICY_DENIED, NOW.plusSeconds(60)))
                .isTrue();
        assertThat(Objects.requireNonNull(turnedAway.drain()).refusals()).isEqualTo(Map.of("others policy_denied", 1L));
    }

    @Test
    void aSummaryThatCannotBeRecordedIsToldByTheNext() throws Exception {
        Vertx vertx = Vertx.vertx();
        try {
            RecordingLedger ledger = new RecordingLedger();
            Recorder recorder = onLoop(
                    vertx,
                    () -> new Recorder(ledger, Loop.current(), "test", Clock.systemUTC(), new Random(1), turnedAway));
            Refusal no = Refusal.of(Reason.ROUTE_UNKNOWN, "There is no route at this address.");
            recorder.counted("nowhere", no);
            ledger.failOn(_ -> true);
            assertThat(onLoop(vertx, recorder::summarize)
                            .transform(Future::succeededFuture)
                            .await()
                            .failed())
                    .isTrue();
            recorder.counted("nowhere", no);
            ledger.failOn(_ -> false);
            onLoop(vertx, recorder::summarize).await();
            assertThat(ledger.records()).singleElement().satisfies(record -> assertThat(
                            ((AuditRecord.Lifecycle) record).data().get("refusals"))
                    .isEqualTo(Map.of("nowhere route_unknown", 2L)));
        } finally {
            vertx.close().await();
        }
    }

    private static <T> T onLoop(Vertx vertx, Supplier<T> step) {
        Promise<T> done = Promise.promise();
        vertx.runOnContext(_ -> done.complete(step.get()));
        return done.future().await();
    }
}

package io.behalf.server;

import io.behalf.ledger.LedgerFault;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * {@code /health/live}: the process answers. {@code /health/ready}: calls can be recorded, so calls can be made; an index that is behind
 * is named there and keeps no call from being made.
 */
final class Health {
    static final String LIVE = "/health/live";
    static final String READY = "/health/ready";

    /** A ledger that has not said by then whether it would take a record waits for its disk. */
    static final Duration LEDGER_ANSWERS_WITHIN = Duration.ofSeconds(1);

    private static final String NO_RECORD = "record_unavailable";
    private static final String NO_ANSWER = "the disk does not answer";

    private final Supplier<State> state;
    private final BooleanSupplier indexBehind;
    private final Supplier<CompletionStage<Void>> ledger;
    private final AtomicReference<Question> last;

    enum State {
        READY,
        DRAINING,
        LEDGER_STOPPED
    }

    /** What the ledger was asked: while it does not answer, nobody asks again, so that nothing piles up behind its disk. */
    private record Question(CompletableFuture<Void> answer, long since) {
        boolean isOverdue() {
            return !answer.isDone() && System.nanoTime() - since > LEDGER_ANSWERS_WITHIN.toNanos();
        }
    }

    /** @param ledger completes when the next call's record would be taken, and fails with what its call would be refused for */
    Health(Supplier<State> state, BooleanSupplier indexBehind, Supplier<CompletionStage<Void>> ledger) {
        this.state = state;
        this.indexBehind = indexBehind;
        this.ledger = ledger;
        this.last = new AtomicReference<>(new Question(CompletableFuture.completedFuture(null), System.nanoTime()));
    }

    void mount(Router router) {
        router.get(LIVE).handler(context -> answer(context, 200, Map.of("status", "live")));
        router.get(READY).handler(context -> {
            switch (state.get()) {
                case READY -> askLedger(context);
                case DRAINING -> answer(context, 503, Map.of("status", "draining"));
                case LEDGER_STOPPED -> answer(context, 503, Map.of("status", "ledger stopped"));
            }
        });
    }

    private void askLedger(RoutingContext context) {
        Question asked = last.updateAndGet(before -> before.answer().isDone()
                ? new Question(ledger.get().toCompletableFuture(), System.nanoTime())
                : before);
        if (asked.isOverdue()) {
            answer(context, 503, unavailable(NO_ANSWER));
            return;
        }
        Context loop = context.vertx().getOrCreateContext();
        var _ = asked.answer()
                .copy()
                .orTimeout(LEDGER_ANSWERS_WITHIN.toMillis(), TimeUnit.MILLISECONDS)
                .whenComplete((_, away) -> loop.runOnContext(_ -> {
                    if (away == null) {
                        answer(context, 200, ready());
                    } else {
                        answer(context, 503, unavailable(sentence(away)));
                    }
                }));
    }

    private static String sentence(Throwable away) {
        Throwable cause = away instanceof CompletionException && away.getCause() != null ? away.getCause() : away;
        return cause instanceof LedgerFault ? String.valueOf(cause.getMessage()) : NO_ANSWER;
    }

    private Map<String, String> ready() {
        return indexBehind.getAsBoolean() ? Map.of("status", "ready", "index", "behind") : Map.of("status", "ready");
    }

    /** What calls are refused for meanwhile. */
    private static Map<String, String> unavailable(String detail) {
        return Map.of("status", NO_RECORD, "detail", detail);
    }

    private static void answer(RoutingContext context, int status, Map<String, String> words) {
        if (context.response().closed()) {
            return; // whoever asked has not waited
        }
        context.response()
                .setStatusCode(status)
                .putHeader("Content-Type", Api.JSON)
                .putHeader("Cache-Control", "no-store")
                .end(Buffer.buffer(JsonText.of(words)));
    }
}

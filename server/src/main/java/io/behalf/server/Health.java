package io.behalf.server;

import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * {@code /health/live}: the process answers. {@code /health/ready}: calls can be recorded, so calls can be made; an index that is behind
 * is named there and keeps no call from being made.
 */
final class Health {
    static final String LIVE = "/health/live";
    static final String READY = "/health/ready";

    private final Supplier<State> state;
    private final BooleanSupplier indexBehind;

    enum State {
        READY,
        DRAINING,
        LEDGER_STOPPED
    }

    Health(Supplier<State> state, BooleanSupplier indexBehind) {
        this.state = state;
        this.indexBehind = indexBehind;
    }

    void mount(Router router) {
        router.get(LIVE).handler(context -> answer(context, 200, Map.of("status", "live")));
        router.get(READY).handler(context -> {
            switch (state.get()) {
                case READY -> answer(context, 200, ready());
                case DRAINING -> answer(context, 503, Map.of("status", "draining"));
                case LEDGER_STOPPED -> answer(context, 503, Map.of("status", "ledger stopped"));
            }
        });
    }

    private Map<String, String> ready() {
        return indexBehind.getAsBoolean() ? Map.of("status", "ready", "index", "behind") : Map.of("status", "ready");
    }

    private static void answer(RoutingContext context, int status, Map<String, String> words) {
        context.response()
                .setStatusCode(status)
                .putHeader("Content-Type", Api.JSON)
                .putHeader("Cache-Control", "no-store")
                .end(Buffer.buffer(JsonText.of(words)));
    }
}

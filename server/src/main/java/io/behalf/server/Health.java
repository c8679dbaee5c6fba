package io.behalf.server;

import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.Map;
import java.util.function.Supplier;

/** {@code /health/live}: the process answers. {@code /health/ready}: calls can be recorded, so calls can be made. */
final class Health {
    static final String LIVE = "/health/live";
    static final String READY = "/health/ready";

    private final Supplier<State> state;

    enum State {
        READY,
        DRAINING,
        LEDGER_STOPPED
    }

    Health(Supplier<State> state) {
        this.state = state;
    }

    void mount(Router router) {
        router.get(LIVE).handler(context -> answer(context, 200, "live"));
        router.get(READY).handler(context -> {
            switch (state.get()) {
                case READY -> answer(context, 200, "ready");
                case DRAINING -> answer(context, 503, "draining");
                case LEDGER_STOPPED -> answer(context, 503, "ledger stopped");
            }
        });
    }

    private static void answer(RoutingContext context, int status, String word) {
        context.response()
                .setStatusCode(status)
                .putHeader("Content-Type", Api.JSON)
                .putHeader("Cache-Control", "no-store")
                .end(Buffer.buffer(JsonText.of(Map.of("status", word))));
    }
}

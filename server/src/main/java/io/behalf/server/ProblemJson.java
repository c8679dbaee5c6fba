package io.behalf.server;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Errors of the server's own endpoints, as RFC 9457 writes them. */
final class ProblemJson {
    private ProblemJson() {}

    static void answer(HttpServerResponse response, int status, String detail) {
        answer(response, status, detail, Map.of());
    }

    /** @param more members of its own, none of them RFC 9457's */
    static void answer(HttpServerResponse response, int status, String detail, Map<String, String> more) {
        if (response.ended() || response.closed()) {
            return;
        }
        Map<String, @Nullable Object> out = new LinkedHashMap<>(more);
        out.put("type", "about:blank");
        out.put("status", (long) status);
        out.put("detail", detail);
        response.setStatusCode(status)
                .putHeader("Content-Type", "application/problem+json")
                .putHeader("Cache-Control", "no-store")
                .end(Buffer.buffer(JsonText.of(out)));
    }
}

package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.Surface;
import io.vertx.core.buffer.Buffer;

/** A request as the flow sees it: whole, bounded, and read by its codec. {@code body} is what goes on, byte for byte. */
public record Inbound(Route route, Head head, Buffer body, Asked asked) {
    static final int BYTES_PER_TOKEN = 4;

    /** Of an answer whose length nobody knows yet. */
    private static final int TOKENS_OF_AN_ANSWER = 4_096;

    /** What is kept of a limit on tokens while the call runs. */
    long expectedTokens() {
        return route.surface() == Surface.LLM && body.length() > 0
                ? body.length() / BYTES_PER_TOKEN + TOKENS_OF_AN_ANSWER
                : 0;
    }
}

package io.behalf.gateway.http;

import io.behalf.gateway.Codec.Reading;
import io.behalf.gateway.Piece;
import io.behalf.gateway.Tally;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An answer of any bytes. Where its length is told, the chunk that completes it is held; otherwise its end, which its
 * framing tells, so that a service's own stream is not a chunk late.
 */
final class PlainReading implements Reading {
    private long missing;
    private final boolean counted;
    private Buffer held = Buffer.buffer();

    PlainReading(@Nullable String contentLength) {
        counted = contentLength != null && contentLength.matches("[0-9]{1,18}");
        missing = counted ? Long.parseLong(contentLength) : 0;
    }

    @Override
    public List<Piece> next(Buffer chunk) {
        missing -= chunk.length();
        if (counted && missing <= 0) {
            held = chunk;
            return List.of();
        }
        return List.of(new Piece.Pass(chunk, Tally.NONE));
    }

    @Override
    public long held() {
        return held.length();
    }

    @Override
    public List<Piece> end() {
        return List.of(Piece.Last.of(held, Tally.NONE));
    }
}

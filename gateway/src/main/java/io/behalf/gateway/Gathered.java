package io.behalf.gateway;

import io.behalf.gateway.Codec.Reading;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.function.Function;

/**
 * Reads an answer that is of no use before its end: it is kept until then and is one last piece. One that is too large
 * to keep goes on as it comes, and only its end is held.
 */
public final class Gathered implements Reading {
    /** Largest answer that is kept, and looked into. */
    public static final int MAX_KEPT_BYTES = 8 << 20;

    private final Function<Buffer, Piece.Last> whole;
    private Buffer kept = Buffer.buffer();
    private boolean growable;
    private boolean overflowed;

    /** @param whole looks into an answer that was kept */
    public Gathered(Function<Buffer, Piece.Last> whole) {
        this.whole = whole;
    }

    @Override
    public List<Piece> next(Buffer chunk) {
        if (overflowed) {
            return List.of(new Piece.Pass(chunk, Tally.NONE));
        }
        if (kept.length() == 0) {
            kept = chunk; // most often the whole answer
        } else {
            kept = growable ? kept : Buffer.buffer(2 * kept.length()).appendBuffer(kept);
            growable = true;
            kept.appendBuffer(chunk);
        }
        if (kept.length() <= MAX_KEPT_BYTES) {
            return List.of();
        }
        overflowed = true;
        Buffer begun = kept;
        kept = Buffer.buffer();
        return List.of(new Piece.Pass(begun, Tally.NONE));
    }

    @Override
    public List<Piece> end() {
        return List.of(overflowed ? Piece.Last.of(kept, Tally.NONE) : whole.apply(kept));
    }
}

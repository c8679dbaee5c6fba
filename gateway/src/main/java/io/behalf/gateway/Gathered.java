package io.behalf.gateway;

import io.behalf.core.json.Json;
import io.behalf.gateway.Codec.Reading;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Reads an answer that is of no use before its end: it is kept until then and is one last piece. What becomes of one that
 * is too large to keep, whoever looks into it says.
 */
public final class Gathered implements Reading {
    /** Largest answer that is kept, and looked into. */
    public static final int MAX_KEPT_BYTES = 8 << 20;

    /** Of an answer that is too large to be looked into. */
    public enum TooLarge {
        /** Goes on as it comes, and only its end is held: nothing in it has to be known. */
        PASSES,
        /** Does not reach the agent: it would hide from record and rules what stands in it. */
        FAILS
    }

    private final Function<Buffer, Piece.Last> whole;
    private final TooLarge tooLarge;
    private Buffer kept = Buffer.buffer();
    private boolean growable;
    private boolean overflowed;

    /** @param whole looks into an answer that was kept */
    public Gathered(TooLarge tooLarge, Function<Buffer, Piece.Last> whole) {
        this.tooLarge = tooLarge;
        this.whole = whole;
    }

    /** The object that an answer must be so that something in it can be kept back; any other fails, like one too large. */
    public static Map<?, ?> object(Buffer answer) {
        try {
            return Json.readObject(answer.getBytes());
        } catch (Json.Malformed e) {
            throw new Forwarder.UpstreamFault("the upstream's list cannot be read, and so not shown in part");
        }
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
        if (tooLarge == TooLarge.FAILS) {
            kept = Buffer.buffer();
            throw new Forwarder.UpstreamFault("the upstream's answer is larger than what is looked into");
        }
        overflowed = true;
        Buffer begun = kept;
        kept = Buffer.buffer();
        return List.of(new Piece.Pass(begun, Tally.NONE));
    }

    @Override
    public long held() {
        return kept.length();
    }

    @Override
    public List<Piece> end() {
        return List.of(overflowed ? Piece.Last.of(kept, Tally.NONE) : whole.apply(kept));
    }
}

package io.behalf.gateway;

import io.behalf.gateway.Codec.Reading;
import io.behalf.gateway.EventStream.Frame;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads an answer of server-sent events: passes each on as it is whole, and holds the one that ends the answer. A
 * subclass says what an event means; it sees each once, in order.
 */
public abstract class StreamReading implements Reading {
    private final EventStream stream = new EventStream();
    private boolean mayEnd;
    private boolean ended;

    /** What one event means. Comments never get here. */
    protected abstract Seen event(Frame frame);

    /** @param kind what to do with the event */
    protected record Seen(Kind kind, Tally tally) {
        public static final Seen NOTHING = pass(Tally.NONE);

        enum Kind {
            PASS,
            MAY_END,
            LAST
        }

        public static Seen pass(Tally tally) {
            return new Seen(Kind.PASS, tally);
        }

        /** The answer is whole from here on, should the stream end without saying so. */
        public static Seen mayEnd(Tally tally) {
            return new Seen(Kind.MAY_END, tally);
        }

        public static Seen last(Tally tally) {
            return new Seen(Kind.LAST, tally);
        }
    }

    @Override
    public List<Piece> next(Buffer chunk) {
        List<Piece> pieces = new ArrayList<>();
        Buffer passing = Buffer.buffer(chunk.length() + 64);
        Tally seen = Tally.NONE;
        for (Frame frame : frames(stream, chunk)) {
            Seen what = frame.event() && !ended ? event(frame) : Seen.NOTHING;
            seen = seen.plus(what.tally);
            mayEnd |= what.kind == Seen.Kind.MAY_END;
            if (ended) {
                continue; // the answer is over; what comes after its end belongs to nobody
            }
            if (what.kind == Seen.Kind.LAST) {
                ended = true;
                if (passing.length() > 0) {
                    pieces.add(new Piece.Pass(passing, Tally.NONE));
                }
                pieces.add(Piece.Last.of(Buffer.buffer(frame.bytes()), seen));
                return pieces;
            }
            passing.appendBytes(frame.bytes());
        }
        if (passing.length() > 0) {
            pieces.add(new Piece.Pass(passing, seen));
        }
        return pieces;
    }

    @Override
    public long held() {
        return stream.held();
    }

    @Override
    public List<Piece> end() {
        if (ended || !mayEnd) {
            return List.of();
        }
        return List.of(new Piece.Last(Optional.empty(), Buffer.buffer(stream.rest()), Tally.NONE, Optional.empty()));
    }

    /** The frames that a chunk completes; an endless one is the upstream's fault. */
    public static List<Frame> frames(EventStream stream, Buffer chunk) {
        try {
            return stream.next(chunk.getBytes());
        } catch (EventStream.TooLong endless) {
            throw new Forwarder.UpstreamFault("the upstream's stream has " + endless.getMessage(), endless);
        }
    }

    /** One more tool call is put together beside {@code others}; more than a record holds are the upstream's fault. */
    protected static void oneMore(int others) {
        if (others >= Tally.MAX_PLANNED) {
            throw new Forwarder.UpstreamFault(
                    "the upstream's reply plans more than " + Tally.MAX_PLANNED + " tool calls");
        }
    }

    /** Whether {@code wanted} stands anywhere in {@code bytes}: cheaper than parsing each event of a long stream. */
    protected static boolean contains(byte[] bytes, byte[] wanted) {
        outer:
        for (int at = 0; at <= bytes.length - wanted.length; at++) {
            for (int i = 0; i < wanted.length; i++) {
                if (bytes[at + i] != wanted[i]) {
                    continue outer;
                }
            }
            return true;
        }
        return false;
    }
}

package io.behalf.gateway;

import io.behalf.gateway.Asked.CallKey;
import io.vertx.core.buffer.Buffer;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** Bytes of an answer, cut where the flow must act. A codec cuts; it never decides and never writes. */
public sealed interface Piece {
    /** Goes on at once. */
    record Pass(Buffer bytes, Tally seen) implements Piece {}

    /**
     * What ends a call's answer: released only when the outcome is durable.
     *
     * @param answers the call that it ends; empty for the one on whose answer it came
     * @param list where the answer is a list that the agent may see in part
     */
    record Last(Optional<CallKey> answers, Buffer held, Tally seen, Optional<Listing> list) implements Piece {
        public static Last of(Buffer held, Tally seen) {
            return new Last(Optional.empty(), held, seen, Optional.empty());
        }
    }

    /** A list in an answer. */
    interface Listing {
        /** The answer with only what is visible, and how many that were. */
        Kept keep(Predicate<Item> visible);
    }

    /** What must be allowed for an entry to be shown. */
    record Item(String action, Map<String, String> attributes) {
        public Item {
            attributes = Map.copyOf(attributes);
        }
    }

    record Kept(Buffer answer, long items) {}
}

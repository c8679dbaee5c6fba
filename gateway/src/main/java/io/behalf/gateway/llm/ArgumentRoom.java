package io.behalf.gateway.llm;

import io.behalf.gateway.Arguments;
import io.vertx.core.buffer.Buffer;
import java.util.Optional;

/** The room that one reply has for the arguments of the tool calls that it is putting together. */
final class ArgumentRoom {
    /** Characters of all calls at one time. */
    static final int MOST = 8 << 20;

    private int taken;

    /** One call's arguments, as they come. */
    final class Text {
        private StringBuilder text = new StringBuilder();
        private boolean overflowed;

        /** Those that do not fit leave their room to the others: no more of them is kept, whatever still comes. */
        void add(String piece) {
            if (overflowed) {
                return;
            }
            if (piece.length() > MOST - taken) {
                overflowed = true;
                leave();
                return;
            }
            text.append(piece);
            taken += piece.length();
        }

        /**
         * All of them, once they are complete, in RFC 8785 form; they leave the room. Empty where they did not fit: what
         * was kept of them would be other arguments, which another call may have.
         */
        Optional<Buffer> whole() {
            if (overflowed) {
                return Optional.empty();
            }
            Buffer canonical = Arguments.canonical(text.toString());
            leave();
            return Optional.of(canonical);
        }

        private void leave() {
            taken -= text.length();
            text = new StringBuilder();
        }
    }
}

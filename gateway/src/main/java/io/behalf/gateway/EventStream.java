package io.behalf.gateway;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a {@code text/event-stream} (WHATWG HTML §9.2.5) into whole events and comments, whatever chunks it comes in:
 * lines end with CR, LF or both, and any byte may be the last of a chunk. The frames of a stream, put together, are its
 * bytes. An event is held until its blank line, so that a stream can be ended between two events; a comment between
 * events goes on with its line, because it is what keeps a silent connection alive.
 */
public final class EventStream {
    /** Largest event; an upstream that sends a longer one is cut, or it would fill memory without ever ending a line. */
    public static final int MAX_EVENT_BYTES = 16 << 20;

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

    private byte[] held = new byte[1024];
    private int length;
    private int lineStart;
    private boolean anyField;
    private boolean afterReturn;
    private boolean first = true;

    /** The frames that this chunk completes. */
    public List<Frame> next(byte[] chunk) throws TooLong {
        List<Frame> frames = new ArrayList<>(2);
        for (byte b : chunk) {
            if (afterReturn) {
                afterReturn = false;
                if (b == '\n') {
                    put(b); // second half of a CR LF
                    line(frames);
                    continue;
                }
                line(frames);
            }
            put(b);
            if (b == '\n') {
                line(frames);
            } else if (b == '\r') {
                afterReturn = true;
            }
        }
        return frames;
    }

    /** Bytes of the event that is not whole yet. */
    public int held() {
        return length;
    }

    /** What is left when the stream ends: by the standard an incomplete event, which clients drop. */
    public byte[] rest() {
        byte[] rest = Arrays.copyOf(held, length);
        length = 0;
        return rest;
    }

    private void put(byte b) throws TooLong {
        if (length == held.length) {
            if (length >= MAX_EVENT_BYTES) {
                throw new TooLong();
            }
            held = Arrays.copyOf(held, Math.min(MAX_EVENT_BYTES, length * 2));
        }
        held[length++] = b;
    }

    /** A line, with its end, stands between {@code lineStart} and {@code length}. */
    private void line(List<Frame> frames) {
        int start = lineStart;
        if (first) {
            first = false;
            if (length >= 3 && Arrays.equals(held, 0, 3, BYTE_ORDER_MARK, 0, 3)) {
                start = 3;
            }
        }
        lineStart = length;
        boolean blank = held[start] == '\n' || held[start] == '\r';
        boolean comment = held[start] == ':';
        if (!blank && !comment) {
            anyField = true;
        } else if (blank || !anyField) {
            frames.add(new Frame(Arrays.copyOf(held, length), anyField));
            length = 0;
            lineStart = 0;
            anyField = false;
        }
    }

    /** An event with its blank line, or a comment or blank line on its own. */
    public static final class Frame {
        private final byte[] bytes;
        private final boolean event;

        Frame(byte[] bytes, boolean event) {
            this.bytes = bytes;
            this.event = event;
        }

        /** As they came; not to be changed. */
        public byte[] bytes() {
            return bytes;
        }

        /** Whether it has any field. */
        public boolean event() {
            return event;
        }

        /** The values of all {@code data} lines, joined by LF; empty where there is none. */
        public String data() {
            return field("data");
        }

        /** The value of the last {@code event} line; empty where there is none. */
        public String name() {
            return field("event");
        }

        /** The value of the last {@code id} line; empty where there is none. */
        public String id() {
            return field("id");
        }

        private String field(String wanted) {
            StringBuilder value = new StringBuilder();
            boolean any = false;
            int start = bytes.length >= 3 && Arrays.equals(bytes, 0, 3, BYTE_ORDER_MARK, 0, 3) ? 3 : 0;
            for (int at = start; at < bytes.length; at++) {
                if (bytes[at] != '\n' && bytes[at] != '\r') {
                    continue;
                }
                String found = valueOf(wanted, start, at);
                if (found != null) {
                    if (any && wanted.equals("data")) {
                        value.append('\n');
                    } else {
                        value.setLength(0);
                    }
                    any = true;
                    value.append(found);
                }
                start = at + 1;
            }
            return value.toString();
        }

        /** The value, if the line is one of this field: after the colon and at most one space. */
        private @Nullable String valueOf(String wanted, int start, int end) {
            int colon = start + wanted.length();
            if (colon > end || (colon < end && bytes[colon] != ':')) {
                return null;
            }
            for (int i = 0; i < wanted.length(); i++) {
                if (bytes[start + i] != wanted.charAt(i)) {
                    return null;
                }
            }
            int from = Math.min(end, colon + 1);
            if (from < end && bytes[from] == ' ') {
                from++;
            }
            return new String(bytes, from, end - from, StandardCharsets.UTF_8);
        }
    }

    /** An event beyond {@link #MAX_EVENT_BYTES}. */
    public static final class TooLong extends Exception {
        private static final long serialVersionUID = 1;

        TooLong() {
            super("an event longer than " + MAX_EVENT_BYTES + " bytes");
        }
    }
}

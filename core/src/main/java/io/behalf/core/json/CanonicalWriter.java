package io.behalf.core.json;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes RFC 8785 canonical JSON into one growable buffer. The caller gives object members already in canonical order
 * (ascending by UTF-16 code unit); an assertion checks that it does. Reusable after {@link #reset}; not thread-safe.
 */
public final class CanonicalWriter {
    /** Nesting that the writer follows; deeper input is refused by {@link Json} long before. */
    private static final int MAX_DEPTH = 128;

    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private byte[] buffer = new byte[1024];
    private int length;
    private int depth;
    private final boolean[] filled = new boolean[MAX_DEPTH];
    private final @Nullable String[] lastKey = new @Nullable String[MAX_DEPTH];
    private boolean afterKey;

    public CanonicalWriter() {}

    public void reset() {
        length = 0;
        depth = 0;
        afterKey = false;
        filled[0] = false;
    }

    public int length() {
        return length;
    }

    /** The backing array: valid up to {@link #length} and until the next write. */
    public byte[] buffer() {
        return buffer;
    }

    public byte[] toByteArray() {
        return Arrays.copyOf(buffer, length);
    }

    public CanonicalWriter beginObject() {
        return open('{');
    }

    public CanonicalWriter endObject() {
        return close('}');
    }

    public CanonicalWriter beginArray() {
        return open('[');
    }

    public CanonicalWriter endArray() {
        return close(']');
    }

    public CanonicalWriter key(String name) {
        String before = lastKey[depth];
        assert before == null || before.compareTo(name) < 0 : "members out of order: " + before + ", " + name;
        lastKey[depth] = name;
        separate();
        quoted(name);
        put((byte) ':');
        afterKey = true;
        return this;
    }

    public CanonicalWriter string(String value) {
        separate();
        quoted(value);
        return this;
    }

    /** Lower-case hex of the bytes, as a string. */
    public CanonicalWriter hex(byte[] value) {
        separate();
        put((byte) '"');
        ensure(value.length * 2);
        for (byte b : value) {
            buffer[length++] = HEX[(b >> 4) & 15];
            buffer[length++] = HEX[b & 15];
        }
        put((byte) '"');
        return this;
    }

    /**
     * An integer. RFC 8785 §3.2.2.3 writes numbers as IEEE doubles, so a magnitude above 2^53 has no exact form and is
     * a programming error here.
     */
    public CanonicalWriter number(long value) {
        if (value > Json.MAX_EXACT || value < -Json.MAX_EXACT) {
            throw new IllegalArgumentException("integer beyond 2^53: " + value);
        }
        separate();
        ascii(Long.toString(value));
        return this;
    }

    /** A number that is already in its canonical form, where it is none that {@link #number} writes. */
    public CanonicalWriter literal(String number) {
        separate();
        ascii(number);
        return this;
    }

    public CanonicalWriter bool(boolean value) {
        separate();
        ascii(value ? "true" : "false");
        return this;
    }

    public CanonicalWriter nullValue() {
        separate();
        ascii("null");
        return this;
    }

    private CanonicalWriter open(char bracket) {
        separate();
        put((byte) bracket);
        depth++;
        if (depth >= MAX_DEPTH) {
            throw new IllegalArgumentException("JSON nested deeper than " + MAX_DEPTH);
        }
        filled[depth] = false;
        lastKey[depth] = null;
        return this;
    }

    private CanonicalWriter close(char bracket) {
        depth--;
        put((byte) bracket);
        return this;
    }

    private void separate() {
        if (afterKey) {
            afterKey = false;
            return;
        }
        if (filled[depth]) {
            put((byte) ',');
        }
        filled[depth] = true;
    }

    private void quoted(String value) {
        int n = value.length();
        ensure(n * 3 + 2);
        buffer[length++] = '"';
        for (int i = 0; i < n; i++) {
            char c = value.charAt(i);
            if (c < 0x80) {
                if (c >= 0x20 && c != '"' && c != '\\') {
                    buffer[length++] = (byte) c;
                } else {
                    escape(c);
                    ensure((n - i) * 3 + 2);
                }
            } else if (c < 0x800) {
                buffer[length++] = (byte) (0xc0 | (c >> 6));
                buffer[length++] = (byte) (0x80 | (c & 63));
            } else if (Character.isSurrogate(c)) {
                i = surrogates(value, i);
            } else {
                buffer[length++] = (byte) (0xe0 | (c >> 12));
                buffer[length++] = (byte) (0x80 | ((c >> 6) & 63));
                buffer[length++] = (byte) (0x80 | (c & 63));
            }
        }
        put((byte) '"');
    }

    private int surrogates(String value, int at) {
        if (at + 1 >= value.length() || !Character.isSurrogatePair(value.charAt(at), value.charAt(at + 1))) {
            // RFC 8785 §3.2.2.2: a lone surrogate must stop the serializer
            throw new IllegalArgumentException("lone surrogate in a string");
        }
        int point = value.codePointAt(at);
        buffer[length++] = (byte) (0xf0 | (point >> 18));
        buffer[length++] = (byte) (0x80 | ((point >> 12) & 63));
        buffer[length++] = (byte) (0x80 | ((point >> 6) & 63));
        buffer[length++] = (byte) (0x80 | (point & 63));
        return at + 1;
    }

    private void escape(char c) {
        String text =
                switch (c) {
                    case '"' -> "\\\"";
                    case '\\' -> "\\\\";
                    case '\b' -> "\\b";
                    case '\t' -> "\\t";
                    case '\n' -> "\\n";
                    case '\f' -> "\\f";
                    case '\r' -> "\\r";
                    default -> "\\u00" + (char) HEX[c >> 4] + (char) HEX[c & 15];
                };
        ascii(text);
    }

    private void ascii(String text) {
        ensure(text.length());
        for (int i = 0; i < text.length(); i++) {
            buffer[length++] = (byte) text.charAt(i);
        }
    }

    private void put(byte b) {
        ensure(1);
        buffer[length++] = b;
    }

    private void ensure(int more) {
        if (length + more > buffer.length) {
            buffer = Arrays.copyOf(buffer, Math.max(buffer.length * 2, length + more));
        }
    }
}

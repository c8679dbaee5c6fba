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

    /** From here on it pays to look at eight characters at a time. */
    private static final int LONG = 16;

    /** How many names of members a writer that is used again remembers in their written form: none of a record's drives out another. */
    private static final int NAMES = 1 << 11;

    /** Longer names come from outside, and would be kept for nothing. */
    private static final int MAX_REMEMBERED = 64;

    private byte[] buffer = new byte[1024];
    private int length;
    private int depth;
    private final boolean[] filled = new boolean[MAX_DEPTH];
    private final @Nullable String[] lastKey = new @Nullable String[MAX_DEPTH];
    private boolean afterKey;
    private @Nullable Written @Nullable [] names;

    public CanonicalWriter() {}

    public void reset() {
        if (names == null) {
            names = new @Nullable Written[NAMES];
        }
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
        assert follows(name) : "members out of order at " + name;
        separate();
        @Nullable Written @Nullable [] remembered = names;
        int slot = slot(name);
        Written known = remembered == null ? null : remembered[slot];
        if (known != null && known.name.equals(name)) {
            int more = known.text.length;
            ensure(more);
            System.arraycopy(known.text, 0, buffer, length, more);
            length += more;
        } else {
            int start = length;
            quoted(name);
            put((byte) ':');
            if (remembered != null && length - start <= MAX_REMEMBERED) {
                remembered[slot] = new Written(name, Arrays.copyOfRange(buffer, start, length));
            }
        }
        afterKey = true;
        return this;
    }

    /** With the hash's upper half in it: in the lower one alone, short names that end alike fall together. */
    static int slot(String name) {
        int hash = name.hashCode();
        return (hash ^ hash >>> 11) & (NAMES - 1);
    }

    public CanonicalWriter string(String value) {
        separate();
        quoted(value);
        return this;
    }

    /**
     * A string whose JSON form, without the quotes, has {@code most} bytes or fewer.
     *
     * @return false if it is longer or has no UTF-8 form: then nothing was written, and another value may stand there
     */
    public boolean stringWithin(String value, int most) {
        if (value.length() > most) {
            return false; // every character takes a byte at least
        }
        int lengthBefore = length;
        boolean afterKeyBefore = afterKey;
        boolean filledBefore = filled[depth];
        separate();
        int start = length;
        if (tryQuoted(value) && length - start - 2 <= most) {
            return true;
        }
        length = lengthBefore;
        afterKey = afterKeyBefore;
        filled[depth] = filledBefore;
        return false;
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

    /** Remembers the name only where assertions are on. */
    private boolean follows(String name) {
        String before = lastKey[depth];
        lastKey[depth] = name;
        return before == null || before.compareTo(name) < 0;
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
        if (!tryQuoted(value)) {
            // RFC 8785 §3.2.2.2: a lone surrogate must stop the serializer
            throw new IllegalArgumentException("lone surrogate in a string");
        }
    }

    /** Returns false, with the string half written, at a lone surrogate. */
    private boolean tryQuoted(String value) {
        int n = value.length();
        ensure(n * 3 + 2);
        buffer[length++] = '"';
        int i = n >= LONG && copied(value) ? n : plain(value);
        while (i < n) {
            char c = value.charAt(i);
            if (c < 0x80) {
                if (isPlain(c)) {
                    buffer[length++] = (byte) c;
                } else {
                    escape(c);
                    ensure((n - i) * 3 + 2);
                }
            } else if (c < 0x800) {
                buffer[length++] = (byte) (0xc0 | (c >> 6));
                buffer[length++] = (byte) (0x80 | (c & 63));
            } else if (Character.isSurrogate(c)) {
                if (i + 1 >= n || !Character.isSurrogatePair(c, value.charAt(i + 1))) {
                    return false;
                }
                supplementary(value.codePointAt(i));
                i++;
            } else {
                buffer[length++] = (byte) (0xe0 | (c >> 12));
                buffer[length++] = (byte) (0x80 | ((c >> 6) & 63));
                buffer[length++] = (byte) (0x80 | (c & 63));
            }
            i++;
        }
        put((byte) '"');
        return true;
    }

    /**
     * Writes all of a string in which each character stands for itself, much faster than one by one; of any other, nothing. The JDK writes
     * {@code ?} for a lone surrogate: a string with that character is left to whoever looks at each.
     */
    private boolean copied(String value) {
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        int n = utf8.length;
        if (n != value.length()) {
            return false;
        }
        long others = 0;
        for (int i = 0; i < n; i += Long.BYTES) {
            int at = Math.min(i, n - Long.BYTES); // the last eight, some of them again
            others |= PlainBytes.others(utf8, at) | PlainBytes.those(utf8, at, '?');
        }
        if (others != 0) {
            return false;
        }
        System.arraycopy(utf8, 0, buffer, length, n);
        length += n;
        return true;
    }

    /** Writes up to the first character that does not stand for itself: of nearly every string, all. */
    private int plain(String value) {
        byte[] out = buffer;
        int at = length;
        int n = value.length();
        int i = 0;
        while (i < n && isPlain(value.charAt(i))) {
            out[at++] = (byte) value.charAt(i++);
        }
        length = at;
        return i;
    }

    private static boolean isPlain(char c) {
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
    }

    private void supplementary(int point) {
        buffer[length++] = (byte) (0xf0 | (point >> 18));
        buffer[length++] = (byte) (0x80 | ((point >> 12) & 63));
        buffer[length++] = (byte) (0x80 | ((point >> 6) & 63));
        buffer[length++] = (byte) (0x80 | (point & 63));
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

    /** A member's name with its quotes and colon. */
    private static final class Written {
        final String name;
        final byte[] text;

        Written(String name, byte[] text) {
            this.name = name;
            this.text = text;
        }
    }
}

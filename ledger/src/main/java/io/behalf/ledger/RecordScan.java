package io.behalf.ledger;

import io.behalf.core.json.PlainBytes;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks a record's bytes once: are they canonical (RFC 8785, whole numbers only), and what stands in the members that the ledger looks at?
 * Much faster than parsing to a tree and writing it again, which a test holds it against; so every entry can be checked by an auditor, and
 * every entry indexed. Reusable; one thread.
 */
final class RecordScan {
    /** As {@code Json}'s own bound: what is nested deeper was never written. */
    private static final int MAX_DEPTH = 64;

    private static final long MAX_EXACT = 1L << 53;

    private byte[] bytes = new byte[0];
    private int end;
    private int at;

    private String id = "";
    private String kind = "";
    private @Nullable String of;
    private @Nullable String task;
    private long taskSeq;
    private @Nullable String prev;
    private @Nullable String event;
    private @Nullable String trace;
    private @Nullable String jti;
    private @Nullable String seenJti;
    private @Nullable String toolCall;
    private @Nullable String subject;
    private boolean late;
    private long records;
    private long version;
    private final List<String> actors = new ArrayList<>();
    private final List<String> plannedToolCalls = new ArrayList<>();

    /** Members on the way to the value being read, by depth from 1; -1 for others and for array items. */
    private final int[] path = new int[MAX_DEPTH + 1];

    /** Thrown to leave the walk, at most once a scan. */
    private static final class NotCanonical extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NotCanonical(String problem) {
            super(problem, null, false, false);
        }
    }

    /** @return null, or what is wrong with the bytes */
    @Nullable
    String scan(byte[] record, int offset, int length) {
        bytes = record;
        at = offset;
        end = offset + length;
        clear();
        try {
            if (at == end || bytes[at] != '{') {
                return "not a JSON object";
            }
            value(0);
            return at == end ? required() : "there is something after the JSON object";
        } catch (NotCanonical e) {
            return e.getMessage();
        }
    }

    private void clear() {
        id = "";
        kind = "";
        of = null;
        task = null;
        taskSeq = 0;
        prev = null;
        event = null;
        trace = null;
        jti = null;
        seenJti = null;
        toolCall = null;
        subject = null;
        late = false;
        records = -1;
        version = 0;
        actors.clear();
        plannedToolCalls.clear();
    }

    private @Nullable String required() {
        return id.isEmpty() || kind.isEmpty() || version != 1 ? "not a record of version 1 with id and kind" : null;
    }

    // ---- what was found

    RecordFacts facts() {
        return new RecordFacts(id, kind, of, chained(), "ended".equals(event));
    }

    String id() {
        return id;
    }

    String kind() {
        return kind;
    }

    @Nullable
    String of() {
        return of;
    }

    /** Of a lifecycle record. */
    @Nullable
    String event() {
        return event;
    }

    @Nullable
    String task() {
        return task;
    }

    /** The task in whose chain the record stands: a service's own record names its task but stands in the service's chain. */
    @Nullable
    String chained() {
        return kind.equals("downstream") ? null : task;
    }

    long taskSeq() {
        return taskSeq;
    }

    @Nullable
    String prev() {
        return prev;
    }

    boolean late() {
        return late;
    }

    /** What {@code ended} says of its task's records; -1 if it does not. */
    long records() {
        return records;
    }

    @Nullable
    String trace() {
        return trace;
    }

    @Nullable
    String jti() {
        return jti;
    }

    /** The token that a service says it was shown. */
    @Nullable
    String seenJti() {
        return seenJti;
    }

    @Nullable
    String toolCall() {
        return toolCall;
    }

    @Nullable
    String subject() {
        return subject;
    }

    List<String> actors() {
        return actors;
    }

    List<String> plannedToolCalls() {
        return plannedToolCalls;
    }

    // ---- the walk

    private void value(int depth) {
        if (at == end) {
            throw new NotCanonical("it ends too early");
        }
        switch (bytes[at]) {
            case '{' -> object(depth + 1);
            case '[' -> array(depth + 1);
            case '"' -> {
                int start = at + 1;
                boolean escaped = string();
                text(depth, start, at - 1, escaped);
            }
            case 't' -> {
                word("true");
                late |= depth == 1 && path[1] == RecordMember.LATE;
            }
            case 'f' -> word("false");
            case 'n' -> word("null");
            default -> number(depth, integer());
        }
    }

    private void object(int depth) {
        enter(depth);
        if (at < end && bytes[at] == '}') {
            at++;
            return;
        }
        int lastStart = -1;
        int lastEnd = -1;
        boolean plain = true;
        while (true) {
            if (at == end || bytes[at] != '"') {
                throw new NotCanonical("a member has no name, or there is white space");
            }
            int start = at + 1;
            plain &= !string();
            int nameEnd = at - 1;
            if (lastStart >= 0 && compare(lastStart, lastEnd, start, nameEnd, plain) >= 0) {
                throw new NotCanonical("members are not in order, or one stands twice");
            }
            lastStart = start;
            lastEnd = nameEnd;
            if (at == end || bytes[at] != ':') {
                throw new NotCanonical("a member has no value, or there is white space");
            }
            at++;
            path[depth] = depth <= 4 ? RecordMember.find(bytes, start, nameEnd) : RecordMember.OTHER;
            value(depth);
            if (more('}')) {
                continue;
            }
            return;
        }
    }

    private void array(int depth) {
        enter(depth);
        path[depth] = RecordMember.OTHER;
        if (at < end && bytes[at] == ']') {
            at++;
            return;
        }
        while (true) {
            value(depth);
            if (!more(']')) {
                return;
            }
        }
    }

    private void enter(int depth) {
        if (depth > MAX_DEPTH) {
            throw new NotCanonical("nested too deep");
        }
        at++;
    }

    private boolean more(char close) {
        if (at < end && bytes[at] == ',') {
            at++;
            return true;
        }
        if (at < end && bytes[at] == close) {
            at++;
            return false;
        }
        throw new NotCanonical("neither , nor " + close + " follows a value, or there is white space");
    }

    private void word(String word) {
        int length = word.length();
        if (end - at < length || !word.equals(new String(bytes, at, length, StandardCharsets.ISO_8859_1))) {
            throw new NotCanonical("an unknown word");
        }
        at += length;
    }

    /** RFC 8785 §3.2.2.3 for whole numbers: no sign but minus, no leading zero, no -0, exact as a double. */
    private long integer() {
        int start = at;
        boolean negative = bytes[at] == '-';
        if (negative) {
            at++;
        }
        int digits = at;
        long value = 0;
        while (at < end && bytes[at] >= '0' && bytes[at] <= '9') {
            value = value * 10 + (bytes[at] - '0');
            at++;
            if (value > MAX_EXACT) {
                throw new NotCanonical("a number beyond 2^53");
            }
        }
        boolean canonical = at > digits && (bytes[digits] != '0' || (at == digits + 1 && !negative));
        if (!canonical) {
            throw new NotCanonical("not a whole number in canonical form at byte " + start);
        }
        return negative ? -value : value;
    }

    /**
     * Goes over a string, RFC 8785 §3.2.2.2: only what must be escaped is, in the one form; the rest is well-formed UTF-8.
     *
     * @return whether there are escapes or characters beyond ASCII in it
     */
    private boolean string() {
        boolean special = false;
        at++;
        while (at < end) {
            skipPlain();
            if (at == end) {
                break;
            }
            int b = bytes[at];
            if (b == '"') {
                at++;
                return special;
            }
            if (b >= 0x20 && b != '\\') {
                at++;
                continue;
            }
            special = true;
            if (b == '\\') {
                escape();
            } else if (b < 0) {
                utf8();
            } else {
                throw new NotCanonical("a control character stands in a string");
            }
        }
        throw new NotCanonical("a string does not end");
    }

    /** To the next byte that does not stand for itself, eight at a time; short of the record's last seven. */
    private void skipPlain() {
        while (end - at >= Long.BYTES) {
            long others = PlainBytes.others(bytes, at);
            if (others != 0) {
                at += Long.numberOfTrailingZeros(others) / Byte.SIZE;
                return;
            }
            at += Long.BYTES;
        }
    }

    private void escape() {
        if (end - at < 2) {
            throw new NotCanonical("a string does not end");
        }
        switch (bytes[at + 1]) {
            case '"', '\\', 'b', 't', 'n', 'f', 'r' -> at += 2;
            case 'u' -> {
                int code = end - at < 6 || bytes[at + 2] != '0' || bytes[at + 3] != '0'
                        ? -1
                        : lowerHex(bytes[at + 4]) * 16 + lowerHex(bytes[at + 5]);
                boolean hasShortForm = code == 8 || code == 9 || code == 10 || code == 12 || code == 13;
                if (code < 0 || code >= 0x20 || hasShortForm || lowerHex(bytes[at + 5]) < 0) {
                    throw new NotCanonical("an escape is not in canonical form");
                }
                at += 6;
            }
            default -> throw new NotCanonical("an escape is not in canonical form");
        }
    }

    private static int lowerHex(byte digit) {
        if (digit >= '0' && digit <= '9') {
            return digit - '0';
        }
        return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
    }

    /** RFC 3629: shortest form, no surrogates, nothing beyond U+10FFFF. */
    private void utf8() {
        int lead = bytes[at] & 0xff;
        int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        if (lead < 0xc2 || lead > 0xf4 || end - at < length) {
            throw new NotCanonical("not UTF-8");
        }
        int second = bytes[at + 1] & 0xff;
        boolean wellFormed =
                switch (lead) {
                    case 0xe0 -> second >= 0xa0;
                    case 0xed -> second <= 0x9f;
                    case 0xf0 -> second >= 0x90;
                    case 0xf4 -> second <= 0x8f;
                    default -> true;
                };
        for (int i = 1; i < length; i++) {
            wellFormed &= (bytes[at + i] & 0xc0) == 0x80;
        }
        if (!wellFormed) {
            throw new NotCanonical("not UTF-8");
        }
        at += length;
    }

    /** Order of names by UTF-16 code units: RFC 8785 §3.2.3. For plain ASCII that is the order of bytes. */
    private int compare(int start, int stop, int otherStart, int otherStop, boolean plain) {
        if (plain) {
            return Arrays.compareUnsigned(bytes, start, stop, bytes, otherStart, otherStop);
        }
        return unescaped(start, stop).compareTo(unescaped(otherStart, otherStop));
    }

    // ---- what is kept

    private void text(int depth, int start, int stop, boolean special) {
        switch (depth) {
            case 1 -> {
                switch (path[1]) {
                    case RecordMember.ID -> id = string(start, stop, special);
                    case RecordMember.KIND -> kind = string(start, stop, special);
                    case RecordMember.OF -> of = string(start, stop, special);
                    case RecordMember.TASK_ID -> task = string(start, stop, special);
                    case RecordMember.PREV -> prev = string(start, stop, special);
                    default -> {}
                }
            }
            case 2 -> {
                switch (path[1] << 8 | (path[2] & 0xff)) {
                    case RecordMember.ACTORS << 8 | (RecordMember.OTHER & 0xff) ->
                        actors.add(string(start, stop, special));
                    case RecordMember.LIFECYCLE << 8 | RecordMember.EVENT -> event = string(start, stop, special);
                    case RecordMember.TRACE << 8 | RecordMember.TRACE_ID -> trace = string(start, stop, special);
                    case RecordMember.DELEGATION << 8 | RecordMember.JTI -> jti = string(start, stop, special);
                    case RecordMember.CALL << 8 | RecordMember.TOOL_CALL_ID -> toolCall = string(start, stop, special);
                    case RecordMember.ON_BEHALF_OF << 8 | RecordMember.SUBJECT ->
                        subject = string(start, stop, special);
                    case RecordMember.DOWNSTREAM << 8 | RecordMember.SEEN_JTI -> seenJti = string(start, stop, special);
                    default -> {}
                }
            }
            case 4 -> {
                if (path[1] == RecordMember.OUTCOME
                        && path[2] == RecordMember.TOOL_CALLS
                        && path[3] == RecordMember.OTHER) {
                    plannedToolCall(start, stop, special);
                }
            }
            default -> {}
        }
    }

    private void plannedToolCall(int start, int stop, boolean special) {
        if (path[4] == RecordMember.ID) {
            plannedToolCalls.add(string(start, stop, special));
        }
    }

    private void number(int depth, long value) {
        if (depth == 1 && path[1] == RecordMember.TASK_SEQ) {
            taskSeq = value;
        } else if (depth == 1 && path[1] == RecordMember.V) {
            version = value;
        } else if (depth == 3
                && path[1] == RecordMember.LIFECYCLE
                && path[2] == RecordMember.DATA
                && path[3] == RecordMember.RECORDS) {
            records = value;
        }
    }

    private String string(int start, int stop, boolean special) {
        return special ? unescaped(start, stop) : new String(bytes, start, stop - start, StandardCharsets.ISO_8859_1);
    }

    private String unescaped(int start, int stop) {
        String raw = new String(bytes, start, stop - start, StandardCharsets.UTF_8);
        if (raw.indexOf('\\') < 0) {
            return raw;
        }
        var text = new StringBuilder(raw.length());
        int i = 0;
        while (i < raw.length()) {
            char c = raw.charAt(i);
            if (c != '\\') {
                text.append(c);
                i++;
                continue;
            }
            char escaped = raw.charAt(i + 1);
            i += 2;
            switch (escaped) {
                case 'b' -> text.append('\b');
                case 't' -> text.append('\t');
                case 'n' -> text.append('\n');
                case 'f' -> text.append('\f');
                case 'r' -> text.append('\r');
                case 'u' -> {
                    text.append((char) Integer.parseInt(raw.substring(i, i + 4), 16));
                    i += 4;
                }
                default -> text.append(escaped);
            }
        }
        return text.toString();
    }
}

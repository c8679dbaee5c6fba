package io.behalf.ledger;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Names of a record's members that {@link RecordScan} looks at, found without making strings. */
final class RecordMember {
    static final int OTHER = -1;
    static final int ACTORS = 0;
    static final int CALL = 1;
    static final int DATA = 2;
    static final int DELEGATION = 3;
    static final int DOWNSTREAM = 4;
    static final int EVENT = 5;
    static final int ID = 6;
    static final int JTI = 7;
    static final int KIND = 8;
    static final int LATE = 9;
    static final int LIFECYCLE = 10;
    static final int OF = 11;
    static final int ON_BEHALF_OF = 12;
    static final int OUTCOME = 13;
    static final int PREV = 14;
    static final int RECORDS = 15;
    static final int SEEN_JTI = 16;
    static final int SUBJECT = 17;
    static final int TASK_ID = 18;
    static final int TASK_SEQ = 19;
    static final int TOOL_CALL_ID = 20;
    static final int TOOL_CALLS = 21;
    static final int TRACE = 22;
    static final int TRACE_ID = 23;
    static final int V = 24;

    private static final String[] NAMES = {
        "actors",
        "call",
        "data",
        "delegation",
        "downstream",
        "event",
        "id",
        "jti",
        "kind",
        "late",
        "lifecycle",
        "of",
        "on_behalf_of",
        "outcome",
        "prev",
        "records",
        "seen_jti",
        "subject",
        "task_id",
        "task_seq",
        "tool_call_id",
        "tool_calls",
        "trace",
        "trace_id",
        "v",
    };

    private static final int SLOTS = 128;
    private static final byte[][] TABLE = new byte[SLOTS][];
    private static final int[] MEMBERS = new int[SLOTS];

    static {
        for (int i = 0; i < NAMES.length; i++) {
            byte[] name = NAMES[i].getBytes(StandardCharsets.US_ASCII);
            int slot = slot(name, 0, name.length);
            while (TABLE[slot] != null) {
                slot = (slot + 1) % SLOTS;
            }
            TABLE[slot] = name;
            MEMBERS[slot] = i;
        }
    }

    private RecordMember() {}

    /** Which member the bytes name. */
    static int find(byte[] bytes, int start, int stop) {
        if (stop == start) {
            return OTHER;
        }
        for (int slot = slot(bytes, start, stop); ; slot = (slot + 1) % SLOTS) {
            byte[] name = TABLE[slot];
            if (name == null) {
                return OTHER;
            }
            if (Arrays.equals(name, 0, name.length, bytes, start, stop)) {
                return MEMBERS[slot];
            }
        }
    }

    private static int slot(byte[] bytes, int start, int stop) {
        return ((bytes[start] * 31 + bytes[stop - 1]) * 31 + (stop - start)) & (SLOTS - 1);
    }
}

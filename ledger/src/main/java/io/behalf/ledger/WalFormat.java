package io.behalf.ledger;

import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * The write-ahead files: segments of one size, made of zeros before their first use, so that a group's force has no metadata to write and
 * a lost sector reads as zeros. A segment holds groups one after another; a group is one write and one force: entry frames and a commit
 * frame with the CRC32C of all of it. Frames stand at multiples of eight bytes: kind (4), payload length (4), payload. All numbers are
 * big-endian. The first group of a segment begins with a frame that names the segment and its first index.
 */
final class WalFormat {
    static final int FRAME_HEADER = 8;
    static final int BEGIN_BYTES = FRAME_HEADER + 16;
    static final int COMMIT_BYTES = FRAME_HEADER + 24;

    private static final int BEGIN = 0x42480001;
    private static final int ENTRY = 0x42480002;
    private static final int COMMIT = 0x42480003;

    /** A power loss keeps or loses a sector as a whole. */
    private static final int SECTOR = 512;

    private static final int MAX_ENTRY = 65_535;

    private WalFormat() {}

    static String segmentPath(long number) {
        return String.format(Locale.ROOT, "wal/%08d", number);
    }

    static boolean isSegment(String name) {
        return name.matches("[0-9]{8,18}");
    }

    static int entryFrameBytes(int length) {
        return FRAME_HEADER + ((length + 7) & ~7);
    }

    // ---- writing

    static void putBegin(ByteBuffer group, long segment, long firstIndex) {
        group.putInt(BEGIN).putInt(16).putLong(segment).putLong(firstIndex);
    }

    static void putEntry(ByteBuffer group, byte[] bytes, int length) {
        group.putInt(ENTRY).putInt(length).put(bytes, 0, length);
        while ((group.position() & 7) != 0) {
            group.put((byte) 0);
        }
    }

    /**
     * Closes the group that {@code group} holds from its start.
     *
     * @param size how many entries the log has after this group
     * @param start where in the segment the group begins
     */
    static void putCommit(ByteBuffer group, long segment, long size, int start) {
        group.putInt(COMMIT).putInt(24).putLong(segment).putLong(size).putInt(start);
        group.putInt(crc(group, 0, group.position()));
    }

    // ---- reading

    /** Is called for each entry of a sound group, in order; the buffer is positioned at the record's bytes and limited to them. */
    @FunctionalInterface
    interface Entries {
        void entry(long index, ByteBuffer bytes);
    }

    record Walked(long entries, int bytes) {}

    /** What a segment holds. */
    sealed interface Scanned {
        /**
         * Whole groups, then zeros.
         *
         * @param first index of the first entry, -1 if no group was ever written here
         * @param next index after the last one, -1 likewise
         * @param end where the next group goes
         */
        record Sound(long first, long next, int end) implements Scanned {}

        /** As above, then the remains of a group whose write a crash cut short, so that nobody was told of it: up to {@code to}. */
        record Torn(long first, long next, int end, int to) implements Scanned {}

        /** Damage where something had been acknowledged. */
        record Corrupt(String problem) implements Scanned {}
    }

    static Scanned scan(ByteBuffer segment, long number, Entries entries) {
        long first = -1;
        long next = -1;
        int start = 0;
        while (true) {
            // Walk one group's frames without believing them, up to its commit frame.
            int at = start;
            long begins = start == 0 ? -1 : next;
            long count = 0;
            boolean committed = false;
            while (segment.capacity() - at >= FRAME_HEADER) {
                int kind = segment.getInt(at);
                int length = segment.getInt(at + 4);
                if (kind == COMMIT && isCommit(segment, at, number, start) && begins >= 0) {
                    committed = segment.getLong(at + FRAME_HEADER + 8) == begins + count;
                    break;
                }
                if (kind == BEGIN && at == 0 && length == 16 && segment.getLong(FRAME_HEADER) == number) {
                    begins = segment.getLong(FRAME_HEADER + 8);
                    at += BEGIN_BYTES;
                } else if (kind == ENTRY && length >= 0 && length <= MAX_ENTRY && begins >= 0) {
                    count++;
                    at += entryFrameBytes(length);
                } else {
                    break;
                }
            }
            if (!committed) {
                return uncommitted(segment, number, first, next, start, at);
            }
            if (start == 0) {
                first = begins;
            }
            frames(segment.slice(start, at - start), begins, entries);
            next = begins + count;
            start = at + COMMIT_BYTES;
        }
    }

    /** What a segment says its first entry is; -1 if nothing was written to it. */
    static long firstIndex(ByteBuffer segment) {
        return segment.getInt(0) == BEGIN ? segment.getLong(FRAME_HEADER + 8) : -1;
    }

    /**
     * Visits the entries of the whole frames at the start of {@code chunk}, which the caller knows to be sound.
     *
     * @param first index of the first entry
     * @return how many entries there were, and how many bytes their frames take
     */
    static Walked frames(ByteBuffer chunk, long first, Entries entries) {
        int at = 0;
        long count = 0;
        while (chunk.limit() - at >= FRAME_HEADER) {
            int kind = chunk.getInt(at);
            int length = chunk.getInt(at + 4);
            int next = at + entryFrameBytes(length);
            if (kind == 0 || next > chunk.limit()) {
                break;
            }
            if (kind == ENTRY) {
                entries.entry(first + count++, chunk.slice(at + FRAME_HEADER, length));
            }
            at = next;
        }
        return new Walked(count, at);
    }

    /**
     * What follows the last whole group: nothing, a group that a crash cut short, or damage. A group is written after the one before it
     * was forced, so a whole one further on proves that this one had been acknowledged. And a crash loses sectors, which then are zeros: a
     * group that is all there and yet wrong was changed later.
     */
    private static Scanned uncommitted(ByteBuffer segment, long number, long first, long next, int start, int reached) {
        int end = endOfData(segment, start);
        if (end == start) {
            return new Scanned.Sound(first, next, start);
        }
        for (int at = start + FRAME_HEADER; at + COMMIT_BYTES <= end; at += 8) {
            if (segment.getInt(at) == COMMIT) {
                int begin = segment.getInt(at + FRAME_HEADER + 16);
                if (begin >= 0 && begin < at && isCommit(segment, at, number, begin)) {
                    return new Scanned.Corrupt(
                            "bytes from " + start + " on are damaged, and an acknowledged group follows at " + begin);
                }
            }
        }
        int extent = Math.min(segment.capacity(), Math.max(end, reached + COMMIT_BYTES));
        if (hasLostSector(segment, start, extent)) {
            return new Scanned.Torn(first, next, start, end);
        }
        return new Scanned.Corrupt("the group at " + start + " is complete and its checksum is wrong");
    }

    private static boolean isCommit(ByteBuffer segment, int at, long number, int start) {
        if (segment.capacity() - at < COMMIT_BYTES || segment.getInt(at + 4) != 24) {
            return false;
        }
        int checked = at + COMMIT_BYTES - 4;
        return segment.getLong(at + FRAME_HEADER) == number
                && segment.getInt(at + FRAME_HEADER + 16) == start
                && segment.getInt(checked) == crc(segment, start, checked);
    }

    private static boolean hasLostSector(ByteBuffer segment, int from, int to) {
        for (int at = from; at < to; ) {
            int sectorEnd = Math.min((at / SECTOR + 1) * SECTOR, to);
            if (endOfData(segment, at, sectorEnd) == at) {
                return true;
            }
            at = sectorEnd;
        }
        return false;
    }

    private static int endOfData(ByteBuffer segment, int from) {
        return endOfData(segment, from, segment.capacity());
    }

    /** The position after the last byte that is not zero. */
    private static int endOfData(ByteBuffer segment, int from, int to) {
        int end = to;
        while (end - from >= 8 && segment.getLong(end - 8) == 0) {
            end -= 8;
        }
        while (end > from && segment.get(end - 1) == 0) {
            end--;
        }
        return end;
    }

    private static int crc(ByteBuffer bytes, int from, int to) {
        var crc = new CRC32C();
        crc.update(bytes.slice(from, to - from));
        return (int) crc.getValue();
    }
}

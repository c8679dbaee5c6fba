package io.behalf.core.merkle;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

/** The bytes of up to 256 entries, each after its length in two bytes, big-endian: C2SP tlog-tiles, "Log entries". */
public final class EntryBundle {
    /** What two bytes of length can say. */
    public static final int MAX_ENTRY_BYTES = 65_535;

    private EntryBundle() {}

    public static byte[] encode(List<byte[]> entries) {
        var bundle = new ByteArrayOutputStream();
        for (byte[] entry : entries) {
            if (entry.length > MAX_ENTRY_BYTES) {
                throw new IllegalArgumentException("an entry has at most " + MAX_ENTRY_BYTES + " bytes");
            }
            bundle.write(entry.length >>> 8);
            bundle.write(entry.length);
            bundle.write(entry, 0, entry.length);
        }
        return bundle.toByteArray();
    }

    /** @param width how many entries there must be, neither more nor fewer, with no byte left over */
    public static Parsed<List<byte[]>> decode(byte[] bundle, int width) {
        var entries = new ArrayList<byte[]>(width);
        int at = 0;
        while (at < bundle.length) {
            if (bundle.length - at < 2) {
                return Parsed.invalid("the bundle ends inside a length");
            }
            int length = length(bundle, at);
            if (bundle.length - at - 2 < length) {
                return Parsed.invalid("the bundle ends inside entry " + entries.size());
            }
            byte[] entry = new byte[length];
            System.arraycopy(bundle, at + 2, entry, 0, length);
            entries.add(entry);
            at += 2 + length;
        }
        if (entries.size() != width) {
            return Parsed.invalid("the bundle holds " + entries.size() + " entries, not " + width);
        }
        return Parsed.valid(entries);
    }

    /** The length that stands at {@code at}: for readers that walk a bundle without copying its entries. */
    public static int length(byte[] bundle, int at) {
        return ((bundle[at] & 0xff) << 8) | (bundle[at + 1] & 0xff);
    }
}

package io.behalf.core.json;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Looks at a JSON string's bytes eight at a time. */
public final class PlainBytes {
    private static final VarHandle EIGHT_BYTES =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long EACH = 0x0101010101010101L;
    private static final long HIGHEST_BITS = EACH << 7;

    private PlainBytes() {}

    /**
     * Zero if each of the eight bytes from {@code at} on stands for itself. A byte's highest bit is set for one below 0x20, a quote, a
     * backslash, or one beyond ASCII. The lowest such byte is exact; above it a borrow may set others.
     */
    public static long others(byte[] bytes, int at) {
        long eight = (long) EIGHT_BYTES.get(bytes, at);
        return ((eight - EACH * 0x20) | eight | those(eight, '"') | those(eight, '\\')) & HIGHEST_BITS;
    }

    /** Zero only if none of the eight bytes from {@code at} on is this character. */
    public static long those(byte[] bytes, int at, char ascii) {
        return those((long) EIGHT_BYTES.get(bytes, at), ascii) & HIGHEST_BITS;
    }

    private static long those(long eight, char ascii) {
        return (eight ^ (EACH * ascii)) - EACH;
    }
}

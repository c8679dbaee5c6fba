package io.behalf.core.merkle;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;

/** A SHA-256 value. Held as four words, so that a tree of millions is compact and nothing needs a defensive copy. Immutable. */
public final class Hash {
    public static final int BYTES = 32;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private final long first;
    private final long second;
    private final long third;
    private final long fourth;

    private Hash(long first, long second, long third, long fourth) {
        this.first = first;
        this.second = second;
        this.third = third;
        this.fourth = fourth;
    }

    /** Reads the 32 bytes at {@code offset}; throws {@link IndexOutOfBoundsException} if there are fewer. */
    public static Hash at(byte[] bytes, int offset) {
        return new Hash(
                (long) WORD.get(bytes, offset),
                (long) WORD.get(bytes, offset + 8),
                (long) WORD.get(bytes, offset + 16),
                (long) WORD.get(bytes, offset + 24));
    }

    /** @throws IllegalArgumentException unless there are exactly 32 bytes */
    public static Hash of(byte[] bytes) {
        if (bytes.length != BYTES) {
            throw new IllegalArgumentException("a SHA-256 value has 32 bytes, not " + bytes.length);
        }
        return at(bytes, 0);
    }

    /** @throws IllegalArgumentException unless these are 64 hexadecimal digits */
    public static Hash ofHex(String hex) {
        return of(HexFormat.of().parseHex(hex));
    }

    public byte[] bytes() {
        byte[] bytes = new byte[BYTES];
        writeTo(bytes, 0);
        return bytes;
    }

    public void writeTo(byte[] target, int offset) {
        WORD.set(target, offset, first);
        WORD.set(target, offset + 8, second);
        WORD.set(target, offset + 16, third);
        WORD.set(target, offset + 24, fourth);
    }

    /** Lower-case hexadecimal, as in records. */
    public String hex() {
        return HexFormat.of().formatHex(bytes());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Hash that
                && first == that.first
                && second == that.second
                && third == that.third
                && fourth == that.fourth;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(first); // the bits of a hash are evenly spread already
    }

    @Override
    public String toString() {
        return hex();
    }
}

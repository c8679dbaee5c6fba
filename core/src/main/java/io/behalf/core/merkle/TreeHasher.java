package io.behalf.core.merkle;

import java.security.DigestException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;

/**
 * Leaf and node hashes of RFC 6962 §2.1. The prefixes keep a node from being passed off as a leaf. Holds one digest and a
 * scratch buffer so that bulk hashing allocates only its results: not thread-safe, one per thread.
 */
public final class TreeHasher {
    private static final byte LEAF = 0;
    private static final byte NODE = 1;

    private final MessageDigest sha256;
    private final byte[] scratch = new byte[1 + 2 * Hash.BYTES];

    public TreeHasher() {
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** The root of a tree with no entries: SHA-256 of nothing. */
    public Hash emptyRoot() {
        return finish();
    }

    public Hash leaf(byte[] entry) {
        return leaf(entry, 0, entry.length);
    }

    public Hash leaf(byte[] bytes, int offset, int length) {
        sha256.update(LEAF);
        sha256.update(bytes, offset, length);
        return finish();
    }

    public Hash node(Hash left, Hash right) {
        scratch[0] = NODE;
        left.writeTo(scratch, 1);
        right.writeTo(scratch, 1 + Hash.BYTES);
        sha256.update(scratch);
        return finish();
    }

    /** The root over these leaf hashes in order: RFC 6962 §2.1, splitting at the largest power of two below the size. */
    public Hash root(List<Hash> leaves) {
        int size = leaves.size();
        if (size == 0) {
            return emptyRoot();
        }
        if (size == 1) {
            return leaves.get(0);
        }
        int split = (int) Proofs.split(size);
        return node(root(leaves.subList(0, split)), root(leaves.subList(split, size)));
    }

    /**
     * The root of the {@code count} hashes that stand one after another in {@code tile} from hash number {@code first}: what a tile
     * holds of a subtree. {@code count} is a power of two.
     */
    public Hash fold(byte[] tile, int first, int count) {
        if (count == 1) {
            return Hash.at(tile, first * Hash.BYTES);
        }
        byte[] row = new byte[count / 2 * Hash.BYTES];
        for (int i = 0; i < count / 2; i++) {
            scratch[0] = NODE;
            System.arraycopy(tile, (first + 2 * i) * Hash.BYTES, scratch, 1, 2 * Hash.BYTES);
            sha256.update(scratch);
            finishInto(row, i * Hash.BYTES);
        }
        return fold(row, 0, count / 2);
    }

    private Hash finish() {
        finishInto(scratch, 0);
        return Hash.at(scratch, 0);
    }

    private void finishInto(byte[] target, int offset) {
        try {
            sha256.digest(target, offset, Hash.BYTES);
        } catch (DigestException e) {
            throw new IllegalStateException("SHA-256 gives 32 bytes", e);
        }
    }
}

package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import org.jspecify.annotations.Nullable;

/**
 * Leaf hashes on their way from the sequencer, which makes them for the chains, to the integrator, which needs them for the tree. One
 * thread writes and one reads, and the reader asks only for entries that it knows to be forced. It may be so late that a hash is no longer
 * here: then it makes it again.
 */
final class RecentLeaves {
    private static final int KEPT = 1 << 13;

    private record Leaf(long index, Hash hash) {}

    private final @Nullable Leaf[] ring = new @Nullable Leaf[KEPT];

    void put(long index, Hash hash) {
        ring[slot(index)] = new Leaf(index, hash);
    }

    @Nullable
    Hash find(long index) {
        Leaf leaf = ring[slot(index)];
        return leaf == null || leaf.index != index ? null : leaf.hash;
    }

    private static int slot(long index) {
        return (int) index & KEPT - 1;
    }
}

package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.TileNodes;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The right edge of the tree: at each level the tile that is still being filled. All that is needed to grow the tree and know its root. */
final class TreeEdge {
    /** Takes a tile that has become full; its bytes are the receiver's. */
    @FunctionalInterface
    interface FullTiles<E extends Exception> {
        void full(TilePath tile, byte[] hashes) throws E;
    }

    private final TreeHasher hasher = new TreeHasher();
    private final byte[][] tiles = new byte[TilePath.MAX_LEVEL + 1][TilePath.FULL * Hash.BYTES];
    private final int[] widths = new int[TilePath.MAX_LEVEL + 1];
    private long size;

    /**
     * The edge of a tree of {@code size} entries, a multiple of 256, from its full level-0 and higher tiles: partial ones are rebuilt, so
     * that only full ones need to survive.
     */
    static TreeEdge at(long size, TileNodes.Tiles tiles) {
        if (size % TilePath.FULL != 0) {
            throw new IllegalArgumentException("the edge is read at whole tiles, not at " + size);
        }
        var edge = new TreeEdge();
        edge.size = size;
        for (int level = 1; level <= TilePath.MAX_LEVEL; level++) {
            long count = TilePath.count(level, size);
            int width = (int) (count % TilePath.FULL);
            for (int i = 0; i < width; i++) {
                byte[] below = tiles.read(new TilePath(level - 1, count - width + i, TilePath.FULL));
                edge.hasher.fold(below, 0, TilePath.FULL).writeTo(edge.tiles[level], i * Hash.BYTES);
            }
            edge.widths[level] = width;
        }
        return edge;
    }

    long size() {
        return size;
    }

    /** Nothing has changed when the receiver throws, and the same leaf can be added again. */
    <E extends Exception> void add(Hash leaf, FullTiles<E> receiver) throws E {
        Hash next = leaf;
        int level = 0;
        for (; widths[level] == TilePath.FULL - 1; level++) {
            byte[] full = tiles[level];
            next.writeTo(full, widths[level] * Hash.BYTES);
            long index = TilePath.count(level, size + 1) / TilePath.FULL - 1;
            receiver.full(new TilePath(level, index, TilePath.FULL), full);
            next = hasher.fold(full, 0, TilePath.FULL);
        }
        next.writeTo(tiles[level], widths[level] * Hash.BYTES);
        widths[level]++;
        for (int below = 0; below < level; below++) {
            tiles[below] = new byte[TilePath.FULL * Hash.BYTES];
            widths[below] = 0;
        }
        size++;
    }

    Hash root() {
        return Proofs.root(size, new TileNodes(size, tile -> hashes(tile.level())));
    }

    /** The partial tiles of the tree as it is now; a level that stands at a whole tile has none. */
    List<TilePath> partials() {
        var partials = new ArrayList<TilePath>();
        for (int level = 0; level <= TilePath.MAX_LEVEL; level++) {
            if (widths[level] > 0) {
                partials.add(new TilePath(level, TilePath.count(level, size) / TilePath.FULL, widths[level]));
            }
        }
        return partials;
    }

    byte[] hashes(int level) {
        return Arrays.copyOf(tiles[level], widths[level] * Hash.BYTES);
    }
}

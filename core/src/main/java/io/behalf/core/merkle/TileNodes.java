package io.behalf.core.merkle;

/**
 * The nodes of a tree of one fixed size, read from its tiles. Give it {@code Proofs} to make a proof with a handful of tile reads:
 * each level of tiles stands for eight levels of the tree.
 */
public final class TileNodes implements Proofs.Nodes {
    /** Reads one tile: {@code width} hashes of 32 bytes. Reading may be cached; failures are the reader's to throw. */
    @FunctionalInterface
    public interface Tiles {
        byte[] read(TilePath tile);
    }

    private final long size;
    private final Tiles tiles;
    private final TreeHasher hasher = new TreeHasher();

    public TileNodes(long size, Tiles tiles) {
        this.size = size;
        this.tiles = tiles;
    }

    @Override
    public Hash node(int level, long index) {
        int tileLevel = Math.min(level / TilePath.HEIGHT, TilePath.MAX_LEVEL);
        int height = level - tileLevel * TilePath.HEIGHT;
        long first = index << height;
        TilePath tile = TilePath.in(size, tileLevel, first / TilePath.FULL);
        byte[] hashes = tiles.read(tile);
        if (hashes.length != tile.width() * Hash.BYTES) {
            throw new IllegalStateException(tile.path() + " has " + hashes.length + " bytes");
        }
        return hasher.fold(hashes, (int) (first % TilePath.FULL), 1 << height);
    }
}

package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TileNodesTest {
    @Test
    void proofsFromTilesHold() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int size : List.of(1, 2, 255, 256, 257, 511, 512, 1000, 65_536, 65_537, 70_001)) {
            var tree = new TiledTree(size);
            var nodes = new TileNodes(size, tree::tile);
            Hash root = Proofs.root(size, nodes);
            assertThat(root).isEqualTo(new TreeHasher().root(tree.leaves()));
            for (int i = 0; i < 20; i++) {
                int index = random.nextInt(size);
                int earlier = random.nextInt(size + 1);
                assertThat(Proofs.includes(
                                tree.leaves().get(index), index, size, Proofs.inclusion(index, size, nodes), root))
                        .as("index %d of %d, seed %d", index, size, seed)
                        .isTrue();
                assertThat(Proofs.extendsTree(
                                earlier,
                                new TreeHasher().root(tree.leaves().subList(0, earlier)),
                                size,
                                root,
                                Proofs.consistency(earlier, size, nodes)))
                        .as("%d to %d, seed %d", earlier, size, seed)
                        .isTrue();
            }
        }
    }

    @Test
    void aTileOfTheWrongWidthIsNotRead() {
        var nodes = new TileNodes(10, tile -> new byte[9 * Hash.BYTES]);

        assertThatThrownBy(() -> nodes.node(0, 0)).hasMessageContaining("tile/0/000.p/10");
    }

    /** Leaf hashes of numbered entries; tiles of every level computed from them on demand. */
    private static final class TiledTree {
        private final List<Hash> leaves;
        private final Map<TilePath, byte[]> tiles = new HashMap<>();

        TiledTree(int size) {
            var hasher = new TreeHasher();
            leaves = IntStream.range(0, size)
                    .mapToObj(i -> hasher.leaf(new byte[] {(byte) (i >>> 16), (byte) (i >>> 8), (byte) i}))
                    .toList();
        }

        List<Hash> leaves() {
            return leaves;
        }

        byte[] tile(TilePath tile) {
            return tiles.computeIfAbsent(tile, this::compute);
        }

        private byte[] compute(TilePath tile) {
            var hasher = new TreeHasher();
            byte[] bytes = new byte[tile.width() * Hash.BYTES];
            int span = 1 << (TilePath.HEIGHT * tile.level());
            for (int i = 0; i < tile.width(); i++) {
                int from = ((int) tile.index() * TilePath.FULL + i) * span;
                hasher.root(leaves.subList(from, from + span)).writeTo(bytes, i * Hash.BYTES);
            }
            return bytes;
        }
    }
}

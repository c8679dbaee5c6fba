package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TreeEdgeTest {
    /** Up to the entry that fills a tile of tiles, each tile finds no space the first time. */
    @Test
    void aLeafWhoseTilesFoundNoSpaceIsAddedAgain() throws Exception {
        var hasher = new TreeHasher();
        var always = new TreeEdge();
        var atFirstNot = new TreeEdge();
        Map<String, byte[]> expected = new HashMap<>();
        Map<String, byte[]> written = new HashMap<>();
        for (int i = 0; i <= TilePath.FULL * TilePath.FULL; i++) {
            var leaf = hasher.leaf(ByteBuffer.allocate(Integer.BYTES).putInt(i).array());
            always.add(leaf, (tile, hashes) -> expected.put(tile.path(), hashes.clone()));
            for (int refusals = madeWhole(i); refusals > 0; refusals--) {
                long size = atFirstNot.size();
                int left = refusals;
                assertThatThrownBy(() -> atFirstNot.add(leaf, (tile, _) -> {
                            if (tile.level() == left - 1) {
                                throw new IOException("no space for " + tile.path());
                            }
                        }))
                        .hasMessageStartingWith("no space");
                assertThat(atFirstNot.size()).isEqualTo(size);
            }
            atFirstNot.add(leaf, (tile, hashes) -> written.put(tile.path(), hashes.clone()));
        }
        assertThat(atFirstNot.root()).isEqualTo(always.root());
        assertThat(written).containsOnlyKeys(expected.keySet()).allSatisfy((path, hashes) -> assertThat(hashes)
                .isEqualTo(expected.get(path)));
    }

    /** How many tiles the entry makes whole. */
    private static int madeWhole(int index) {
        int whole = 0;
        for (long count = index + 1L; count % TilePath.FULL == 0; count /= TilePath.FULL) {
            whole++;
        }
        return whole;
    }
}

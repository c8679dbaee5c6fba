package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class RecentLeavesTest {
    private final RecentLeaves leaves = new RecentLeaves();

    @Test
    void knowsTheLeafOfAnEntryAndOfNoOther() {
        leaves.put(7, leaf(7));

        assertThat(leaves.find(7)).isEqualTo(leaf(7));
        assertThat(leaves.find(6)).isNull();
    }

    @Test
    void whoIsTooLateGetsNoneInsteadOfALaterEntrys() {
        long many = 20_000;
        for (long index = 0; index < many; index++) {
            leaves.put(index, leaf(index));
        }

        assertThat(leaves.find(many - 1)).isEqualTo(leaf(many - 1));
        assertThat(leaves.find(0)).isNull();
    }

    private static Hash leaf(long index) {
        byte[] entry = Long.toString(index).getBytes(StandardCharsets.US_ASCII);
        return new TreeHasher().leaf(entry, 0, entry.length);
    }
}

package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ProofsTest {
    private static final int SIZES = 34;

    private final ReferenceTree tree = ReferenceTree.numbered(SIZES);
    private final List<Hash> roots = IntStream.rangeClosed(0, SIZES)
            .mapToObj(size -> tree.first(size).root())
            .collect(Collectors.toList());

    @Test
    void anInclusionProofHoldsForItsOwnIndexAndSizeOnly() {
        for (int size = 1; size <= SIZES; size++) {
            for (int index = 0; index < size; index++) {
                List<Hash> proof = Proofs.inclusion(index, size, tree::node);
                for (int otherSize = 0; otherSize <= SIZES; otherSize++) {
                    for (int otherIndex = -1; otherIndex <= SIZES; otherIndex++) {
                        boolean accepted =
                                Proofs.includes(tree.leaf(index), otherIndex, otherSize, proof, rootAt(size));
                        if (accepted) {
                            // The path of an entry on the right edge can be the same at another size; the root decides,
                            // and
                            // the root is this size's. So only the shape (index, size) may differ, never the entry.
                            assertThat(sameShape(index, size, otherIndex, otherSize))
                                    .as("%d of %d accepted as %d of %d", index, size, otherIndex, otherSize)
                                    .isTrue();
                        } else {
                            assertThat(otherIndex == index && otherSize == size).isFalse();
                        }
                    }
                }
            }
        }
    }

    @Test
    void anInclusionProofHoldsForNoOtherEntryAndNoOtherRoot() {
        for (int size = 1; size <= SIZES; size++) {
            for (int index = 0; index < size; index++) {
                List<Hash> proof = Proofs.inclusion(index, size, tree::node);
                for (int other = 0; other < SIZES; other++) {
                    assertThat(Proofs.includes(tree.leaf(other), index, size, proof, rootAt(size)))
                            .isEqualTo(other == index);
                }
                for (int other = 0; other <= SIZES; other++) {
                    assertThat(Proofs.includes(tree.leaf(index), index, size, proof, rootAt(other)))
                            .isEqualTo(other == size);
                }
            }
        }
    }

    @Test
    void aChangedInclusionProofIsRefused() {
        for (int size = 1; size <= SIZES; size++) {
            for (int index = 0; index < size; index++) {
                List<Hash> proof = Proofs.inclusion(index, size, tree::node);
                for (List<Hash> changed : changes(proof)) {
                    assertThat(Proofs.includes(tree.leaf(index), index, size, changed, rootAt(size)))
                            .isFalse();
                }
            }
        }
    }

    @Test
    void aConsistencyProofHoldsForItsOwnPairOfTreesOnly() {
        for (int second = 0; second <= SIZES; second++) {
            for (int first = 0; first <= second; first++) {
                List<Hash> proof = Proofs.consistency(first, second, tree::node);
                assertThat(Proofs.extendsTree(first, rootAt(first), second, rootAt(second), proof))
                        .as("%d to %d", first, second)
                        .isTrue();
                for (int other = 0; other <= SIZES; other++) {
                    if (other != first) {
                        assertThat(Proofs.extendsTree(first, rootAt(other), second, rootAt(second), proof))
                                .as("old root of %d for %d to %d", other, first, second)
                                .isFalse();
                    }
                    if (other != second && first > 0) { // everything extends the empty tree
                        assertThat(Proofs.extendsTree(first, rootAt(first), second, rootAt(other), proof))
                                .as("new root of %d for %d to %d", other, first, second)
                                .isFalse();
                    }
                }
            }
        }
    }

    @Test
    void aChangedConsistencyProofIsRefused() {
        for (int second = 1; second <= SIZES; second++) {
            for (int first = 0; first <= second; first++) {
                List<Hash> proof = Proofs.consistency(first, second, tree::node);
                for (List<Hash> changed : changes(proof)) {
                    assertThat(Proofs.extendsTree(first, rootAt(first), second, rootAt(second), changed))
                            .isFalse();
                }
            }
        }
    }

    @Test
    void aTreeIsNoExtensionOfALargerOne() {
        assertThat(Proofs.extendsTree(5, rootAt(5), 4, rootAt(4), List.of())).isFalse();
        assertThat(Proofs.extendsTree(-1, rootAt(0), 4, rootAt(4), List.of())).isFalse();
        assertThat(Proofs.extendsTree(3, rootAt(3), 4, rootAt(4), List.of())).isFalse();
    }

    @Test
    void aTreeWithARewrittenEntryIsNoExtension() {
        ReferenceTree longer = ReferenceTree.numbered(SIZES + 1);
        for (int second = 2; second <= SIZES; second++) {
            ReferenceTree forked = longer.slice(1, second + 1); // as if the first entry had been taken out
            for (int first = 1; first < second; first++) {
                List<Hash> proof = Proofs.consistency(first, second, forked::node);
                assertThat(Proofs.extendsTree(first, rootAt(first), second, forked.root(), proof))
                        .isFalse();
            }
        }
    }

    @Test
    void proofsAreMadeForEntriesThatExistOnly() {
        assertThatThrownBy(() -> Proofs.inclusion(4, 4, tree::node)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> Proofs.consistency(5, 4, tree::node)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    private Hash rootAt(int size) {
        return roots.get(size);
    }

    /** Dropped, doubled, swapped and altered hashes at each place. */
    private static List<List<Hash>> changes(List<Hash> proof) {
        var changes = new ArrayList<List<Hash>>();
        Hash stranger = new TreeHasher().leaf(new byte[] {42});
        changes.add(with(proof, proof.size(), stranger));
        for (int i = 0; i < proof.size(); i++) {
            var dropped = new ArrayList<>(proof);
            dropped.remove(i);
            changes.add(dropped);
            changes.add(with(proof, i, proof.get(i)));
            var altered = new ArrayList<>(proof);
            altered.set(i, stranger);
            changes.add(altered);
            if (i > 0) {
                var swapped = new ArrayList<>(proof);
                Collections.swap(swapped, i - 1, i);
                changes.add(swapped);
            }
        }
        return changes;
    }

    private static List<Hash> with(List<Hash> proof, int at, Hash added) {
        var longer = new ArrayList<>(proof);
        longer.add(at, added);
        return longer;
    }

    /** Do both positions combine the same proof by the same sides? Then they are one path, and the root must decide. */
    private static boolean sameShape(long index, long size, long otherIndex, long otherSize) {
        return sides(index, size).equals(sides(otherIndex, otherSize));
    }

    private static String sides(long index, long size) {
        var sides = new StringBuilder();
        long low = 0;
        long high = size;
        while (high - low > 1) {
            long middle = low + Long.highestOneBit(high - low - 1);
            if (index < middle) {
                sides.insert(0, 'l');
                high = middle;
            } else {
                sides.insert(0, 'r');
                low = middle;
            }
        }
        return sides.toString();
    }
}

package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TreeHasherTest {
    private final TreeHasher hasher = new TreeHasher();

    @Test
    void theRootOfTheEightReferenceLeavesIsTheKnownOne() {
        List<Hash> leaves = Stream.of(
                        "",
                        "00",
                        "10",
                        "2021",
                        "3031",
                        "40414243",
                        "5051525354555657",
                        "606162636465666768696a6b6c6d6e6f")
                .map(entry -> hasher.leaf(HexFormat.of().parseHex(entry)))
                .collect(Collectors.toList());

        assertThat(leaves.get(0).hex()).startsWith("6e340b9c");
        assertThat(hasher.root(leaves).hex())
                .isEqualTo("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    @Test
    void theRootOfNothingIsTheHashOfNothing() {
        assertThat(hasher.root(List.of()).hex())
                .isEqualTo("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    @Test
    void agreesWithTheRecursiveDefinitionAtEverySize() {
        ReferenceTree tree = ReferenceTree.numbered(70);
        for (int size = 0; size <= 70; size++) {
            List<Hash> leaves = IntStream.range(0, size).mapToObj(tree::leaf).collect(Collectors.toList());
            assertThat(hasher.root(leaves))
                    .as("size %d", size)
                    .isEqualTo(tree.first(size).root());
        }
    }

    @Test
    void foldsPartOfATileToItsSubtree() {
        ReferenceTree tree = ReferenceTree.numbered(16);
        byte[] tile = new byte[16 * Hash.BYTES];
        IntStream.range(0, 16).forEach(i -> tree.leaf(i).writeTo(tile, i * Hash.BYTES));

        assertThat(hasher.fold(tile, 0, 16)).isEqualTo(tree.root());
        assertThat(hasher.fold(tile, 4, 4)).isEqualTo(tree.node(2, 1));
        assertThat(hasher.fold(tile, 15, 1)).isEqualTo(tree.leaf(15));
    }

    @Test
    void aNodeIsNeverTakenForALeafOverItsTwoHashes() {
        ReferenceTree tree = ReferenceTree.numbered(2);
        byte[] both = new byte[2 * Hash.BYTES];
        tree.leaf(0).writeTo(both, 0);
        tree.leaf(1).writeTo(both, Hash.BYTES);

        assertThat(hasher.leaf(both)).isNotEqualTo(tree.root());
    }
}

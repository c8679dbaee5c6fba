package io.behalf.core.merkle;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Inclusion and consistency proofs: made from the nodes of a tree, and checked exactly as RFC 9162 §2.1.3.2 and §2.1.4.2 say. A
 * proof is accepted for its own index and size only: a check that forgets the bounds or the final {@code sn = 0} lets an attacker
 * pass one entry off as another.
 */
public final class Proofs {
    private Proofs() {}

    /** A complete subtree's root: the node at {@code index} of those that span 2^{@code level} entries each. */
    @FunctionalInterface
    public interface Nodes {
        Hash node(int level, long index);
    }

    // ---- checking

    /** RFC 9162 §2.1.3.2: is {@code leaf} the entry at {@code index} of the tree of {@code size} entries with this {@code root}? */
    public static boolean includes(Hash leaf, long index, long size, List<Hash> proof, Hash root) {
        if (index < 0 || index >= size) {
            return false;
        }
        var hasher = new TreeHasher();
        long fn = index;
        long sn = size - 1;
        Hash r = leaf;
        for (Hash p : proof) {
            if (sn == 0) {
                return false;
            }
            if ((fn & 1) == 1 || fn == sn) {
                r = hasher.node(p, r);
                int zeros = (fn & 1) == 1 || fn == 0 ? 0 : Long.numberOfTrailingZeros(fn);
                fn >>= zeros;
                sn >>= zeros;
            } else {
                r = hasher.node(r, p);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && r.equals(root);
    }

    /** RFC 9162 §2.1.4.2: does the tree of {@code second} entries begin with the tree of {@code first} entries? */
    public static boolean extendsTree(long first, Hash firstRoot, long second, Hash secondRoot, List<Hash> proof) {
        if (first < 0 || first > second) {
            return false;
        }
        var hasher = new TreeHasher();
        if (first == second) {
            return proof.isEmpty() && firstRoot.equals(secondRoot);
        }
        if (first == 0) {
            return proof.isEmpty() && firstRoot.equals(hasher.emptyRoot());
        }
        if (proof.isEmpty()) {
            return false;
        }
        boolean complete = Long.bitCount(first) == 1;
        int next = complete ? 0 : 1;
        long fn = first - 1;
        long sn = second - 1;
        int ones = Long.numberOfTrailingZeros(~fn);
        fn >>= ones;
        sn >>= ones;
        Hash fr = complete ? firstRoot : proof.get(0);
        Hash sr = fr;
        for (Hash c : proof.subList(next, proof.size())) {
            if (sn == 0) {
                return false;
            }
            if ((fn & 1) == 1 || fn == sn) {
                fr = hasher.node(c, fr);
                sr = hasher.node(c, sr);
                int zeros = (fn & 1) == 1 || fn == 0 ? 0 : Long.numberOfTrailingZeros(fn);
                fn >>= zeros;
                sn >>= zeros;
            } else {
                sr = hasher.node(sr, c);
            }
            fn >>= 1;
            sn >>= 1;
        }
        return sn == 0 && fr.equals(firstRoot) && sr.equals(secondRoot);
    }

    // ---- making

    /** RFC 6962 §2.1.1. */
    public static List<Hash> inclusion(long index, long size, Nodes nodes) {
        Objects.checkIndex(index, size);
        var path = new ArrayList<Hash>();
        include(index, 0, size, new Subtrees(nodes), path);
        return List.copyOf(path);
    }

    /** RFC 6962 §2.1.2. {@code nodes} are those of the tree of {@code second} entries. */
    public static List<Hash> consistency(long first, long second, Nodes nodes) {
        Objects.checkFromToIndex(0, first, second);
        var path = new ArrayList<Hash>();
        if (first > 0 && first < second) {
            extend(first, 0, second, true, new Subtrees(nodes), path);
        }
        return List.copyOf(path);
    }

    /** The root of the tree of {@code size} entries. */
    public static Hash root(long size, Nodes nodes) {
        return size == 0 ? new TreeHasher().emptyRoot() : new Subtrees(nodes).root(0, size);
    }

    private static void include(long index, long low, long high, Subtrees trees, List<Hash> path) {
        if (high - low == 1) {
            return;
        }
        long middle = low + split(high - low);
        if (index < middle) {
            include(index, low, middle, trees, path);
            path.add(trees.root(middle, high));
        } else {
            include(index, middle, high, trees, path);
            path.add(trees.root(low, middle));
        }
    }

    /** {@code known}: the verifier has this subtree's root, because it is the old tree itself. */
    private static void extend(long first, long low, long high, boolean known, Subtrees trees, List<Hash> path) {
        if (first == high) {
            if (!known) {
                path.add(trees.root(low, high));
            }
            return;
        }
        long middle = low + split(high - low);
        if (first <= middle) {
            extend(first, low, middle, known, trees, path);
            path.add(trees.root(middle, high));
        } else {
            extend(first, middle, high, false, trees, path);
            path.add(trees.root(low, middle));
        }
    }

    /** The largest power of two below {@code size}; {@code size} is at least 2. */
    static long split(long size) {
        return Long.highestOneBit(size - 1);
    }

    /** Roots of any [low, high) that the recursion of RFC 6962 meets: complete subtrees are nodes, the right edge is folded. */
    private static final class Subtrees {
        private final Nodes nodes;
        private final TreeHasher hasher = new TreeHasher();

        Subtrees(Nodes nodes) {
            this.nodes = nodes;
        }

        Hash root(long low, long high) {
            long size = high - low;
            if (Long.bitCount(size) == 1) {
                int level = Long.numberOfTrailingZeros(size);
                return nodes.node(level, low >> level);
            }
            long middle = low + split(size);
            return hasher.node(root(low, middle), root(middle, high));
        }
    }
}

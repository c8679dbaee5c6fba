package io.behalf.core.merkle;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;

/** RFC 6962 §2.1 read word for word, slow and without sharing code with what it checks. */
final class ReferenceTree {
    private final List<byte[]> entries;

    ReferenceTree(List<byte[]> entries) {
        this.entries = entries;
    }

    static ReferenceTree numbered(int size) {
        var entries = new ArrayList<byte[]>();
        for (int i = 0; i < size; i++) {
            entries.add(("entry " + i).getBytes(StandardCharsets.UTF_8));
        }
        return new ReferenceTree(entries);
    }

    ReferenceTree first(int size) {
        return new ReferenceTree(entries.subList(0, size));
    }

    ReferenceTree slice(int from, int to) {
        return new ReferenceTree(entries.subList(from, to));
    }

    Hash leaf(int index) {
        return Hash.of(sha256(new byte[] {0}, entries.get(index)));
    }

    Hash root() {
        return Hash.of(mth(entries));
    }

    Hash node(int level, long index) {
        int width = 1 << level;
        int from = (int) index * width;
        return Hash.of(mth(entries.subList(from, from + width)));
    }

    private static byte[] mth(List<byte[]> d) {
        if (d.isEmpty()) {
            return sha256();
        }
        if (d.size() == 1) {
            return sha256(new byte[] {0}, d.get(0));
        }
        int k = 1;
        while (k * 2 < d.size()) {
            k *= 2;
        }
        return sha256(new byte[] {1}, mth(d.subList(0, k)), mth(d.subList(k, d.size())));
    }

    private static byte[] sha256(byte[]... parts) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            for (byte[] part : parts) {
                digest.update(part);
            }
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}

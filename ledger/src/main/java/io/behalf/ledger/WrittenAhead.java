package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Bundles and tiles beyond the checkpoint: a server at work writes them before it signs, and one that was killed leaves them. They are
 * the log's own if they hold what its write-ahead files hold. Nobody has signed either, so this says that nothing contradicts itself
 * there, and no more. Changes nothing; one that is being written may be read.
 */
final class WrittenAhead {
    private final LogFiles files;
    private final Disk disk;
    private final Map<Long, List<TilePath>> bundles;
    private final Set<TilePath> agreeing = new HashSet<>();
    private final TreeEdge edge;
    private final TreeHasher hasher = new TreeHasher();
    private final Map<TilePath, byte[]> full = new HashMap<>();
    private final ByteArrayOutputStream bundle = new ByteArrayOutputStream(256 << 10);
    private final int[] ends = new int[TilePath.FULL + 1];

    private WrittenAhead(Path directory, long whole, Collection<TilePath> ahead) {
        this.files = new LogFiles(directory);
        disk = new FileDisk(directory);
        bundles = ahead.stream()
                .filter(file -> file.level() == TilePath.ENTRIES)
                .collect(Collectors.groupingBy(TilePath::index));
        edge = TreeEdge.at(whole, this::below);
    }

    /**
     * Those of {@code files} that hold what the write-ahead files make of them; none where there are no such files, or they do not go on
     * where the whole bundles below {@code size} end.
     *
     * @param size what the checkpoint covers at this moment: of what it covered before, write-ahead files are deleted
     */
    static Set<TilePath> agreeing(Path directory, long size, Collection<TilePath> files) {
        try {
            var ahead = new WrittenAhead(directory, size - size % TilePath.FULL, files);
            ahead.readSegments();
            ahead.compareBundle();
            for (TilePath file : files) {
                if (file.level() != TilePath.ENTRIES) {
                    ahead.compareTile(file);
                }
            }
            return ahead.agreeing;
        } catch (IOException | UncheckedIOException e) {
            return Set.of(); // what cannot be read vouches for nothing
        }
    }

    private byte[] below(TilePath tile) {
        try {
            return Arrays.copyOf(files.tile(tile), TilePath.FULL * Hash.BYTES);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void readSegments() throws IOException {
        for (String name : disk.list("wal")) {
            if (WalFormat.isSegment(name)) {
                files.checkRegular("wal/" + name, LedgerSettings.MAX_SEGMENT_BYTES);
                ByteBuffer segment = disk.contents("wal/" + name);
                if (!(WalFormat.scan(segment, Long.parseLong(name), this::add) instanceof WalFormat.Scanned.Sound)) {
                    return; // a group that is being written, or the remains of one: what came before it counts
                }
            }
        }
    }

    private void add(long index, ByteBuffer entry) {
        if (index != edge.size()) {
            return;
        }
        byte[] bytes = new byte[entry.remaining()];
        entry.get(entry.position(), bytes);
        bundle.write(bytes.length >>> 8);
        bundle.write(bytes.length);
        bundle.write(bytes, 0, bytes.length);
        edge.add(hasher.leaf(bytes, 0, bytes.length), full::put);
        int width = (int) (edge.size() % TilePath.FULL);
        ends[width == 0 ? TilePath.FULL : width] = bundle.size();
        if (width == 0) {
            try {
                compareBundle();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            bundle.reset();
        }
    }

    /** With the files of the bundle whose entries were read last. */
    private void compareBundle() throws IOException {
        if (bundle.size() == 0) {
            return;
        }
        byte[] entries = bundle.toByteArray();
        int width = (int) ((edge.size() - 1) % TilePath.FULL) + 1;
        for (TilePath file : bundles.getOrDefault((edge.size() - 1) / TilePath.FULL, List.of())) {
            if (file.width() <= width) {
                compare(file, Arrays.copyOf(entries, ends[file.width()]));
            }
        }
    }

    private void compareTile(TilePath file) throws IOException {
        byte[] hashes = full.get(new TilePath(file.level(), file.index(), TilePath.FULL));
        if (hashes == null && file.index() == TilePath.count(file.level(), edge.size()) / TilePath.FULL) {
            hashes = edge.hashes(file.level());
        }
        if (hashes != null && hashes.length >= file.width() * Hash.BYTES) {
            compare(file, Arrays.copyOf(hashes, file.width() * Hash.BYTES));
        }
    }

    private void compare(TilePath file, byte[] expected) throws IOException {
        try {
            if (Arrays.equals(files.tile(file), expected)) {
                agreeing.add(file);
            }
        } catch (NoSuchFileException gone) {
            agreeing.add(file); // a wider one has come in its place
        }
    }
}

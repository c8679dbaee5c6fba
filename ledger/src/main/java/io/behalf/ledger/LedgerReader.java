package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.TileNodes;
import io.behalf.core.merkle.TilePath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Reads entries and proofs from a log's folder as any auditor has it, without {@code wal/}: what is under the checkpoint, no more. Also
 * while a server writes the folder. It checks nothing but shapes: {@link Verification} does. Blocks on the disk: never on the call path.
 * Thread-safe.
 */
public final class LedgerReader {
    private final Path directory;
    private final boolean own;

    public LedgerReader(Path directory) {
        this(directory, false);
    }

    private LedgerReader(Path directory, boolean own) {
        this.directory = directory;
        this.own = own;
    }

    /** The folder that this process writes itself: what it reads back on the way of a call, it does not look at twice. */
    static LedgerReader ofOwn(Path directory) {
        return new LedgerReader(directory, true);
    }

    @FunctionalInterface
    public interface Visitor {
        void entry(long index, byte[] bundle, int offset, int length);
    }

    /** An entry's place, its way to the root, and the signed checkpoint with that root: what proves one record. */
    public record Receipt(long index, List<Hash> proof, SignedNote checkpoint) {}

    /** The log's name, as its {@code vkey} file has it; empty if that cannot be read. */
    public Optional<String> origin() {
        try {
            return LogKey.parse(new String(new LogFiles(directory).vkey(), StandardCharsets.UTF_8))
                    .fold(keys -> Optional.of(keys.getFirst().name()), _ -> Optional.empty());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** @throws UncheckedIOException if there is none or it has no proper form */
    public SignedNote note() {
        try {
            return SignedNote.parse(new LogFiles(directory).checkpoint()).fold(note -> note, problem -> {
                throw malformed(problem);
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Checkpoint checkpoint() {
        return checkpoint(note());
    }

    private static Checkpoint checkpoint(SignedNote note) {
        return Checkpoint.parse(note.text()).fold(checkpoint -> checkpoint, problem -> {
            throw malformed(problem);
        });
    }

    public long size() {
        return checkpoint().size();
    }

    /** @throws IndexOutOfBoundsException if the checkpoint does not cover it */
    public byte[] entry(long index) {
        return entries(index, index + 1).getFirst();
    }

    public List<byte[]> entries(long from, long to) {
        var entries = new ArrayList<byte[]>();
        visit(
                from,
                to,
                (_, bundle, offset, length) -> entries.add(Arrays.copyOfRange(bundle, offset, offset + length)));
        return entries;
    }

    /** Goes to these places in the order they are named; a bundle is read once for all that follow one another in it. */
    public void visitAt(long[] indices, Visitor visitor) {
        long size = size();
        long read = -1;
        byte[] bundle = {};
        int at = 0;
        long next = 0;
        for (long index : indices) {
            Objects.checkIndex(index, size);
            long number = index / TilePath.FULL;
            if (number != read || index < next) {
                bundle = number == read ? bundle : read(TilePath.in(size, TilePath.ENTRIES, number));
                read = number;
                at = 0;
                next = number * TilePath.FULL;
            }
            for (; next < index; next++) {
                at += 2 + length(bundle, at, next);
            }
            visitor.entry(index, bundle, at + 2, length(bundle, at, index));
        }
    }

    /** Goes through [{@code from}, {@code to}) in order, one bundle in memory at a time. */
    public void visit(long from, long to, Visitor visitor) {
        long size = size();
        if (from < 0 || from > to || to > size) {
            throw new IndexOutOfBoundsException("entries " + from + " to " + to + " of " + size);
        }
        for (long index = from; index < to; ) {
            long number = index / TilePath.FULL;
            byte[] bundle = read(TilePath.in(size, TilePath.ENTRIES, number));
            int at = 0;
            long end = Math.min(to, (number + 1) * TilePath.FULL);
            for (long i = number * TilePath.FULL; i < end; i++) {
                int length = length(bundle, at, i);
                if (i >= index) {
                    visitor.entry(i, bundle, at + 2, length);
                }
                at += 2 + length;
            }
            index = end;
        }
    }

    public Receipt receipt(long index) {
        SignedNote note = note();
        Checkpoint checkpoint = checkpoint(note);
        return new Receipt(index, inclusion(index, checkpoint.size()), note);
    }

    public List<Hash> inclusion(long index, long size) {
        Objects.checkIndex(index, size);
        return Proofs.inclusion(index, size, nodes(size));
    }

    public List<Hash> consistency(long first, long second) {
        return Proofs.consistency(first, second, nodes(second));
    }

    /** The tree of {@code size} entries, which the checkpoint covers. */
    TileNodes nodes(long size) {
        return new TileNodes(size, tile -> Arrays.copyOf(read(tile), tile.width() * Hash.BYTES));
    }

    /** Whoever made the copy wrote the lengths in it, too. */
    private static int length(byte[] bundle, int at, long index) {
        if (bundle.length - at < 2 || bundle.length - at - 2 < EntryBundle.length(bundle, at)) {
            throw malformed("entry " + index + " is cut off: its bundle is shorter than the checkpoint says");
        }
        return EntryBundle.length(bundle, at);
    }

    /** A tile, or a wider one in its place: the writer removes partial ones when it has wider ones. */
    private byte[] read(TilePath tile) {
        try {
            return bytes(tile);
        } catch (NoSuchFileException e) {
            return readWider(tile, e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private byte[] bytes(TilePath tile) throws IOException {
        return own ? Files.readAllBytes(directory.resolve(tile.path())) : new LogFiles(directory).tile(tile);
    }

    private byte[] readWider(TilePath tile, NoSuchFileException missing) {
        try {
            TilePath full = new TilePath(tile.level(), tile.index(), TilePath.FULL);
            if (Files.exists(directory.resolve(full.path()))) {
                return bytes(full);
            }
            // The checkpoint of now has its partial tile in place; again, because another may have been written
            // meanwhile.
            for (int attempt = 0; attempt < 10; attempt++) {
                TilePath now = TilePath.in(size(), tile.level(), tile.index());
                if (now.width() >= tile.width() && Files.exists(directory.resolve(now.path()))) {
                    return bytes(now);
                }
            }
            throw new UncheckedIOException(missing);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static UncheckedIOException malformed(String problem) {
        return new UncheckedIOException(new IOException(problem));
    }
}

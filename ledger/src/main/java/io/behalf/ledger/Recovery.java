package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TileNodes;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.ledger.LedgerFault.Code;
import io.behalf.ledger.WalFormat.Scanned;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a start finds on the disk, whether the log is new, was closed in good order or crashed: one straight reading of checkpoint, snapshot
 * and write-ahead files, which either adds up or refuses with what is wrong. Changes nothing: a log that is refused stays as it was found.
 */
final class Recovery {
    /**
     * What there is.
     *
     * @param shown the last checkpoint, verified; of size 0 for a new log
     * @param chains tasks and open intents after the last forced record
     * @param whole entries below this, a multiple of 256, are in forced bundles and tiles
     * @param start where the write-ahead files begin
     * @param end where the next group goes; its size is the log's
     * @param segments number and first index of each write-ahead file, oldest first
     * @param nodes the tree over all that is there, integrated or not
     * @param torn what a crash left of its last group
     */
    record Found(
            Checkpoint shown,
            Chains chains,
            long whole,
            WalCursor.Place start,
            WalCursor.Place end,
            List<long[]> segments,
            TileNodes nodes,
            Optional<Tail> torn) {}

    /** The remains of a group that nobody was told of. */
    record Tail(String path, int from, int to) {}

    private final LedgerSettings settings;
    private final Disk disk;
    private final LedgerReader reader;
    private final RecordScan scan = new RecordScan();
    private final TreeHasher hasher = new TreeHasher();
    private final Map<TilePath, byte[]> ahead = new HashMap<>();
    private byte[] scratch = new byte[1 << 16];
    private Optional<Tail> torn = Optional.empty();

    Recovery(LedgerSettings settings, Disk disk) {
        this.settings = settings;
        this.disk = disk;
        this.reader = new LedgerReader(settings.directory());
    }

    Found read(SignerKey key) throws IOException {
        Checkpoint shown = checkpoint(key);
        Optional<Chains.Snapshot> snapshot = snapshot();
        if (snapshot.isPresent() && snapshot.get().size() > shown.size()) {
            throw new LedgerFault(
                    Code.SHORTER,
                    "the checkpoint covers " + shown.size() + " entries, but "
                            + snapshot.get().size()
                            + " had been settled: it is missing or an older one; restore the newest checkpoint");
        }
        List<Long> numbers = segmentNumbers();
        long firstIndex = firstIndex(numbers);

        Chains chains;
        long known;
        if (snapshot.isPresent()) {
            chains = Chains.of(snapshot.get(), settings.residentTasks());
            known = snapshot.get().size();
        } else {
            // Without the snapshot the log itself says it, only slower: all of it that the write-ahead files do not
            // hold.
            known = firstIndex >= 0 ? firstIndex : shown.size();
            chains = new Chains(settings.residentTasks());
            readChains(chains, known);
        }

        long whole = whole(snapshot.isPresent(), known, firstIndex, shown.size());
        TreeEdge edge = edge(whole);
        var segments = new ArrayList<long[]>();
        WalCursor.Place end = readSegments(numbers, chains, known, edge, segments);
        if (end.size() < shown.size()) {
            throw new LedgerFault(
                    Code.SHORTER,
                    "the checkpoint promises " + shown.size() + " entries and " + end.size()
                            + " are there: write-ahead files are missing; restore them or a whole copy of the log");
        }
        if (firstIndex > whole) {
            throw new LedgerFault(
                    Code.CORRUPT,
                    "the write-ahead files begin at entry " + firstIndex + " but only " + whole
                            + " are in settled bundles: a write-ahead file is missing");
        }
        WalCursor.Place start = segments.isEmpty()
                ? new WalCursor.Place(end.size(), 0, 0)
                : new WalCursor.Place(segments.getFirst()[1], segments.getFirst()[0], 0);
        if (edge.size() < end.size()) { // a copy without write-ahead files: its last, partial bundle is all there is
            reader.visit(
                    edge.size(),
                    end.size(),
                    (index, bundle, offset, length) -> edge.add(hasher.leaf(bundle, offset, length), ahead::put));
        }
        return new Found(shown, chains, whole, start, end, segments, nodes(edge), torn);
    }

    /** The tree at the last whole bundle that is known to be forced. */
    TreeEdge edge(long whole) {
        try {
            return TreeEdge.at(whole, this::tile);
        } catch (UncheckedIOException e) {
            throw new LedgerFault(Code.CORRUPT, "a tile is missing: " + e.getMessage(), e);
        }
    }

    private byte[] tile(TilePath tile) {
        try {
            ByteBuffer contents = disk.contents(tile.path());
            byte[] bytes = new byte[contents.remaining()];
            contents.get(bytes);
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Tiles that are not integrated yet are in memory: their hashes only, some bytes for each record since the last settlement. */
    private TileNodes nodes(TreeEdge edge) {
        return new TileNodes(edge.size(), tile -> {
            if (!tile.full()) {
                return edge.hashes(tile.level());
            }
            byte[] full = ahead.get(tile);
            return full == null ? tile(tile) : full;
        });
    }

    /** The checkpoint as it was shown; one that anybody could have seen must be readable and ours. */
    private Checkpoint checkpoint(SignerKey key) throws IOException {
        String origin = key.verifier().name();
        if (!disk.exists(Integrator.CHECKPOINT)) {
            return new Checkpoint(origin, 0, hasher.emptyRoot());
        }
        ByteBuffer bytes = disk.contents(Integrator.CHECKPOINT);
        byte[] note = new byte[bytes.remaining()];
        bytes.get(note);
        Parsed<Checkpoint> read = SignedNote.parse(note)
                .then(signed -> signed.signedBy(List.of(key.verifier())).then(_ -> Checkpoint.parse(signed.text())));
        Checkpoint checkpoint = read.fold(valid -> valid, problem -> {
            throw new LedgerFault(
                    Code.BAD_CHECKPOINT,
                    "the log's checkpoint is not to be trusted: " + problem + "; restore it from a backup");
        });
        if (!checkpoint.origin().equals(origin)) {
            throw new LedgerFault(Code.BAD_CHECKPOINT, "the checkpoint is of the log " + checkpoint.origin());
        }
        return checkpoint;
    }

    private Optional<Chains.Snapshot> snapshot() throws IOException {
        return disk.exists(Integrator.CHAINS) ? Chains.decode(disk.contents(Integrator.CHAINS)) : Optional.empty();
    }

    private List<Long> segmentNumbers() throws IOException {
        List<Long> numbers = disk.list("wal").stream()
                .filter(WalFormat::isSegment)
                .map(Long::parseLong)
                .toList();
        for (int i = 1; i < numbers.size(); i++) {
            if (numbers.get(i) != numbers.get(i - 1) + 1) {
                throw new LedgerFault(
                        Code.CORRUPT, "the write-ahead file after " + numbers.get(i - 1) + " is missing: restore it");
            }
        }
        return numbers;
    }

    /** -1 if nothing was ever written to the write-ahead files there are. */
    private long firstIndex(List<Long> numbers) throws IOException {
        if (numbers.isEmpty()) {
            return -1;
        }
        return WalFormat.firstIndex(disk.contents(WalFormat.segmentPath(numbers.getFirst())));
    }

    private void readChains(Chains chains, long size) {
        if (size > 0) {
            try {
                reader.visit(
                        0,
                        size,
                        (index, bundle, offset, length) ->
                                add(chains, index, bundle, offset, length, hasher.leaf(bundle, offset, length)));
            } catch (UncheckedIOException | IndexOutOfBoundsException e) {
                throw new LedgerFault(
                        Code.CORRUPT, "entries under the checkpoint cannot be read: run behalf verify on a copy", e);
            }
        }
    }

    private WalCursor.Place readSegments(
            List<Long> numbers, Chains chains, long known, TreeEdge edge, List<long[]> segments) throws IOException {
        long next = -1;
        long number = 0;
        int end = 0;
        for (long candidate : numbers) {
            number = candidate;
            String path = WalFormat.segmentPath(number);
            Scanned scanned = WalFormat.scan(disk.contents(path), number, (index, entry) -> {
                if (index >= known || index == edge.size()) {
                    int length = entry.remaining();
                    entry.get(entry.position(), scratch, 0, length);
                    Hash leaf = hasher.leaf(scratch, 0, length);
                    if (index == edge.size()) {
                        edge.add(leaf, ahead::put);
                    }
                    if (index >= known) {
                        add(chains, index, scratch, 0, length, leaf);
                    }
                }
            });
            Scanned.Sound sound =
                    switch (scanned) {
                        case Scanned.Corrupt(String problem) ->
                            throw new LedgerFault(
                                    Code.CORRUPT,
                                    path + ": " + problem
                                            + "; acknowledged records are damaged, restore the file from a copy");
                        case Scanned.Torn cut -> untorn(cut, path, numbers, number);
                        case Scanned.Sound whole -> whole;
                    };
            end = sound.end();
            if (sound.first() < 0) {
                // Made and never written to: a crash between a rotation and its first group.
                segments.add(new long[] {number, next < 0 ? known : next});
                continue;
            }
            if (next >= 0 && sound.first() != next) {
                throw new LedgerFault(
                        Code.CORRUPT, path + " begins at entry " + sound.first() + " where " + next + " was expected");
            }
            segments.add(new long[] {number, sound.first()});
            next = sound.next();
        }
        if (next >= 0 && next < known) {
            throw new LedgerFault(
                    Code.SHORTER,
                    "the write-ahead files end at entry " + next + ", but " + known
                            + " had been settled: the last one is missing or an older copy; restore it");
        }
        return new WalCursor.Place(Math.max(next, known), number, end);
    }

    private Scanned.Sound untorn(Scanned.Torn cut, String path, List<Long> numbers, long number) throws IOException {
        if (!onlyEmptyAfter(numbers, number)) {
            throw new LedgerFault(
                    Code.CORRUPT, path + ": a group is cut short, and a later file holds more; restore the file");
        }
        torn = Optional.of(new Tail(path, cut.end(), cut.to()));
        return new Scanned.Sound(cut.first(), cut.next(), cut.end());
    }

    /**
     * Nobody was told of a torn group. It goes back to zeros before anything is written after it, or the next start would find its remains
     * and could not tell them from damage.
     */
    void mend(Tail torn) throws IOException {
        try (Disk.Handle file = disk.open(torn.path())) {
            file.write(ByteBuffer.allocate(torn.to() - torn.from()), torn.from());
            file.force();
        }
    }

    private boolean onlyEmptyAfter(List<Long> numbers, long number) throws IOException {
        for (long later : numbers) {
            if (later > number && WalFormat.firstIndex(disk.contents(WalFormat.segmentPath(later))) >= 0) {
                return false;
            }
        }
        return true;
    }

    private void add(Chains chains, long index, byte[] bytes, int offset, int length, Hash leaf) {
        @Nullable String problem = scan.scan(bytes, offset, length);
        if (problem != null) {
            throw new LedgerFault(Code.CORRUPT, "entry " + index + " is no record: " + problem);
        }
        chains.add(scan.facts(), leaf, index);
    }

    private static long whole(boolean snapshot, long known, long firstIndex, long shown) {
        long down = known - known % TilePath.FULL;
        if (snapshot || firstIndex < 0) {
            return down;
        }
        // Segments are deleted only when every whole bundle before them, and that one, is forced.
        long up = firstIndex + (TilePath.FULL - firstIndex % TilePath.FULL) % TilePath.FULL;
        return up <= shown ? up : down;
    }
}

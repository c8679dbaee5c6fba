package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.ledger.LedgerFault.Code;
import io.behalf.ledger.WalFormat.Scanned;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a start finds on the disk, whether the log is new, was closed in good order or crashed: one straight reading of checkpoint, snapshot
 * and write-ahead files, which either adds up or refuses with what is wrong. Changes nothing but a torn tail, which it turns back to zeros.
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
     */
    record Found(
            Checkpoint shown,
            Chains chains,
            long whole,
            WalCursor.Place start,
            WalCursor.Place end,
            List<long[]> segments) {}

    private final LedgerSettings settings;
    private final Disk disk;
    private final LedgerReader reader;
    private final RecordScan scan = new RecordScan();
    private final TreeHasher hasher = new TreeHasher();
    private byte[] scratch = new byte[1 << 16];

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

        var segments = new ArrayList<long[]>();
        WalCursor.Place end = readSegments(numbers, chains, known, segments);
        if (end.size() < shown.size()) {
            throw new LedgerFault(
                    Code.SHORTER,
                    "the checkpoint promises " + shown.size() + " entries and " + end.size()
                            + " are there: write-ahead files are missing; restore them or a whole copy of the log");
        }
        long whole = whole(snapshot.isPresent(), known, firstIndex, shown.size());
        if (firstIndex > whole) {
            throw new LedgerFault(
                    Code.CORRUPT,
                    "the write-ahead files begin at entry " + firstIndex + " but only " + whole
                            + " are in settled bundles: a write-ahead file is missing");
        }
        WalCursor.Place start = segments.isEmpty()
                ? new WalCursor.Place(end.size(), 0, 0)
                : new WalCursor.Place(segments.getFirst()[1], segments.getFirst()[0], 0);
        return new Found(shown, chains, whole, start, end, segments);
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
                    "the log's checkpoint is not to be trusted: " + problem
                            + "; restore it from a backup or a witness");
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
                .filter(name -> name.matches("[0-9]{8,}"))
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
                reader.visit(0, size, (index, bundle, offset, length) -> add(chains, index, bundle, offset, length));
            } catch (UncheckedIOException | IndexOutOfBoundsException e) {
                throw new LedgerFault(
                        Code.CORRUPT, "entries under the checkpoint cannot be read: run behalf verify on a copy", e);
            }
        }
    }

    private WalCursor.Place readSegments(List<Long> numbers, Chains chains, long known, List<long[]> segments)
            throws IOException {
        long next = -1;
        long number = 0;
        int end = 0;
        for (long candidate : numbers) {
            number = candidate;
            String path = WalFormat.segmentPath(number);
            Scanned scanned = WalFormat.scan(disk.contents(path), number, (index, entry) -> {
                if (index >= known) {
                    int length = entry.remaining();
                    entry.get(entry.position(), scratch, 0, length);
                    add(chains, index, scratch, 0, length);
                }
            });
            Scanned.Sound sound =
                    switch (scanned) {
                        case Scanned.Corrupt(String problem) ->
                            throw new LedgerFault(
                                    Code.CORRUPT,
                                    path + ": " + problem
                                            + "; acknowledged records are damaged, restore the file from a copy");
                        case Scanned.Torn torn -> untorn(torn, path, numbers, number);
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

    /**
     * Nobody was told of a torn group. It goes back to zeros before anything is written after it, or the next start would find its remains
     * and could not tell them from damage.
     */
    private Scanned.Sound untorn(Scanned.Torn torn, String path, List<Long> numbers, long number) throws IOException {
        if (!onlyEmptyAfter(numbers, number)) {
            throw new LedgerFault(
                    Code.CORRUPT, path + ": a group is cut short, and a later file holds more; restore the file");
        }
        try (Disk.Handle file = disk.open(path)) {
            file.write(ByteBuffer.allocate(torn.to() - torn.end()), torn.end());
            file.force();
        }
        return new Scanned.Sound(torn.first(), torn.next(), torn.end());
    }

    private boolean onlyEmptyAfter(List<Long> numbers, long number) throws IOException {
        for (long later : numbers) {
            if (later > number && WalFormat.firstIndex(disk.contents(WalFormat.segmentPath(later))) >= 0) {
                return false;
            }
        }
        return true;
    }

    private void add(Chains chains, long index, byte[] bytes, int offset, int length) {
        @Nullable String problem = scan.scan(bytes, offset, length);
        if (problem != null) {
            throw new LedgerFault(Code.CORRUPT, "entry " + index + " is no record: " + problem);
        }
        chains.add(scan.facts(), hasher.leaf(bytes, offset, length), index);
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

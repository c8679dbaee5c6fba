package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.merkle.VerifierKey;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Checks a log's folder as an auditor has it, with nothing but the folder and perhaps a key: every byte of {@code checkpoint}, {@code vkey}
 * and {@code tile/} is accounted for, or the first that is not is named. One pass from the first entry to the last; memory grows with the
 * number of tasks, not of entries. {@code wal/} is looked at only where files are ahead of the checkpoint: {@link WrittenAhead}.
 *
 * <p>What it shows: these entries, in this order, are what the holder of the key signed; each task's records are whole and in order, and
 * so are those that each service signed. It does not show that no other history was signed with the same key: that takes a checkpoint seen
 * before.
 */
public final class Verification {
    /** How far the result goes. */
    public enum Trust {
        /** The folder agrees with itself; the key was taken from it. */
        CONSISTENT,
        /** Signed by a key that the one who asks had before. */
        AUTHENTIC
    }

    /**
     * What was wrong first.
     *
     * @param file relative to the folder
     * @param index of the entry
     * @param record the entry's record id, where it can be read
     */
    public record Finding(String problem, Optional<String> file, OptionalLong index, Optional<String> record) {}

    /**
     * What was found.
     *
     * @param checkpoint empty if it could not be trusted
     * @param entries how many entries were checked before the end or the finding
     * @param ahead files beyond the checkpoint that hold what the write-ahead files hold: nobody has signed them yet
     * @param finding empty if all is well
     */
    public record Report(
            Trust trust,
            Optional<Checkpoint> checkpoint,
            long entries,
            long tasks,
            long ahead,
            Optional<Finding> finding) {
        public boolean sound() {
            return finding.isEmpty();
        }
    }

    /** Leaves the straight list of steps at the first finding. */
    private static final class Found extends Exception {
        private static final long serialVersionUID = 1L;

        private final transient Finding finding;

        Found(Finding finding) {
            super(finding.problem(), null, false, false);
            this.finding = finding;
        }

        static Found inFile(String file, String problem) {
            return new Found(new Finding(problem, Optional.of(file), OptionalLong.empty(), Optional.empty()));
        }
    }

    /**
     * How long files that are ahead of the checkpoint may disagree with the write-ahead files. A server at work goes on while both are read,
     * and a moment later they agree, or the next checkpoint covers the files, however seldom it signs one.
     */
    private static final Duration AGREE_WITHIN = Duration.ofSeconds(5);

    private static final Duration LOOK_AGAIN = Duration.ofMillis(10);

    private final Path directory;
    private final LogFiles files;
    private final Optional<Pin> pin;
    private final LongConsumer progress;
    private final Duration agreeWithin;
    private final TreeHasher hasher = new TreeHasher();
    private final RecordScan scan = new RecordScan();
    private final TreeEdge edge = new TreeEdge();
    private final ChainRules chains = new ChainRules();
    private final List<TilePath> narrower = new ArrayList<>();
    private @Nullable Checkpoint checkpoint;
    private long ahead;

    private Verification(Path directory, Optional<Pin> pin, LongConsumer progress, Duration agreeWithin) {
        this.directory = directory;
        files = new LogFiles(directory);
        this.pin = pin;
        this.progress = progress;
        this.agreeWithin = agreeWithin;
    }

    public static Report verify(Path directory, Optional<Pin> pin) {
        return verify(directory, pin, _ -> {});
    }

    /** @param progress told now and then how many entries have been checked */
    public static Report verify(Path directory, Optional<Pin> pin, LongConsumer progress) {
        var verification = new Verification(directory, pin, progress, AGREE_WITHIN);
        return verification.report(verification::steps);
    }

    /**
     * What the keys and the checkpoint alone can tell, before an entry is there: whether a key that counts signed it, and whether it covers
     * what had been seen. Whoever fetches a log asks this first, since the checkpoint says how much there is to be fetched.
     */
    public static Report head(Path directory, Optional<Pin> pin) {
        var verification = new Verification(directory, pin, _ -> {}, AGREE_WITHIN);
        return verification.report(verification::trusted);
    }

    static Report verify(Path directory, Duration agreeWithin) {
        var verification = new Verification(directory, Optional.empty(), _ -> {}, agreeWithin);
        return verification.report(verification::steps);
    }

    @FunctionalInterface
    private interface Steps {
        void go() throws Found, IOException;
    }

    private Report report(Steps steps) {
        Optional<Finding> finding = Optional.empty();
        try {
            steps.go();
        } catch (Found found) {
            finding = Optional.of(found.finding);
        } catch (IOException e) {
            finding = Optional.of(unread(e));
        } catch (UncheckedIOException e) {
            finding = Optional.of(unread(Objects.requireNonNull(e.getCause())));
        }
        return new Report(
                pin.isPresent() ? Trust.AUTHENTIC : Trust.CONSISTENT,
                Optional.ofNullable(checkpoint),
                edge.size(),
                chains.tasks(),
                ahead,
                finding);
    }

    private Finding unread(IOException fault) {
        Optional<FileSystemException> named =
                fault instanceof FileSystemException known ? Optional.of(known) : Optional.empty();
        String problem =
                switch (fault) {
                    case NoSuchFileException _ -> "the file is missing";
                    case AccessDeniedException _ -> "this user may not read it";
                    default ->
                        "cannot be read: "
                                + named.map(FileSystemException::getReason).orElseGet(fault::getMessage);
                };
        return new Finding(
                problem,
                named.map(FileSystemException::getFile).map(file -> relative(Path.of(file))),
                OptionalLong.empty(),
                Optional.empty());
    }

    private Checkpoint trusted() throws Found, IOException {
        Checkpoint trusted = checkpoint(keys());
        checkpoint = trusted;
        Optional<Checkpoint> seen = pin.flatMap(Pin::seen);
        if (seen.isPresent() && seen.get().size() > trusted.size()) {
            throw Found.inFile(
                    Integrator.CHECKPOINT,
                    "it covers " + trusted.size() + " entries, and "
                            + seen.get().size() + " had been seen: this is an older copy, or its end was cut off");
        }
        return trusted;
    }

    private void steps() throws Found, IOException {
        Checkpoint trusted = trusted();
        noFileTooMany(trusted);
        for (long bundle = 0; bundle * TilePath.FULL < trusted.size(); bundle++) {
            entries(TilePath.in(trusted.size(), TilePath.ENTRIES, bundle), trusted);
            progress.accept(edge.size());
        }
        for (TilePath partial : edge.partials()) {
            tile(partial, edge.hashes(partial.level()), trusted);
        }
        for (TilePath earlier : narrower) {
            narrower(earlier, trusted.size());
        }
        if (!edge.root().equals(trusted.root())) {
            throw Found.inFile(
                    Integrator.CHECKPOINT,
                    "the root of the " + trusted.size() + " entries is " + edge.root() + ", the checkpoint says "
                            + trusted.root());
        }
        Optional<Checkpoint> seen = pin.flatMap(Pin::seen);
        if (seen.isPresent() && !continues(seen.get(), trusted)) {
            throw Found.inFile(
                    Integrator.CHECKPOINT,
                    "the first " + seen.get().size() + " entries are not those that had been seen: the log was written"
                            + " anew, and signed");
        }
    }

    private boolean continues(Checkpoint seen, Checkpoint trusted) {
        return Proofs.root(seen.size(), new LedgerReader(directory).nodes(trusted.size()))
                .equals(seen.root());
    }

    private List<VerifierKey> keys() throws Found, IOException {
        String vkeys = new String(files.vkey(), StandardCharsets.UTF_8);
        List<VerifierKey> keys =
                switch (LogKey.parse(vkeys)) {
                    case Parsed.Valid<List<VerifierKey>>(var read) -> read;
                    case Parsed.Invalid<List<VerifierKey>>(var problem) -> throw Found.inFile(LogKey.VKEY, problem);
                };
        if (pin.isEmpty()) {
            return keys;
        }
        VerifierKey pinned = pin.get().key();
        if (!keys.contains(pinned)) {
            throw Found.inFile(LogKey.VKEY, "the key known before is not among the log's keys");
        }
        return List.of(pinned);
    }

    private Checkpoint checkpoint(List<VerifierKey> keys) throws Found, IOException {
        Parsed<Checkpoint> read = SignedNote.parse(files.checkpoint())
                .then(note -> note.signedBy(keys).then(_ -> Checkpoint.parse(note.text())));
        Checkpoint trusted =
                switch (read) {
                    case Parsed.Valid<Checkpoint>(var valid) -> valid;
                    case Parsed.Invalid<Checkpoint>(var problem) -> throw Found.inFile(Integrator.CHECKPOINT, problem);
                };
        if (keys.stream().noneMatch(key -> key.name().equals(trusted.origin()))) {
            throw Found.inFile(Integrator.CHECKPOINT, "it is of another log: " + trusted.origin());
        }
        return trusted;
    }

    /**
     * Every file below {@code tile/} is one that a log of this size has, or once had: partial tiles of earlier checkpoints may still be there,
     * and are looked at in the end. That none is missing shows when they are read. Or it is ahead of the checkpoint, and holds what the
     * write-ahead files hold.
     */
    private void noFileTooMany(Checkpoint trusted) throws Found, IOException {
        List<TilePath> beyond = new ArrayList<>();
        for (String file : tileFiles()) {
            Optional<TilePath> parsed = TilePath.parse(file).fold(Optional::of, _ -> Optional.empty());
            TilePath tile = parsed.orElseThrow(() -> tooMany(file, trusted));
            if (!isRegular(tile)) {
                continue;
            }
            if (tile.width() > width(tile, trusted.size())) {
                beyond.add(tile);
            } else if (tile.width() < width(tile, trusted.size())) {
                narrower.add(tile);
            }
        }
        long deadline = System.nanoTime() + agreeWithin.toNanos();
        while (!beyond.isEmpty()) {
            // of now, and before the write-ahead files are read: those that it has caught up with may have been deleted
            long size = sizeNow();
            beyond.removeIf(tile -> tile.width() <= width(tile, size));
            Set<TilePath> agreeing = WrittenAhead.agreeing(directory, size, beyond);
            beyond.removeAll(agreeing);
            ahead += agreeing.size();
            if (!beyond.isEmpty()) {
                if (System.nanoTime() >= deadline) {
                    throw tooMany(beyond.getFirst().path(), trusted);
                }
                LockSupport.parkNanos(LOOK_AGAIN.toNanos());
            }
        }
    }

    /** Asked of every file before the first is read; false where it has gone meanwhile. */
    private boolean isRegular(TilePath tile) throws IOException {
        try {
            files.checkRegular(tile.path(), LogFiles.most(tile));
            return true;
        } catch (NoSuchFileException gone) {
            return false;
        }
    }

    private static Found tooMany(String file, Checkpoint trusted) {
        return Found.inFile(
                file,
                "a log of " + trusted.size() + " entries has no such file, and no write-ahead file says that it is"
                        + " what comes next");
    }

    private List<String> tileFiles() throws IOException {
        Path tiles = directory.resolve("tile");
        if (!Files.exists(tiles)) {
            return List.of();
        }
        List<String> found = new ArrayList<>();
        Files.walkFileTree(tiles, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                found.add(relative(file));
                return FileVisitResult.CONTINUE;
            }

            // partial tiles go when their tile is full, also while this looks; any other that lacks is missed later
            @Override
            public FileVisitResult visitFileFailed(Path file, IOException fault) throws IOException {
                if (fault instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw fault;
            }
        });
        return found.stream().filter(file -> !isUnfinished(file)).sorted().toList();
    }

    /** A tile on its way, or left by a crash: nobody is served it, and only its renaming makes it part of the log. */
    private static boolean isUnfinished(String file) {
        return file.endsWith(Disk.UNFINISHED)
                && TilePath.parse(file.substring(0, file.length() - Disk.UNFINISHED.length()))
                        .fold(_ -> true, _ -> false);
    }

    /** How wide the tile of this number is in a log of this size; 0 if there is none. */
    private static int width(TilePath tile, long size) {
        long count = TilePath.count(tile.level(), size);
        // Not by a product: a number in a stranger's file name may be so large that it comes round.
        return count > 0 && tile.index() <= (count - 1) / TilePath.FULL
                ? TilePath.in(size, tile.level(), tile.index()).width()
                : 0;
    }

    /** What the checkpoint says at this moment; believed only as to which files may be there. */
    private long sizeNow() throws IOException {
        return SignedNote.parse(files.checkpoint())
                .then(note -> Checkpoint.parse(note.text()))
                .fold(Checkpoint::size, _ -> 0L);
    }

    /** A partial tile of an earlier checkpoint is the beginning of the one that has been verified. */
    private void narrower(TilePath earlier, long size) throws Found, IOException {
        byte[] bytes;
        try {
            bytes = files.tile(earlier);
        } catch (NoSuchFileException gone) {
            return; // nothing needs it
        }
        byte[] whole = read(TilePath.in(size, earlier.level(), earlier.index()));
        if (!Arrays.equals(bytes, Arrays.copyOf(whole, length(whole, earlier)))) {
            throw Found.inFile(earlier.path(), "it is not the beginning of the tile that came after it");
        }
    }

    /** A partial tile, or the beginning of the full one that a server at work has put in its place. */
    private byte[] read(TilePath tile) throws IOException {
        try {
            return files.tile(tile);
        } catch (NoSuchFileException missing) {
            var full = new TilePath(tile.level(), tile.index(), TilePath.FULL);
            if (tile.full() || !Files.exists(directory.resolve(full.path()))) {
                throw missing;
            }
            byte[] whole = files.tile(full);
            return Arrays.copyOf(whole, length(whole, tile));
        }
    }

    /** How long the beginning of a wider tile is that this tile has; all of it where it is too short. */
    private static int length(byte[] wider, TilePath tile) {
        if (tile.level() != TilePath.ENTRIES) {
            return Math.min(wider.length, tile.width() * Hash.BYTES);
        }
        int end = 0;
        for (int i = 0; i < tile.width() && end + 2 <= wider.length; i++) {
            end += 2 + EntryBundle.length(wider, end);
        }
        return Math.min(end, wider.length);
    }

    /** One bundle: each entry is canonical, stands in its chain, and has the hash that its tile holds. */
    private void entries(TilePath path, Checkpoint trusted) throws Found, IOException {
        byte[] bundle = read(path);
        long first = path.index() * TilePath.FULL;
        var tile = new TilePath(0, path.index(), path.width());
        byte[] hashes = read(tile);
        var filled = new LinkedHashMap<TilePath, byte[]>();
        int at = 0;
        for (int i = 0; i < path.width(); i++) {
            if (bundle.length - at < 2 || bundle.length - at - 2 < EntryBundle.length(bundle, at)) {
                throw entryFinding("the bundle ends before this entry does", path.path(), first + i, null);
            }
            int length = EntryBundle.length(bundle, at);
            Hash leaf = hasher.leaf(bundle, at + 2, length);
            String problem = scan.scan(bundle, at + 2, length);
            if (hashes.length < (i + 1) * Hash.BYTES
                    || !Hash.at(hashes, i * Hash.BYTES).equals(leaf)) {
                throw disagreement(path, tile, hashes, first + i, problem == null ? scan.id() : null, trusted);
            }
            if (problem != null) {
                throw entryFinding("the entry is not a canonical record: " + problem, path.path(), first + i, null);
            }
            String broken = chains.broken(scan, leaf, bundle, at + 2, length);
            if (broken != null) {
                throw entryFinding(broken, path.path(), first + i, scan.id());
            }
            edge.add(leaf, filled::put);
            at += 2 + length;
        }
        for (var full : filled.entrySet()) {
            tile(full.getKey(), full.getValue(), trusted);
        }
        if (at != bundle.length) {
            throw entryFinding(
                    "something follows the bundle's last entry", path.path(), first + path.width() - 1, null);
        }
        if (hashes.length != path.width() * Hash.BYTES) {
            throw Found.inFile(tile.path(), "it has " + hashes.length + " bytes");
        }
    }

    private void tile(TilePath path, byte[] expected, Checkpoint trusted) throws Found, IOException {
        byte[] hashes = read(path);
        int difference = Arrays.mismatch(hashes, expected);
        if (difference < 0) {
            return;
        }
        throw Found.inFile(
                path.path(),
                "hash " + difference / Hash.BYTES + " of it is not that of the entries below (log of " + trusted.size()
                        + " entries)");
    }

    /** An entry and its tile disagree. The tile is right if its parent, or for the last one the signed root, says so. */
    private Found disagreement(
            TilePath bundle, TilePath tile, byte[] hashes, long index, @Nullable String record, Checkpoint trusted)
            throws IOException {
        if (hashes.length != tile.width() * Hash.BYTES || !isVouchedFor(tile, hashes, trusted)) {
            return new Found(new Finding(
                    "its hash of entry " + index + " is not the entry's",
                    Optional.of(tile.path()),
                    OptionalLong.of(index),
                    Optional.ofNullable(record)));
        }
        return entryFinding("the entry was changed, moved or removed", bundle.path(), index, record);
    }

    private boolean isVouchedFor(TilePath tile, byte[] hashes, Checkpoint trusted) throws IOException {
        if (tile.full()) {
            TilePath parent = TilePath.in(trusted.size(), 1, tile.index() / TilePath.FULL);
            byte[] above = files.tile(parent);
            int place = (int) (tile.index() % TilePath.FULL) * Hash.BYTES;
            return above.length >= place + Hash.BYTES
                    && hasher.fold(hashes, 0, TilePath.FULL).equals(Hash.at(above, place));
        }
        // The last tile has no parent: the signed root speaks for it, through the other tiles of the right edge.
        try {
            return Proofs.root(trusted.size(), new LedgerReader(directory).nodes(trusted.size()))
                    .equals(trusted.root());
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    private static Found entryFinding(String problem, String file, long index, @Nullable String record) {
        return new Found(new Finding(problem, Optional.of(file), OptionalLong.of(index), Optional.ofNullable(record)));
    }

    private String relative(Path file) {
        return directory.relativize(file).toString().replace('\\', '/');
    }
}

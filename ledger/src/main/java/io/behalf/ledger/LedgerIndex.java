package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Finds entries by what stands in them. Made from the ledger and from nothing else: it can be deleted and comes back; it proves nothing.
 * A thread of its own follows the integrated size; no append waits for it. Where the disk fails it says that it is {@link #behind}, and
 * tries again until it is not.
 *
 * <p>Structure: pairs (64-bit hash of key and value, entry index), 16 bytes each, in sorted files that are merged eight at a time as they
 * age; the newest pairs are in memory and are read from the ledger again after a restart. The hash is keyed with a random secret, so that
 * nobody can choose values that fall together; by chance two values may, once in some ten thousand ledgers of ten million records, so a
 * reader compares the record it reads with the value it asked for.
 */
public final class LedgerIndex implements AutoCloseable {
    /** Pairs kept in memory before they become a file: some fifteen thousand records. */
    private static final int TAIL_ROWS = 1 << 17;

    /** A record has no more: 64 planned tool calls, some actors, the rest. */
    private static final int MAX_ROWS_PER_RECORD = 1 << 10;

    private static final int MERGED_AT_ONCE = 8;
    private static final String SECRET = "secret";
    private static final int SECRET_BYTES = 16;
    private static final int REMEMBERED_HASHES = 8_192;

    /** Entries that are indexed before others may look. */
    private static final int BATCH = 4_096;

    /** Between a failure of the disk and the next attempt. */
    static final Duration RETRY_INTERVAL = Duration.ofSeconds(1);

    private static final System.Logger LOG = System.getLogger(LedgerIndex.class.getName());

    /** Where the index learns how far the ledger is. */
    interface Integrated {
        long size();

        /** Waits for more, at most so long. */
        boolean await(long size, long nanos) throws InterruptedException;

        /** Whether it will: then nobody need be waiting when the index fails, and the log is told. */
        default boolean grows() {
            return true;
        }
    }

    /** The newest pairs. Written by the index's thread, read by all up to {@code count}. */
    private static final class Tail {
        final long from;
        final long[] hashes = new long[TAIL_ROWS + MAX_ROWS_PER_RECORD];
        final long[] entries = new long[TAIL_ROWS + MAX_ROWS_PER_RECORD];
        volatile int count;

        Tail(long from) {
            this.from = from;
        }
    }

    private record State(List<IndexRun> runs, Tail tail) {}

    private final Path folder;
    private final Disk disk;
    private final LedgerReader reader;
    private final Integrated ledger;
    private final byte[] secret;
    private final MessageDigest sha256;
    private final Thread follower;
    private final Thread merger;

    private volatile State state;
    private volatile long indexed;
    private volatile @Nullable String failure;
    private volatile boolean closing;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // The follower's own
    private long added;
    private final RecordScan scan = new RecordScan();
    private final TreeHasher hasher = new TreeHasher();
    private final Map<IndexKey, Map<String, Long>> remembered = new EnumMap<>(IndexKey.class);

    /**
     * Opens the index in {@code folder}, making it anew if it is of another history.
     *
     * @param disk below {@code folder}, which its files are written to
     * @param reader entries below {@code ledger.size()} can be read from it
     */
    static LedgerIndex open(Path folder, Disk disk, LedgerReader reader, Integrated ledger) throws IOException {
        Files.createDirectories(folder);
        List<IndexRun> runs = runs(folder);
        boolean usable =
                Files.exists(folder.resolve(SECRET)) && (runs.isEmpty() || isOf(runs.getLast(), reader, ledger.size()));
        if (!usable) {
            for (IndexRun run : runs) {
                Files.delete(run.file());
            }
            runs = List.of();
        }
        var index = new LedgerIndex(folder, disk, reader, ledger, runs);
        index.follower.start();
        index.merger.start();
        return index;
    }

    private LedgerIndex(Path folder, Disk disk, LedgerReader reader, Integrated ledger, List<IndexRun> runs)
            throws IOException {
        this.folder = folder;
        this.disk = disk;
        this.reader = reader;
        this.ledger = ledger;
        secret = secret(folder);
        indexed = runs.isEmpty() ? 0 : runs.getLast().to();
        added = indexed;
        state = new State(runs, new Tail(indexed));
        sha256 = sha256();
        follower = Thread.ofPlatform().daemon().name("ledger-index").unstarted(this::follow);
        merger = Thread.ofPlatform().daemon().name("ledger-index-merge").unstarted(this::merge);
    }

    // ---- asked by anybody

    /** Indices of the entries with this value, ascending, below {@link #caughtUpTo}. */
    public long[] lookup(IndexKey key, String value) {
        long hash = hash(sha256(), key, value);
        State now = state;
        var found = LongStream.builder();
        for (IndexRun run : now.runs()) {
            run.find(hash, found);
        }
        int count = now.tail().count;
        for (int i = 0; i < count; i++) {
            if (now.tail().hashes[i] == hash) {
                found.add(now.tail().entries[i]);
            }
        }
        return found.build().distinct().toArray(); // a service can show the token that the record itself names
    }

    /** Entries below this are found. */
    public long caughtUpTo() {
        return indexed;
    }

    /** What keeps it from following the ledger, if something does: newer entries are not found until that has passed. */
    public Optional<String> behind() {
        return Optional.ofNullable(failure);
    }

    /** Waits until entries below {@code size} are found, at most so long, and no longer than it follows: see {@link #behind}. */
    public boolean await(long size, Duration atMost) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = atMost.toNanos();
            while (indexed < size && failure == null && left > 0 && !closing) {
                left = changed.awaitNanos(left);
            }
            return indexed >= size;
        } finally {
            lock.unlock();
        }
    }

    // ---- following

    private void follow() {
        try {
            while (!closing) {
                try {
                    step();
                    followsAgain();
                } catch (IOException | RuntimeException e) {
                    fellBehind(e);
                    pause();
                }
            }
            writeTail();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException | RuntimeException e) {
            LOG.log(System.Logger.Level.WARNING, "the newest entries of the index are read again at the next start", e);
        }
    }

    /** The next entries, if there are any. After a failure it goes on where that was. */
    private void step() throws IOException, InterruptedException {
        if (state.tail().count >= TAIL_ROWS) {
            writeTail();
        }
        if (ledger.await(indexed + 1, Duration.ofSeconds(1).toNanos())) {
            try {
                reader.visit(indexed, Math.min(ledger.size(), indexed + BATCH), this::add);
            } finally {
                indexed = added;
                signal();
            }
        }
    }

    /** The ledger goes on without it, and what was indexed can still be found. */
    private void fellBehind(Exception cause) {
        if (failure == null && ledger.grows()) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "the index is behind from entry " + indexed + " on, and tries again until it is not",
                    cause);
        }
        failure = "the index is behind from entry " + indexed + " on: " + cause.getMessage();
        signal();
    }

    private void followsAgain() {
        if (failure != null) {
            failure = null;
            LOG.log(System.Logger.Level.INFO, "the index follows again from entry {0} on", indexed);
        }
    }

    private void pause() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            long left = RETRY_INTERVAL.toNanos();
            while (left > 0 && !closing) {
                left = changed.awaitNanos(left);
            }
        } finally {
            lock.unlock();
        }
    }

    private void add(long index, byte[] bytes, int offset, int length) {
        added = index + 1;
        if (scan.scan(bytes, offset, length) != null) {
            return; // not a record: the verification names it
        }
        Tail tail = state.tail();
        int row = tail.count;
        row = put(tail, row, index, IndexKey.RECORD, scan.id());
        row = put(tail, row, index, IndexKey.OF, scan.of());
        row = put(tail, row, index, IndexKey.TASK, scan.task());
        row = put(tail, row, index, IndexKey.TRACE, scan.trace());
        row = put(tail, row, index, IndexKey.TOKEN, scan.jti());
        row = put(tail, row, index, IndexKey.TOKEN, scan.seenJti());
        row = put(tail, row, index, IndexKey.TOOL_CALL, scan.toolCall());
        row = put(tail, row, index, IndexKey.SUBJECT, scan.subject());
        row = put(tail, row, index, IndexKey.EVENT, scan.event());
        for (String call : scan.plannedToolCalls()) {
            row = put(tail, row, index, IndexKey.TOOL_CALL, call);
        }
        for (String agent : scan.actors()) {
            row = put(tail, row, index, IndexKey.AGENT, agent);
        }
        tail.count = row;
        if (row >= TAIL_ROWS) {
            try {
                indexed = added;
                writeTail();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private int put(Tail tail, int row, long index, IndexKey key, @Nullable String value) {
        if (value == null || row == tail.hashes.length) {
            return row;
        }
        tail.hashes[row] = cachedHash(key, value);
        tail.entries[row] = index;
        return row + 1;
    }

    /** Tasks, tokens, subjects and agents come again and again. */
    private long cachedHash(IndexKey key, String value) {
        return switch (key) {
            case TASK, TOKEN, SUBJECT, AGENT, EVENT -> {
                Map<String, Long> known = remembered.computeIfAbsent(key, _ -> new HashMap<>());
                if (known.size() >= REMEMBERED_HASHES) {
                    known.clear();
                }
                Long found = known.get(value);
                if (found == null) {
                    found = hash(sha256, key, value);
                    known.put(value, found);
                }
                yield found;
            }
            case RECORD, OF, TRACE, TOOL_CALL -> hash(sha256, key, value);
        };
    }

    private void writeTail() throws IOException {
        Tail tail = state.tail();
        if (indexed == tail.from) {
            return;
        }
        int count = tail.count;
        Hash last = hasher.leaf(reader.entry(indexed - 1));
        var sorted = new Pairs(tail.hashes, tail.entries, count).sorted();
        IndexRun run = IndexRun.write(disk, folder, tail.from, indexed, last, sorted.hashes, sorted.entries, count);
        lock.lock();
        try {
            var runs = new ArrayList<>(state.runs());
            runs.add(run);
            state = new State(List.copyOf(runs), new Tail(indexed));
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void signal() {
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // ---- merging

    private void merge() {
        boolean failed = false;
        try {
            for (List<IndexRun> old = nextMerge(); !old.isEmpty(); old = nextMerge()) {
                try {
                    merge(old);
                    failed = false;
                } catch (IOException | InternalError e) { // the latter from a mapped file that cannot be read
                    if (!failed) { // all can be found in many files as well, only slower
                        LOG.log(System.Logger.Level.ERROR, "files of the index could not be merged yet", e);
                    }
                    failed = true;
                    pause();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void merge(List<IndexRun> old) throws IOException {
        // Crash before the new file has its name: nothing happened. After: both are there, and the wider one is taken.
        IndexRun merged = IndexRun.merge(disk, folder, old);
        lock.lock();
        try {
            var runs = new ArrayList<>(state.runs());
            int at = runs.indexOf(old.getFirst());
            runs.subList(at, at + old.size()).clear();
            runs.add(at, merged);
            state = new State(List.copyOf(runs), state.tail());
        } finally {
            lock.unlock();
        }
        for (IndexRun run : old) {
            disk.delete(String.valueOf(run.file().getFileName()));
        }
    }

    /** Waits for eight neighbours of about one size; none when closing. */
    private List<IndexRun> nextMerge() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (!closing) {
                List<IndexRun> runs = state.runs();
                for (int from = runs.size() - MERGED_AT_ONCE; from >= 0; from--) {
                    List<IndexRun> candidates = runs.subList(from, from + MERGED_AT_ONCE);
                    if (tier(candidates.getFirst()) == tier(candidates.getLast())) {
                        return candidates;
                    }
                }
                changed.await();
            }
            return List.of();
        } finally {
            lock.unlock();
        }
    }

    private static int tier(IndexRun run) {
        return (Long.SIZE - Long.numberOfLeadingZeros(run.count() / TAIL_ROWS)) / 3;
    }

    // ---- files and hashes

    /** The files in order without gaps; what a crash left over is removed. */
    private static List<IndexRun> runs(Path folder) throws IOException {
        var found = new ArrayList<IndexRun>();
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Optional<IndexRun> run = IndexRun.open(file);
                if (run.isPresent()) {
                    found.add(run.get());
                } else if (!file.endsWith(SECRET)) {
                    Files.delete(file);
                }
            }
        }
        found.sort(Comparator.comparingLong(IndexRun::from)
                .thenComparing(Comparator.comparingLong(IndexRun::to).reversed()));
        var runs = new ArrayList<IndexRun>();
        long next = 0;
        for (IndexRun run : found) {
            if (run.from() == next) { // the widest of those that begin here: a merge may have left its sources behind
                runs.add(run);
                next = run.to();
            } else {
                Files.delete(run.file());
            }
        }
        return runs;
    }

    private static boolean isOf(IndexRun run, LedgerReader reader, long size) {
        try {
            return run.to() <= size && run.last().equals(new TreeHasher().leaf(reader.entry(run.to() - 1)));
        } catch (UncheckedIOException e) {
            return false;
        }
    }

    private static byte[] secret(Path folder) throws IOException {
        Path file = folder.resolve(SECRET);
        if (Files.exists(file) && Files.size(file) == SECRET_BYTES) {
            return Files.readAllBytes(file);
        }
        byte[] secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        Path temporary = folder.resolve(SECRET + ".tmp");
        Files.write(temporary, secret);
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return secret;
    }

    private long hash(MessageDigest digest, IndexKey key, String value) {
        digest.update(secret);
        digest.update(key.tag());
        return ByteBuffer.wrap(digest.digest(value.getBytes(StandardCharsets.UTF_8)))
                .getLong();
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Writes what is in memory, so that the next start need not read it again. */
    @Override
    public void close() {
        closing = true;
        signal();
        try {
            follower.join(Duration.ofSeconds(10));
            merger.join(Duration.ofSeconds(10));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Pairs sorted by hash, those of one hash in the order they came: by four passes of sixteen bits. */
    private static final class Pairs {
        private static final int DIGIT = 16;

        final long[] hashes;
        final long[] entries;
        final int count;

        Pairs(long[] hashes, long[] entries, int count) {
            this.hashes = hashes;
            this.entries = entries;
            this.count = count;
        }

        Pairs sorted() {
            Pairs from = new Pairs(Arrays.copyOf(hashes, count), Arrays.copyOf(entries, count), count);
            Pairs to = new Pairs(new long[count], new long[count], count);
            for (int shift = 0; shift < Long.SIZE; shift += DIGIT) {
                from.pass(shift, to);
                Pairs swap = from;
                from = to;
                to = swap;
            }
            return from;
        }

        private void pass(int shift, Pairs to) {
            int[] place = new int[(1 << DIGIT) + 1];
            for (int i = 0; i < count; i++) {
                place[digit(i, shift) + 1]++;
            }
            for (int i = 0; i < 1 << DIGIT; i++) {
                place[i + 1] += place[i];
            }
            for (int i = 0; i < count; i++) {
                int at = place[digit(i, shift)]++;
                to.hashes[at] = hashes[i];
                to.entries[at] = entries[i];
            }
        }

        private int digit(int i, int shift) {
            return (int) (hashes[i] >>> shift) & ((1 << DIGIT) - 1);
        }
    }
}

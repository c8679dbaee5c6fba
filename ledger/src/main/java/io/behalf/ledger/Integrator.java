package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Follows the write-ahead files and turns forced entries into bundles, tiles and signed checkpoints: a thread of its own, so that no append
 * waits for it. It never looks beyond what has been forced, so no checkpoint promises what a power loss could take back. Bundles and tiles
 * are forced only before the write-ahead files they came from are deleted; until then they can be made again, and at every start they are:
 * recovery is this class catching up.
 */
final class Integrator {
    static final String CHAINS = "wal/chains";
    static final String CHECKPOINT = "checkpoint";

    private static final long SPACE_RETRY_NANOS = 1_000_000_000L;

    /**
     * Bundles and tiles forced side by side. The file system's journal takes those that wait together in one flush; one after the other, each
     * has its own, and the appends' forces queue among hundreds of them.
     */
    private static final int FORCES_AT_ONCE = 16;

    /**
     * While bundles fill and nobody waits for a checkpoint, one comes after so many times the interval. Each takes two forces, which the
     * appends' forces wait for, and leaves a file to delete; file systems find room for new files the slower the more were just deleted.
     */
    private static final int INTERVALS_UNDER_LOAD = 10;

    /** Where ten intervals are longer: by then the price of a checkpoint does not matter, and those who only look would wait for nothing. */
    private static final long MOST_UNDER_LOAD_NANOS = 1_000_000_000L;

    /** Longer than any process runs; times this far apart can still be subtracted. */
    private static final long LONGEST_INTERVAL_NANOS = Long.MAX_VALUE / 2;

    /** The beginning of a segment, and what the ledger knew of tasks there. */
    private record Boundary(long segment, Chains.Snapshot chains) {}

    private record Segment(long number, long first) {}

    private final Disk disk;
    private final Wal wal;
    private final SignerKey key;
    private final WalCursor cursor;
    private final TreeEdge edge;
    private final long intervalNanos;
    private final long patienceNanos;
    private final Consumer<Throwable> onFault;
    private final Thread thread;

    // Shared
    private final RecentLeaves leaves = new RecentLeaves();
    private volatile WalCursor.Place forced;
    private volatile Checkpoint shown;
    private final AtomicInteger askers = new AtomicInteger();
    private volatile boolean sleeping;
    private volatile long wakeAt;
    private volatile Chains.@Nullable Snapshot last;
    private volatile boolean stopping;
    private final ReentrantLock boundariesLock = new ReentrantLock();
    private final ArrayDeque<Boundary> boundaries = new ArrayDeque<>();
    private final ReentrantLock shownLock = new ReentrantLock();
    private final Condition shownChanged = shownLock.newCondition();

    // The thread's own
    private final TreeHasher hasher = new TreeHasher();
    private ByteBuffer bundle = ByteBuffer.allocateDirect(512 << 10);
    /** Entries up to here are in a bundle: one more than in the tree where the disk had no room for a whole one. */
    private long bundled;

    private final Set<String> folders = new TreeSet<>();
    private final List<String> unforced = new ArrayList<>();
    private final ArrayDeque<Segment> segments = new ArrayDeque<>();
    private Chains.@Nullable Snapshot unsettled;
    private Set<String> partials = new LinkedHashSet<>();
    private final List<String> filled = new ArrayList<>();
    private long checkpointAt;
    private long wholeAt;
    private long fillNanos;
    private boolean started;
    private final byte[] scratch = new byte[1 << 16];

    /**
     * @param edge the tree at the last whole bundle that is known to be forced
     * @param segmentFirsts number and first index of the segments there are, oldest first
     */
    Integrator(
            Disk disk,
            Wal wal,
            SignerKey key,
            WalCursor cursor,
            TreeEdge edge,
            WalCursor.Place forced,
            Checkpoint shown,
            List<long[]> segmentFirsts,
            LedgerSettings settings,
            Consumer<Throwable> onFault) {
        this.disk = disk;
        this.wal = wal;
        this.key = key;
        this.cursor = cursor;
        this.edge = edge;
        this.bundled = edge.size();
        this.forced = forced;
        this.shown = shown;
        intervalNanos = Math.min(TimeUnit.NANOSECONDS.convert(settings.checkpointInterval()), LONGEST_INTERVAL_NANOS);
        patienceNanos = intervalNanos < MOST_UNDER_LOAD_NANOS
                ? Math.min(INTERVALS_UNDER_LOAD * intervalNanos, MOST_UNDER_LOAD_NANOS)
                : intervalNanos;
        this.onFault = onFault;
        segmentFirsts.forEach(segment -> segments.add(new Segment(segment[0], segment[1])));
        checkpointAt = System.nanoTime() - intervalNanos;
        wholeAt = checkpointAt;
        fillNanos = intervalNanos;
        thread = Thread.ofPlatform()
                .daemon()
                .name("ledger-integrator-" + settings.log())
                .unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    // ---- told by the sequencer

    /** The hash of an entry that is about to be forced. */
    void placed(long index, Hash leaf) {
        leaves.put(index, leaf);
    }

    /** Everything up to here has been forced. */
    void committed(WalCursor.Place place) {
        forced = place;
        if (place.size() >= wakeAt || !wal.spareReady()) { // a file was begun: the next one is made now
            wake();
        }
    }

    void segmentBegan(long segment, Chains.Snapshot chains) {
        boundariesLock.lock();
        try {
            boundaries.add(new Boundary(segment, chains));
        } finally {
            boundariesLock.unlock();
        }
    }

    /** No more will be forced: integrate it all, and end. */
    void finish(Chains.Snapshot chains) {
        last = chains;
        wake();
    }

    /** End now, as after a crash. */
    void stop() {
        stopping = true;
        LockSupport.unpark(thread);
    }

    boolean join(long millis) throws InterruptedException {
        thread.join(millis);
        return !thread.isAlive();
    }

    private void wake() {
        if (sleeping) {
            LockSupport.unpark(thread);
        }
    }

    // ---- asked by anybody

    /** The last checkpoint that is durable. */
    Checkpoint shown() {
        return shown;
    }

    /** How many entries have survived a power loss from here on. */
    long forced() {
        return forced.size();
    }

    /** Waits until a checkpoint covers {@code size} entries, at most so long. */
    boolean awaitShown(long size, long nanos) throws InterruptedException {
        shownLock.lockInterruptibly();
        try {
            long left = nanos;
            while (shown.size() < size && left > 0 && !stopping) {
                left = shownChanged.awaitNanos(left);
            }
            return shown.size() >= size;
        } finally {
            shownLock.unlock();
        }
    }

    /**
     * The same for somebody who needs it: the next checkpoint then comes within two intervals under load too, one from the last checkpoint
     * to its turn and one, at most, to the end of a bundle; later only where more is appended than this thread keeps up with.
     */
    boolean askForShown(long size, long nanos) throws InterruptedException {
        askers.incrementAndGet();
        try {
            return awaitShown(size, nanos);
        } finally {
            askers.decrementAndGet();
        }
    }

    boolean hasEnded() {
        return stopping;
    }

    // ---- the thread

    private void run() {
        started = true;
        try {
            while (!stopping) {
                Chains.Snapshot end = last; // before looking at the place: it is final if this is set
                try {
                    Optional<Disk.NoSpace> full = end == null ? noSpare() : Optional.empty();
                    integrate(forced);
                    boolean due = sinceCheckpoint() >= intervalNanos && !bundlesFill();
                    if (edge.size() > shown.size() && (due || end != null || full.isPresent())) {
                        publish();
                    }
                    settleSegments();
                    if (end != null && shown.size() == end.size()) {
                        tidy(end.size());
                        settle(end);
                        break;
                    }
                    if (full.isPresent()) { // what was released may be room enough the next time
                        throw full.get();
                    }
                } catch (Disk.NoSpace e) {
                    // Nothing is lost: the write-ahead files stay, and appends are refused when they run out.
                    LockSupport.parkNanos(this, SPACE_RETRY_NANOS);
                    if (end != null) {
                        break; // closing on a full disk: the next start goes on from here
                    }
                    continue;
                }
                await();
            }
        } catch (IOException | RuntimeException | Error e) {
            onFault.accept(e);
        } finally {
            stopping = true;
            signalShown();
            closeQuietly();
        }
    }

    /**
     * Makes the next write-ahead file first, as whoever comes to need it waits for it. That there is no space for so much keeps nothing else
     * from being done: a checkpoint takes little, and what it catches up with is deleted.
     */
    private Optional<Disk.NoSpace> noSpare() throws IOException {
        try {
            if (!wal.spareReady()) {
                wal.prepareSpare();
            }
            return Optional.empty();
        } catch (Disk.NoSpace e) {
            return Optional.of(e);
        }
    }

    /**
     * Until a checkpoint is due, a bundle's worth of entries has come or a write-ahead file was begun. Nobody sees an entry in the tree before its checkpoint, and to be
     * woken for each group costs the processor as much as the group's integration.
     */
    private void await() {
        boolean idle = edge.size() == shown.size();
        wakeAt = edge.size() + (idle ? 1 : TilePath.FULL - edge.size() % TilePath.FULL);
        sleeping = true; // before looking again: whoever commits after that look sees it and wakes us
        if (forced.size() < wakeAt && wal.spareReady() && last == null && !stopping) {
            if (idle) {
                LockSupport.park(this);
            } else {
                long since = bundlesFill() ? sinceWhole() : sinceCheckpoint();
                LockSupport.parkNanos(this, Math.max(1, intervalNanos - since));
            }
            Thread.interrupted(); // it would close the file at the next read
        }
        sleeping = false;
    }

    private long sinceCheckpoint() {
        return System.nanoTime() - checkpointAt;
    }

    private long sinceWhole() {
        return System.nanoTime() - wholeAt;
    }

    /** Whether bundles fill so fast that a checkpoint can wait for the end of one: it then needs no partial ones, soon deleted again. */
    private boolean bundlesFill() {
        return fillNanos < intervalNanos && sinceWhole() < intervalNanos;
    }

    /** Catches up with {@code to}; also what recovery does, on its own thread before this one starts. */
    void integrate(WalCursor.Place to) throws IOException {
        while (cursor.size() < to.size() && !stopping) {
            try {
                cursor.advance(to, (index, entry) -> {
                    try {
                        if (index >= edge.size()) {
                            add(entry);
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
            } catch (UncheckedIOException e) {
                throw e.getCause();
            }
        }
    }

    /** Adds the next entry; for recovery of a log whose write-ahead files are gone, too. */
    void add(ByteBuffer entry) throws IOException {
        Hash leaf = leaf(entry);
        if (bundled == edge.size()) { // else it comes again, because there was no space for what it made whole
            bundle(entry);
        }
        boolean whole = bundled % TilePath.FULL == 0;
        if (whole) {
            write(
                    new TilePath(TilePath.ENTRIES, edge.size() / TilePath.FULL, TilePath.FULL),
                    bundle.duplicate().flip());
        }
        edge.add(leaf, (tile, hashes) -> write(tile, ByteBuffer.wrap(hashes)));
        if (whole) {
            bundle.clear();
            fillNanos = sinceWhole();
            wholeAt = System.nanoTime();
            boolean patient = bundlesFill() && askers.get() == 0;
            if (started && sinceCheckpoint() >= (patient ? patienceNanos : intervalNanos)) {
                publish();
            }
        }
    }

    private Hash leaf(ByteBuffer entry) {
        Hash known = leaves.find(edge.size());
        if (known != null) {
            return known;
        }
        int length = entry.remaining();
        entry.get(entry.position(), scratch, 0, length);
        return hasher.leaf(scratch, 0, length);
    }

    private void bundle(ByteBuffer entry) {
        int more = Short.BYTES + entry.remaining();
        if (bundle.remaining() < more) {
            bundle = ByteBuffer.allocateDirect(bundle.capacity() * 2).put(bundle.flip());
        }
        bundle.putShort((short) entry.remaining()).put(entry);
        bundled++;
    }

    private void write(TilePath tile, ByteBuffer bytes) throws IOException {
        String path = tile.path();
        String folder = Disk.folderOf(path);
        if (!disk.exists(folder)) {
            disk.createFolders(folder);
        }
        disk.put(path, bytes);
        if (tile.full()) {
            unforced.add(path);
            filled.add(tile.partialsPath());
            for (String above = folder; folders.add(above) && !above.isEmpty(); ) {
                above = Disk.folderOf(above);
            }
        }
    }

    /**
     * Shows what has been integrated. The partial tiles are in place before the checkpoint that needs them is. Older ones stay until the tile
     * is full, for readers that hold an older checkpoint (C2SP tlog-tiles, "Partial Tiles"), or the ledger is closed. A crash in between leaves
     * files too many, which the next start removes.
     */
    void publish() throws IOException {
        var now = new LinkedHashSet<String>();
        for (TilePath tile : edge.partials()) {
            if (tile.level() == 0) {
                var entries = new TilePath(TilePath.ENTRIES, tile.index(), tile.width());
                write(entries, bundle.duplicate().flip());
                now.add(entries.path());
            }
            if (!partials.contains(tile.path())) {
                write(tile, ByteBuffer.wrap(edge.hashes(tile.level())));
            }
            now.add(tile.path());
        }
        var checkpoint = new Checkpoint(key.verifier().name(), edge.size(), edge.root());
        disk.replace(CHECKPOINT, key.sign(checkpoint.text()).bytes());
        // Shown only now, forced under its name: a checkpoint that somebody saw must never be followed by a smaller
        // one.
        shown = checkpoint;
        checkpointAt = System.nanoTime();
        signalShown();
        for (String folder : filled) {
            removeFolder(folder);
        }
        filled.clear();
        partials = now;
    }

    private void signalShown() {
        shownLock.lock();
        try {
            shownChanged.signalAll();
        } finally {
            shownLock.unlock();
        }
    }

    /** Removes a folder of partial tiles, with what a crash may have left in it. */
    private void removeFolder(String folder) throws IOException {
        if (disk.exists(folder)) {
            for (String name : disk.list(folder)) {
                disk.delete(folder + "/" + name);
            }
            disk.delete(folder);
        }
    }

    /** Removes partial tiles, from {@code from} entries on, that do not belong to the checkpoint: a crash can leave them. */
    void tidy(long from) throws IOException {
        for (int level = TilePath.ENTRIES; level <= TilePath.MAX_LEVEL; level++) {
            long last = TilePath.count(level, edge.size()) / TilePath.FULL;
            for (long index = TilePath.count(level, from) / TilePath.FULL; index <= last; index++) {
                String folder = new TilePath(level, index, TilePath.FULL).partialsPath();
                for (String name : disk.list(folder)) {
                    if (!partials.contains(folder + "/" + name)) {
                        disk.delete(folder + "/" + name);
                    }
                }
                if (disk.exists(folder) && disk.list(folder).isEmpty()) {
                    disk.delete(folder);
                }
            }
        }
    }

    /** Once for all that a checkpoint has caught up with: what is settled for the newest is settled for the ones before. */
    private void settleSegments() throws IOException {
        boundariesLock.lock();
        try {
            for (Boundary next = boundaries.peek();
                    next != null && next.chains().size() <= shown.size();
                    next = boundaries.peek()) {
                boundaries.remove();
                segments.add(new Segment(next.segment(), next.chains().size()));
                unsettled = next.chains();
            }
        } finally {
            boundariesLock.unlock();
        }
        if (unsettled != null) {
            settle(unsettled);
            unsettled = null; // else there was no space, and it is tried again
        }
    }

    /**
     * Makes everything below the snapshot's last whole bundle independent of the write-ahead files, then deletes those no longer needed.
     * Order: bundles and tiles, their names, the snapshot, and only then the deletions; a crash at any point leaves enough to start from.
     */
    private void settle(Chains.Snapshot chains) throws IOException {
        force(unforced);
        unforced.clear();
        for (String folder : folders) {
            disk.forceFolder(folder);
        }
        folders.clear();
        disk.replace(CHAINS, Chains.encode(chains));
        long safe = chains.size() - chains.size() % TilePath.FULL;
        while (segments.size() > 1) {
            Segment oldest = segments.remove();
            if (segments.element().first() > safe) {
                segments.addFirst(oldest);
                return;
            }
            disk.delete(WalFormat.segmentPath(oldest.number()));
            disk.forceFolder("wal"); // or a power loss could keep this name and lose a later one: a hole in the middle
        }
    }

    private void force(List<String> paths) throws IOException {
        try (var sideBySide = Executors.newFixedThreadPool(FORCES_AT_ONCE)) {
            CompletableFuture.allOf(paths.stream()
                            .map(path -> CompletableFuture.runAsync(() -> force(path), sideBySide))
                            .toArray(CompletableFuture<?>[]::new))
                    .join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException failed) {
                throw failed.getCause();
            }
            throw e;
        }
    }

    private void force(String path) {
        try (Disk.Handle file = disk.open(path)) {
            file.force();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void closeQuietly() {
        try {
            cursor.close();
        } catch (IOException e) {
            onFault.accept(e);
        }
    }
}

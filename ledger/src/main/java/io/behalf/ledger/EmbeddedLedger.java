package io.behalf.ledger;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.LedgerFault.Code;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * The ledger in one process and one folder: a {@link Sequencer} that makes records durable and an {@link Integrator} that makes them
 * provable. Who can write the folder can destroy it, and with {@code keys/} can rewrite it: pin files and whoever kept a checkpoint notice.
 */
public final class EmbeddedLedger implements Ledger {
    /** How long closing waits for the disk, each thread. */
    private static final long CLOSE_MILLIS = 30_000;

    private static final Duration PIN_INTERVAL = Duration.ofSeconds(10);

    /** How long a record of a task that was let go waits for the index, which after a start has some way to go. */
    private static final Duration HEAD_WAIT = Duration.ofSeconds(4);

    private final LedgerSettings settings;
    private final DataLock lock;
    private final SignerKey key;
    private final Sequencer sequencer;
    private final Integrator integrator;
    private final LedgerReader reader;
    private final LedgerIndex index;
    private final Optional<PinFile> pin;
    private final HeadSearch letGo;
    private final ExecutorService own;
    private final ScheduledExecutorService watchdog;
    private final CompletableFuture<LedgerFault> stopped = new CompletableFuture<>();

    /**
     * Opens a log, making it if it is new: the same way after a clean end and after a crash. Intents whose outcome was lost are closed by
     * {@code unknown} records before it returns.
     *
     * @throws LedgerFault if it must not be served from, with what is wrong and what to do
     */
    public static EmbeddedLedger open(LedgerSettings settings) {
        return open(settings, FileDisk::new);
    }

    /** @param disks the disk below a folder: the log's, the index's, and the one that the pin file is in */
    static EmbeddedLedger open(LedgerSettings settings, Function<Path, Disk> disks) {
        try {
            DataLock lock = DataLock.acquire(settings.data());
            try {
                return new EmbeddedLedger(settings, disks, lock);
            } catch (IOException | RuntimeException | Error e) {
                lock.close();
                throw e;
            }
        } catch (UncheckedIOException e) {
            throw unreadable(settings, Objects.requireNonNull(e.getCause())); // it has always one
        } catch (IOException e) {
            throw unreadable(settings, e);
        }
    }

    private EmbeddedLedger(LedgerSettings settings, Function<Path, Disk> disks, DataLock lock) throws IOException {
        this.settings = settings;
        this.lock = lock;
        Disk disk = disks.apply(settings.directory());
        disk.createFolders("wal");
        disk.forceFolder("");
        key = LogKey.open(settings, disk);
        pin = settings.pin().map(file -> new PinFile(file, disks));
        reader = LedgerReader.ofOwn(settings.directory());

        var recovery = new Recovery(settings, disk);
        Recovery.Found found = recovery.read(key);
        check(found);
        if (found.torn().isPresent()) {
            recovery.mend(found.torn().get());
        }
        List<Chains.Open> open = found.chains().open();
        var wal = new Wal(
                disk,
                settings.segmentBytes(),
                found.end().segment(),
                found.end().end());
        integrator = new Integrator(
                disk,
                wal,
                key,
                new WalCursor(disk, found.start()),
                recovery.edge(found.whole()),
                found.end(),
                found.shown(),
                found.segments(),
                settings,
                this::stop);
        catchUp(found);
        own = Executors.newVirtualThreadPerTaskExecutor();
        Path indexed = settings.indexDirectory();
        index = LedgerIndex.open(indexed, disks.apply(indexed), reader, new Following(integrator));
        letGo = new HeadSearch(new IndexedHeads(index, reader, found.end().size()), settings);
        sequencer =
                new Sequencer(settings, wal, found.chains(), found.end().size(), integrator, letGo, own, this::stopped);
        watchdog = Executors.newSingleThreadScheduledExecutor(task -> Thread.ofPlatform()
                .daemon()
                .name("ledger-watchdog-" + settings.log())
                .unstarted(task));
        integrator.start();
        sequencer.start();
        startWatchdog();
        closeIntents(open);
    }

    /** The log must be the one that its checkpoint and its pin promise; until that is known, nothing of it is changed. */
    private void check(Recovery.Found found) throws IOException {
        Checkpoint shown = found.shown();
        if (!Proofs.root(shown.size(), found.nodes()).equals(shown.root())) {
            throw new LedgerFault(
                    Code.FORKED,
                    "the first " + shown.size() + " entries are not those of the checkpoint: the log was changed;"
                            + " run behalf verify on a copy and restore what it names");
        }
        if (pin.isPresent()) {
            pin.get().check(key.verifier(), found.end().size(), found.nodes());
        }
    }

    /** Integrates what was forced and not yet shown. */
    private void catchUp(Recovery.Found found) throws IOException {
        if (found.segments().isEmpty()) {
            addFromBundles(found.whole(), found.end().size());
        } else {
            integrator.integrate(found.end());
        }
        integrator.publish();
        integrator.tidy(found.whole());
    }

    /** A copy without write-ahead files: its last, partial bundle is all there is. */
    private void addFromBundles(long from, long to) throws IOException {
        if (from < to) {
            for (byte[] entry : reader.entries(from, to)) {
                integrator.add(ByteBuffer.wrap(entry));
            }
        }
    }

    /** What was running when the last process died: nobody will ever say how it ended, and the record says just that. */
    private void closeIntents(List<Chains.Open> open) {
        var closing = new ArrayList<CompletableFuture<Committed>>();
        try {
            for (Chains.Open intent : open) {
                AuditRecord record =
                        RecordDecoder.decode(reader.entry(intent.index())).record();
                closing.add(append(sequencer.unknown(record.header())).toCompletableFuture());
            }
            long last = -1;
            for (CompletableFuture<Committed> unknown : closing) {
                last = Math.max(last, unknown.join().index().orElse(-1));
            }
            // Readers see them from the start; if the tiles take longer, they come all the same.
            awaitIntegrated(last, settings.appendTimeout());
        } catch (Json.Malformed e) {
            close();
            throw new LedgerFault(Code.CORRUPT, "an open intent is no record: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (CompletionException e) {
            close();
            throw new LedgerFault(Code.UNREADABLE, "what was running could not be closed in the log", e.getCause());
        }
    }

    private void startWatchdog() {
        long period = Math.max(10, settings.appendTimeout().toMillis() / 8);
        var _ = watchdog.scheduleAtFixedRate(sequencer::giveUpOverdue, period, period, TimeUnit.MILLISECONDS);
        if (pin.isPresent()) {
            long seconds = PIN_INTERVAL.toSeconds();
            var _ = watchdog.scheduleWithFixedDelay(this::remember, 0, seconds, TimeUnit.SECONDS);
        }
    }

    private void remember() {
        try {
            if (pin.isPresent()) {
                pin.get().remember(key, integrator.shown());
            }
        } catch (IOException e) {
            // The pin is a memory of the past: an older one is still true.
            System.getLogger(EmbeddedLedger.class.getName())
                    .log(System.Logger.Level.WARNING, "the pin file could not be written: {0}", e.getMessage());
        }
    }

    // ---- appending

    @Override
    public CompletionStage<Committed> append(AuditRecord draft, Executor completeOn) {
        return sequencer.append(draft, completeOn);
    }

    @Override
    public CompletionStage<Committed> append(AuditRecord draft) {
        return sequencer.append(draft, own);
    }

    /**
     * Completes when an ordinary record would be taken now, fails with the {@link LedgerFault} that its append would fail with, and does
     * neither while the disk answers nothing. Writes nothing.
     */
    public CompletionStage<Void> ready() {
        return sequencer.ready();
    }

    /**
     * Whether a record is in the log whose append failed: it may have been stored all the same. Blocks.
     *
     * @throws LedgerFault when that cannot be known in this time
     */
    public boolean holds(String recordId, Duration atMost) throws InterruptedException {
        long deadline = System.nanoTime() + atMost.toNanos();
        settled(atMost);
        Duration left = Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
        if (!awaitIntegrated(left) || !index.await(reader.size(), left)) {
            throw new LedgerFault(Code.BUSY, "the index is not there yet");
        }
        return index.lookup(IndexKey.RECORD, recordId).length > 0;
    }

    /** Until everything that was given up is written, or never will be; that there is no room for more does not matter here. */
    private void settled(Duration atMost) throws InterruptedException {
        try {
            ready().handle((ok, noRoom) -> true).toCompletableFuture().get(atMost.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw new LedgerFault(Code.TIMED_OUT, "the disk does not answer", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("its failure was taken for an answer", e);
        }
    }

    /** Completes when the ledger has stopped by itself: the process should end, and recover at its next start. */
    public CompletionStage<LedgerFault> stopped() {
        return stopped.minimalCompletionStage();
    }

    private void stop(Throwable cause) {
        sequencer.stop(cause);
    }

    private void stopped(LedgerFault fault) {
        integrator.stop();
        stopped.complete(fault);
    }

    // ---- reading

    /** Entries and proofs under the last checkpoint. */
    public LedgerReader reader() {
        return reader;
    }

    /** Finds entries by what stands in them. */
    public LedgerIndex index() {
        return index;
    }

    public VerifierKey verifierKey() {
        return key.verifier();
    }

    /** The last checkpoint shown. */
    public Checkpoint checkpoint() {
        return integrator.shown();
    }

    /** Waits until a checkpoint covers the entry at {@code entry}: for those who read what they have just written. */
    public boolean awaitIntegrated(long entry, Duration atMost) throws InterruptedException {
        return integrator.askForShown(entry + 1, atMost.toNanos());
    }

    /** Waits until a checkpoint covers all that is committed by now: for those who read what others have just written. */
    public boolean awaitIntegrated(Duration atMost) throws InterruptedException {
        return integrator.askForShown(integrator.forced(), atMost.toNanos());
    }

    /** Writes, integrates and signs all that was appended, then lets go of the directory. */
    @Override
    public void close() {
        try (lock;
                own) {
            boolean ended = sequencer.close(CLOSE_MILLIS) && integrator.join(CLOSE_MILLIS);
            letGo.close();
            index.close();
            // The watchdog lives as long as appends may hang; and it must be done with the pin file before the last
            // word is written there.
            watchdog.shutdownNow();
            ended &= watchdog.awaitTermination(CLOSE_MILLIS, TimeUnit.MILLISECONDS);
            if (!ended) {
                integrator.stop();
            } else if (!stopped.isDone()) {
                remember();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static LedgerFault unreadable(LedgerSettings settings, IOException e) {
        String what = e instanceof NoSuchFileException
                ? "a file is missing, " + e.getMessage() + ": restore it, or the newest whole copy of the log"
                : "the disk failed, " + e.getMessage() + ": put it right and start again, what is there is recovered";
        return new LedgerFault(Code.UNREADABLE, settings.directory() + ": " + what, e);
    }

    /** The index, where chains that were let go are found again: by the last record that the task has in it. */
    private record IndexedHeads(LedgerIndex index, LedgerReader reader, long sizeAtStart) implements ChainHeads {
        @Override
        public long indexed() {
            return index.caughtUpTo();
        }

        @Override
        public long[] entries(String task) {
            try {
                // What was let go had been indexed; after a restart the index first has to come there again.
                if (!index.await(sizeAtStart, HEAD_WAIT)) {
                    throw new LedgerFault(Code.BUSY, index.behind().orElse("the index is not there yet"));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LedgerFault(Code.BUSY, "interrupted", e);
            }
            return index.lookup(IndexKey.TASK, task);
        }

        @Override
        public Optional<Chains.Head> head(String task, long[] entries) {
            var scan = new RecordScan();
            for (int i = entries.length - 1; i >= 0; i--) {
                byte[] entry = reader.entry(entries[i]);
                if (scan.scan(entry, 0, entry.length) == null && task.equals(scan.chained())) {
                    // Only ended tasks are let go.
                    return Optional.of(new Chains.Head(scan.taskSeq(), new TreeHasher().leaf(entry), entries[i], true));
                }
            }
            return Optional.empty();
        }
    }

    private record Following(Integrator integrator) implements LedgerIndex.Integrated {
        /** Until the index is closed too, nothing more comes. */
        private static final Duration AFTER_THE_END = Duration.ofMillis(5);

        @Override
        public long size() {
            return integrator.shown().size();
        }

        @Override
        public boolean await(long size, long nanos) throws InterruptedException {
            boolean reached = integrator.awaitShown(size, nanos);
            if (!reached && integrator.hasEnded()) {
                Thread.sleep(AFTER_THE_END);
            }
            return reached;
        }
    }
}

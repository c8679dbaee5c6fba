package io.behalf.ledger;

import io.behalf.core.delegation.Ids;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Puts records in order and makes them durable: one thread, one method ({@link #sequenceGroup}). Whatever waits when the last force is
 * over becomes the next group, so that the group grows with the load and nobody waits for company. Callers only queue; they are answered
 * on their own executors.
 */
final class Sequencer {
    /** Most bytes that one force makes durable: beyond, the wait of the first record in the group grows and throughput does not. */
    static final int GROUP_BYTES = 4 << 20;

    /** Room kept for the outcome of each running call. An ordinary one takes a quarter of it. */
    static final int OUTCOME_RESERVE_BYTES = 4 << 10;

    /** What most records are shorter than. */
    private static final int ORDINARY_BYTES = 2 << 10;

    /** On a full disk the next segment is tried again no more often than this. */
    private static final long SPACE_RETRY_NANOS = 1_000_000_000L;

    private final LedgerSettings settings;
    private final Wal wal;
    private final Chains chains;
    private final Integrator integrator;
    private final HeadSearch letGo;
    private final Executor own;
    private final Consumer<LedgerFault> onStop;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();
    private final Thread thread;

    // Shared with callers
    private final ConcurrentLinkedQueue<Pending> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waiting = new AtomicInteger();
    private final Set<Pending> searching = ConcurrentHashMap.newKeySet();
    private final AtomicReference<@Nullable CompletableFuture<Void>> question = new AtomicReference<>();
    private volatile boolean sleeping;
    private volatile boolean closing;
    private volatile @Nullable LedgerFault refusing;
    private volatile List<Pending> inFlight = List.of();

    // The thread's own
    private final ByteBuffer group = ByteBuffer.allocateDirect(GROUP_BYTES);
    private final CanonicalWriter writer = new CanonicalWriter();
    private final TreeHasher hasher = new TreeHasher();
    private final List<Pending> batch = new ArrayList<>();
    private final IdentityHashMap<Executor, List<Pending>> byExecutor = new IdentityHashMap<>();
    private @Nullable Pending held;
    private long size;
    private long noSpaceSince;

    Sequencer(
            LedgerSettings settings,
            Wal wal,
            Chains chains,
            long size,
            Integrator integrator,
            HeadSearch letGo,
            Executor own,
            Consumer<LedgerFault> onStop) {
        this.settings = settings;
        this.wal = wal;
        this.chains = chains;
        this.size = size;
        this.integrator = integrator;
        this.letGo = letGo;
        this.own = own;
        this.onStop = onStop;
        clock = settings.clock();
        noSpaceSince = System.nanoTime() - SPACE_RETRY_NANOS;
        thread = Thread.ofPlatform()
                .daemon()
                .name("ledger-sequencer-" + settings.log())
                .unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    // ---- callers

    CompletionStage<Committed> append(AuditRecord draft, Executor completeOn) {
        LedgerFault no = refusing;
        if (no != null) {
            return CompletableFuture.failedFuture(no);
        }
        if (waiting.incrementAndGet() > settings.queueRecords()) {
            waiting.decrementAndGet();
            return CompletableFuture.failedFuture(tooMany());
        }
        var pending = new Pending(draft, completeOn);
        enqueue(pending);
        return pending.promise;
    }

    private void enqueue(Pending pending) {
        queue.add(pending);
        LedgerFault no = refusing;
        if (no != null) { // the thread may have looked into the queue for the last time before this came
            fail(pending, no);
        } else if (sleeping) {
            LockSupport.unpark(thread);
        }
    }

    /**
     * Completes when an ordinary record would be taken now, fails with what its append would fail with, and does neither while the
     * device answers nothing. Writes nothing. Every record whose append was given up before is then written or never will be.
     */
    CompletionStage<Void> ready() {
        if (waiting.get() >= settings.queueRecords()) {
            return CompletableFuture.failedFuture(tooMany());
        }
        var mine = new CompletableFuture<Void>();
        CompletableFuture<Void> asked = question.compareAndExchange(null, mine);
        if (asked == null) {
            asked = mine;
            if (sleeping) {
                LockSupport.unpark(thread);
            }
        }
        LedgerFault no = refusing;
        if (no != null) { // the thread may have looked for the last time before this came
            asked.completeExceptionally(no);
        }
        return asked;
    }

    // ---- the thread

    private void run() {
        try {
            while (awaitWork()) {
                sequenceGroup();
            }
            refuseFrom(new LedgerFault(LedgerFault.Code.CLOSED, "the ledger is closed"));
            integrator.finish(chains.snapshot(size));
            wal.close();
        } catch (IOException | RuntimeException | Error e) {
            stop(e);
        }
    }

    private boolean awaitWork() {
        while (queue.isEmpty() && held == null && question.get() == null) {
            if (closing) {
                return false;
            }
            sleeping = true; // before looking again: whoever adds after that look sees it and wakes us
            if (queue.isEmpty() && question.get() == null && !closing) {
                LockSupport.park(this);
                Thread.interrupted(); // an interrupt would close the file at the next write
            }
            sleeping = false;
        }
        return true;
    }

    /** Everything that waits, up to the bounds: placed, written, forced once, and only then confirmed. */
    private void sequenceGroup() throws IOException {
        batch.clear();
        group.clear();
        long first = size;
        for (Pending next = next(); next != null; next = next()) {
            if (needsHead(next)) {
                continue;
            }
            if (!next.taken && !next.move(Pending.WAITING, Pending.TAKEN)) {
                continue; // given up while it waited: nothing was written, so it is as if it had never come
            }
            next.taken = true;
            batch.add(next); // before anything can throw: whoever is in the batch is answered
            if (!encode(next)) {
                continue;
            }
            int bytes = WalFormat.entryFrameBytes(writer.length());
            if (!fits(bytes)) {
                if (size > first) {
                    batch.removeLast();
                    held = next; // begins the next group
                    break;
                }
                if (!rotate()) {
                    next.fault = noSpace();
                    continue;
                }
            }
            if (!Drafts.usesReserve(next.draft) && !hasRoom(bytes)) {
                next.fault = noSpace();
                continue;
            }
            place(next);
            if (batch.size() >= settings.groupRecords()) {
                break;
            }
        }
        if (size > first) {
            WalFormat.putCommit(group, wal.segment(), size, wal.position());
            group.flip();
            publishInFlight();
            // Crash before or in this write: recovery finds no commit frame, drops the torn tail; nobody has been told.
            // Crash between write and force, or in it: the group is there whole or not at all; nobody has been told. If
            // it is there, its
            // intents are closed as `unknown`, since none of these calls went on.
            // Write or force fails: nobody knows what is stored, and a second force could claim success over lost
            // pages: stop.
            wal.append(group);
            // Crash from here on: the group is recovered whole; those who were told are right.
            integrator.committed(new WalCursor.Place(size, wal.segment(), wal.position()));
            inFlight = List.of();
            chains.letGo(letGo.indexed());
        }
        handOver();
        answerQuestion();
    }

    /** Between two groups: what was given up by now is written, or not at all. */
    private void answerQuestion() throws IOException {
        if (held != null && held.isGivenUp()) {
            return; // it will be written all the same
        }
        CompletableFuture<Void> asked = question.getAndSet(null);
        if (asked == null) {
            return;
        }
        group.clear();
        batch.clear();
        if (hasRoom(ORDINARY_BYTES)) {
            own.execute(() -> asked.complete(null));
        } else {
            own.execute(() -> asked.completeExceptionally(noSpace()));
        }
    }

    private @Nullable Pending next() {
        Pending next = held;
        if (next != null) {
            held = null;
            return next;
        }
        next = queue.poll();
        if (next != null) {
            waiting.decrementAndGet();
        }
        return next;
    }

    /** A task's chain that was let go is found again on another thread, which a disk may hold: this one never reads one. */
    private boolean needsHead(Pending pending) {
        String task = pending.facts.chained();
        if (task == null || chains.head(task) != null || chains.isComplete()) {
            return false;
        }
        if (pending.searched) {
            pending.found.ifPresent(head -> chains.readmit(task, head));
            return false;
        }
        searching.add(pending);
        letGo.find(task, pending::waits, head -> found(pending, head), fault -> {
            searching.remove(pending);
            fail(pending, fault);
        });
        return true;
    }

    private void found(Pending pending, Optional<Chains.Head> head) {
        pending.found = head;
        pending.searched = true;
        waiting.incrementAndGet();
        enqueue(pending);
        searching.remove(pending);
    }

    /** Leaves the record's bytes in {@link #writer}. A record that cannot be written fails alone, before it has a place. */
    private boolean encode(Pending pending) {
        String task = pending.facts.chained();
        Chains.Head head = task == null ? null : chains.head(task);
        long seq = head == null ? 1 : head.seq() + 1;
        try {
            writer.reset();
            RecordEncoder.encode(
                    Drafts.placed(pending.draft, seq, head != null && head.ended()),
                    seq,
                    head == null ? null : head.leaf().bytes(),
                    writer);
            if (writer.length() <= EntryBundle.MAX_ENTRY_BYTES) {
                return true;
            }
            pending.fault = new LedgerFault(LedgerFault.Code.INVALID, "the record has " + writer.length() + " bytes");
        } catch (RuntimeException e) {
            pending.fault = new LedgerFault(LedgerFault.Code.INVALID, "the record has no canonical form", e);
        }
        return false;
    }

    private boolean fits(int bytes) {
        int begin = wal.atStart() && group.position() == 0 ? WalFormat.BEGIN_BYTES : 0;
        int after = group.position() + begin + bytes + WalFormat.COMMIT_BYTES;
        return after <= Math.min(group.capacity(), wal.remaining());
    }

    /** Before anything of a group is in the buffer. */
    private boolean rotate() throws IOException {
        publishInFlight();
        if (!wal.spareReady() && !makeSpare()) {
            return false;
        }
        wal.rotate();
        integrator.segmentBegan(wal.segment(), chains.snapshot(size));
        return true;
    }

    /**
     * Whether an ordinary record may take these bytes: only while the outcomes of all running calls have room besides. The outcome of
     * what runs, a stop and the end of a task always may.
     */
    private boolean hasRoom(int bytes) throws IOException {
        long needed = group.position()
                + bytes
                + WalFormat.BEGIN_BYTES
                + WalFormat.COMMIT_BYTES
                + (chains.openIntents() + 1L) * OUTCOME_RESERVE_BYTES;
        return wal.room() >= needed || (!wal.spareReady() && makeSpare() && wal.room() >= needed);
    }

    private boolean makeSpare() throws IOException {
        if (System.nanoTime() - noSpaceSince < SPACE_RETRY_NANOS) {
            return false;
        }
        publishInFlight(); // the device may hang here too, and so may whoever makes the file already
        try {
            wal.prepareSpare();
            return true;
        } catch (Disk.NoSpace e) {
            noSpaceSince = System.nanoTime();
            return false;
        }
    }

    private void place(Pending pending) {
        if (wal.atStart() && group.position() == 0) {
            WalFormat.putBegin(group, wal.segment(), size);
        }
        WalFormat.putEntry(group, writer.buffer(), writer.length());
        Hash leaf = hasher.leaf(writer.buffer(), 0, writer.length());
        pending.index = size;
        chains.add(pending.facts, leaf, size);
        integrator.placed(size, leaf);
        size++;
    }

    private void publishInFlight() {
        var flying = new ArrayList<>(batch);
        if (held != null) {
            flying.add(held);
        }
        inFlight = flying;
    }

    /** One task per executor and group; nothing of the callers' runs here. */
    private void handOver() {
        for (Pending pending : batch) {
            if (pending.move(Pending.TAKEN, Pending.ANSWERED)) {
                byExecutor.computeIfAbsent(pending.on, on -> new ArrayList<>()).add(pending);
            } else if (pending.index >= 0 && pending.draft instanceof AuditRecord.Intent intent) {
                // Its caller was told that it failed and sent nothing; then the device did store it. It must not stay
                // open.
                append(unknown(intent.header()), own);
            }
        }
        byExecutor.forEach((on, answered) -> execute(on, () -> answered.forEach(Pending::answer)));
        byExecutor.clear();
    }

    /** What closes an intent whose outcome will not come. */
    AuditRecord.Unknown unknown(AuditRecord.Header intent) {
        return Drafts.unknown(intent, Ids.next("rec", clock.instant(), random), clock.instant(), settings.node());
    }

    private void execute(Executor on, Runnable answers) {
        try {
            on.execute(answers);
        } catch (RejectedExecutionException e) {
            own.execute(answers); // the caller's loop is gone; whoever still holds the stage learns it all the same
        }
    }

    // ---- giving up

    /** Run now and then by the ledger's watchdog: an append that waits too long fails, whatever the device does. */
    void giveUpOverdue() {
        long limit = settings.appendTimeout().toNanos();
        long now = System.nanoTime();
        for (Pending pending : inFlight) {
            if (now - pending.since > limit && pending.move(Pending.TAKEN, Pending.ANSWERED)) {
                timeOut(pending, "the disk has not confirmed the record in time");
            }
        }
        searching.removeIf(pending -> {
            boolean gone = now - pending.since > limit && pending.move(Pending.WAITING, Pending.ANSWERED);
            if (gone) {
                timeOut(pending, "the disk has not shown the end of the task's chain in time");
            }
            return gone;
        });
        for (Pending pending : queue) {
            if (now - pending.since <= limit) {
                return; // queued in order, give or take a moment
            }
            if (pending.move(Pending.WAITING, Pending.ANSWERED)) {
                timeOut(pending, "the record waited too long to be written");
            }
        }
    }

    private void timeOut(Pending pending, String sentence) {
        var fault = new LedgerFault(LedgerFault.Code.TIMED_OUT, sentence);
        execute(pending.on, () -> pending.promise.completeExceptionally(fault));
    }

    private void fail(Pending pending, LedgerFault fault) {
        if (pending.move(Pending.WAITING, Pending.ANSWERED) || pending.move(Pending.TAKEN, Pending.ANSWERED)) {
            execute(pending.on, () -> pending.promise.completeExceptionally(fault));
        }
    }

    private static LedgerFault tooMany() {
        return new LedgerFault(LedgerFault.Code.BUSY, "too many records wait to be written");
    }

    private static LedgerFault noSpace() {
        return new LedgerFault(
                LedgerFault.Code.NO_SPACE, "the disk has room for the outcomes of running calls only: make space");
    }

    /** State unknown after a write: no record is confirmed any more, and none is written. */
    void stop(Throwable cause) {
        var fault = new LedgerFault(
                LedgerFault.Code.STOPPED,
                "the ledger stopped because its disk failed; restart to recover what was stored",
                cause);
        refuseFrom(fault);
        onStop.accept(fault);
    }

    private synchronized void refuseFrom(LedgerFault fault) {
        if (refusing == null) {
            refusing = fault;
        }
        inFlight.forEach(pending -> fail(pending, fault));
        searching.forEach(pending -> fail(pending, fault));
        if (Thread.currentThread().equals(thread)) {
            batch.forEach(pending -> fail(pending, fault));
            if (held != null) {
                fail(held, fault);
            }
        }
        for (Pending pending = queue.poll(); pending != null; pending = queue.poll()) {
            fail(pending, fault);
        }
        CompletableFuture<Void> asked = question.getAndSet(null);
        if (asked != null) {
            asked.completeExceptionally(fault);
        }
    }

    /** Writes what waits and ends. Returns false if the thread does not end in time. */
    boolean close(long millis) throws InterruptedException {
        closing = true;
        LockSupport.unpark(thread);
        thread.join(millis);
        return !thread.isAlive();
    }

    /** One append on its way. */
    private static final class Pending {
        static final int WAITING = 0;
        static final int TAKEN = 1;
        static final int ANSWERED = 2;

        final AuditRecord draft;
        final RecordFacts facts;
        final Executor on;
        final CompletableFuture<Committed> promise = new CompletableFuture<>();
        final long since = System.nanoTime();
        private final AtomicInteger state = new AtomicInteger(WAITING);

        // The sequencer's
        boolean taken;
        long index = -1;

        @Nullable
        LedgerFault fault;

        // Written before it is queued again
        boolean searched;
        Optional<Chains.Head> found = Optional.empty();

        Pending(AuditRecord draft, Executor on) {
            this.draft = draft;
            this.facts = RecordFacts.of(draft);
            this.on = on;
        }

        /** Whoever moves it answers it, or writes it: never both. */
        boolean move(int from, int to) {
            return state.compareAndSet(from, to);
        }

        boolean waits() {
            return state.get() == WAITING;
        }

        boolean isGivenUp() {
            return state.get() == ANSWERED;
        }

        void answer() {
            if (fault == null) {
                promise.complete(new Committed(facts.id(), OptionalLong.of(index)));
            } else {
                promise.completeExceptionally(fault);
            }
        }
    }
}

package io.behalf.ledger;

import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Finds chains that were let go, for a sequencer that never reads a disk. In two steps, each on threads of its own: a disk that hangs in
 * the bundle of one task's last record must not keep the index from saying that another task is new. The threads are none of the virtual
 * ones, because a read that hangs would hold one of the few threads that carry all of those.
 */
final class HeadSearch implements AutoCloseable {
    private static final int LOOKUPS_AT_ONCE = 2;
    private static final int READS_AT_ONCE = 4;

    /** Chains that wait to be read: beyond, the next record of such a task is refused at once. */
    private static final int READS_WAITING = 1_024;

    private final ChainHeads heads;
    private final ExecutorService lookups;
    private final ExecutorService reads;

    HeadSearch(ChainHeads heads, LedgerSettings settings) {
        this.heads = heads;
        lookups = threads("ledger-lookup-" + settings.log() + "-", LOOKUPS_AT_ONCE, settings.queueRecords());
        reads = threads("ledger-read-" + settings.log() + "-", READS_AT_ONCE, READS_WAITING);
    }

    private static ExecutorService threads(String name, int count, int waiting) {
        return new ThreadPoolExecutor(
                count,
                count,
                0,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(waiting),
                Thread.ofPlatform().daemon().name(name, 1).factory());
    }

    /** Entries below this can be found. */
    long indexed() {
        return heads.indexed();
    }

    /**
     * @param wanted asked before each step: once it is not, the search may end without an answer
     * @param found on another thread: the chain's head, if the task has a chain
     * @param failed on this thread or another: it cannot be said
     */
    void find(
            String task, BooleanSupplier wanted, Consumer<Optional<Chains.Head>> found, Consumer<LedgerFault> failed) {
        step(lookups, wanted, failed, () -> {
            long[] entries = heads.entries(task);
            if (entries.length == 0) {
                found.accept(Optional.empty());
            } else {
                step(reads, wanted, failed, () -> found.accept(heads.head(task, entries)));
            }
        });
    }

    private static void step(ExecutorService on, BooleanSupplier wanted, Consumer<LedgerFault> failed, Runnable step) {
        try {
            on.execute(() -> {
                try {
                    if (wanted.getAsBoolean()) {
                        step.run();
                    }
                } catch (RuntimeException e) {
                    failed.accept(new LedgerFault(LedgerFault.Code.UNREADABLE, "the task's chain cannot be found", e));
                }
            });
        } catch (RejectedExecutionException e) {
            failed.accept(new LedgerFault(LedgerFault.Code.BUSY, "too many tasks' chains wait to be found", e));
        }
    }

    /** Waits for nobody: a thread that hangs in a read holds nothing. */
    @Override
    public void close() {
        lookups.shutdownNow();
        reads.shutdownNow();
    }
}

package io.behalf.gateway;

import io.behalf.core.record.AuditRecord;
import io.behalf.ledger.Committed;
import io.behalf.ledger.Ledger;
import io.behalf.ledger.LedgerFault;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Predicate;

/** A ledger in memory that can be told to fail, or to keep a record waiting. Thread-safe. */
final class RecordingLedger implements Ledger {
    private final List<AuditRecord> records = new ArrayList<>();
    private final List<Runnable> held = new ArrayList<>();
    private Predicate<AuditRecord> failing = _ -> false;
    private Predicate<AuditRecord> holding = _ -> false;

    synchronized void failOn(Predicate<AuditRecord> which) {
        failing = which;
    }

    synchronized void holdOn(Predicate<AuditRecord> which) {
        holding = which;
    }

    /** Makes durable what waited. */
    synchronized void letGo() {
        holding = _ -> false;
        held.forEach(Runnable::run);
        held.clear();
    }

    synchronized int waiting() {
        return held.size();
    }

    synchronized List<AuditRecord> records() {
        return List.copyOf(records);
    }

    @Override
    public synchronized CompletionStage<Committed> append(AuditRecord draft, Executor completeOn) {
        CompletableFuture<Committed> done = new CompletableFuture<>();
        if (failing.test(draft)) {
            completeOn.execute(() -> done.completeExceptionally(new LedgerFault(LedgerFault.Code.NO_SPACE, "full")));
            return done;
        }
        Runnable commit = () -> {
            records.add(draft);
            long index = records.size() - 1L;
            completeOn.execute(() -> done.complete(new Committed(draft.header().id(), OptionalLong.of(index))));
        };
        if (holding.test(draft)) {
            held.add(commit);
        } else {
            commit.run();
        }
        return done;
    }

    @Override
    public CompletionStage<Committed> append(AuditRecord draft) {
        return append(draft, Runnable::run);
    }

    @Override
    public void close() {}
}

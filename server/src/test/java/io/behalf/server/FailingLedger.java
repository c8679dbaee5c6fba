package io.behalf.server;

import io.behalf.core.record.AuditRecord;
import io.behalf.ledger.Committed;
import io.behalf.ledger.Ledger;
import io.behalf.ledger.LedgerFault;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;

/** A ledger whose appends fail, or hang, when a test says so. */
final class FailingLedger implements Ledger {
    private final Ledger ledger;
    private volatile boolean failing;
    private volatile CompletableFuture<Void> gate = CompletableFuture.completedFuture(null);

    FailingLedger(Ledger ledger) {
        this.ledger = ledger;
    }

    void fail(boolean fails) {
        failing = fails;
    }

    /** Appends from now on wait for the future that is returned. */
    CompletableFuture<Void> hang() {
        gate = new CompletableFuture<>();
        return gate;
    }

    @Override
    public CompletionStage<Committed> append(AuditRecord draft) {
        return gate.thenCompose(_ -> failing
                ? CompletableFuture.failedFuture(
                        new LedgerFault(LedgerFault.Code.NO_SPACE, "the disk has no room, says the test"))
                : ledger.append(draft));
    }

    @Override
    public CompletionStage<Committed> append(AuditRecord draft, Executor completeOn) {
        return append(draft);
    }

    @Override
    public void close() {
        ledger.close();
    }
}

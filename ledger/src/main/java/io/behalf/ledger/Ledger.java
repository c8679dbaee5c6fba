package io.behalf.ledger;

import io.behalf.core.record.AuditRecord;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;

/** Where records become durable: the edge that the embedded engine and distributed ones share. Thread-safe. */
public interface Ledger extends AutoCloseable {
    /**
     * Appends a record. The ledger gives it its index and its place in its task's chain, sets {@code late} on what follows the task's
     * {@code ended}, and writes {@code data.records} of {@code ended} itself, because only its writer knows them.
     *
     * @param completeOn where the stage completes: all completions of one executor and one group are one task on it, so that an event
     *     loop is woken once. Never run by the writer's thread itself
     * @return completes exceptionally with a {@link LedgerFault}: then nothing may be forwarded or finished
     */
    CompletionStage<Committed> append(AuditRecord draft, Executor completeOn);

    /** As above, completed on a thread of the ledger's own: for callers that block. */
    CompletionStage<Committed> append(AuditRecord draft);

    @Override
    void close();
}

package io.behalf.authority;

import io.behalf.core.record.AuditRecord;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * The ledger, as far as the authority needs it: where its changes become durable, and what it is brought up to at start.
 */
public interface Records {
    /**
     * Completes when the record is committed; exceptionally when it is not known to be, and then nothing that rests on
     * it may be answered.
     */
    CompletionStage<?> append(AuditRecord record);

    /**
     * Whether a record is in the ledger whose append failed before: asked before it is appended again, so that it is there
     * once.
     *
     * @throws RuntimeException when it cannot be known yet
     */
    boolean has(AuditRecord record);

    /** Every lifecycle record from the ledger's beginning, in order. Called once, before anything is served. */
    void lifecycle(Consumer<AuditRecord.Lifecycle> each);
}

package io.behalf.server;

import io.behalf.authority.Records;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerReader;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** The ledger as the authority sees it. */
record LedgerRecords(EmbeddedLedger ledger) implements Records {
    @Override
    public CompletionStage<?> append(AuditRecord record) {
        return ledger.append(record);
    }

    @Override
    public void lifecycle(Consumer<AuditRecord.Lifecycle> each) {
        LedgerReader reader = ledger.reader();
        reader.visit(0, reader.size(), (index, bundle, offset, length) -> {
            try {
                var stored = RecordDecoder.decode(Arrays.copyOfRange(bundle, offset, offset + length));
                if (stored.record() instanceof AuditRecord.Lifecycle change) {
                    each.accept(change);
                }
            } catch (Json.Malformed e) {
                // written by this ledger, so either the disk or somebody changed it: nothing may be served on top
                throw new IllegalStateException("entry " + index + " of the ledger is no record", e);
            }
        });
    }
}

package io.behalf.server;

import io.behalf.authority.Records;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** The ledger as the authority sees it. */
record LedgerRecords(EmbeddedLedger ledger) implements Records {
    private static final Duration LOOKS_WITHIN = Duration.ofSeconds(2);

    /** What is done with a record, at its place in the ledger. */
    @FunctionalInterface
    interface Each<R extends AuditRecord> {
        void record(long index, R record);
    }

    @Override
    public CompletionStage<?> append(AuditRecord record) {
        return ledger.append(record);
    }

    @Override
    public boolean has(AuditRecord record) {
        try {
            return ledger.holds(record.header().id(), LOOKS_WITHIN);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public void lifecycle(Consumer<AuditRecord.Lifecycle> each) {
        visit(ledger.reader(), "lifecycle", AuditRecord.Lifecycle.class, (_, record) -> each.accept(record));
    }

    /** All records of one kind, in order. Others are passed over without being parsed, or each start would take long. */
    static <R extends AuditRecord> void visit(LedgerReader reader, String kind, Class<R> type, Each<R> each) {
        // Entries are RFC 8785, and a quotation mark within a string is escaped there: what holds these bytes may be of
        // this kind, what does not hold them is not.
        byte[] member = ("\"kind\":\"" + kind + "\"").getBytes(StandardCharsets.UTF_8);
        reader.visit(0, reader.size(), (index, bundle, offset, length) -> {
            if (contains(bundle, offset, length, member)) {
                AuditRecord record = decode(index, Arrays.copyOfRange(bundle, offset, offset + length));
                if (type.isInstance(record)) {
                    each.record(index, type.cast(record));
                }
            }
        });
    }

    static AuditRecord decode(long index, byte[] entry) {
        try {
            return RecordDecoder.decode(entry).record();
        } catch (Json.Malformed e) {
            // written by this ledger, so either the disk or somebody changed it: nothing may be served on top
            throw new IllegalStateException("entry " + index + " of the ledger is no record", e);
        }
    }

    private static boolean contains(byte[] bytes, int offset, int length, byte[] wanted) {
        int last = offset + length - wanted.length;
        for (int at = offset; at <= last; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return true;
            }
        }
        return false;
    }
}

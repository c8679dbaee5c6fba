package io.behalf.core.record;

import java.util.Optional;

/**
 * A record as the ledger holds it.
 *
 * @param taskSeq place in its task's chain from 1; 0 where it stands in none
 * @param prev lower-case hex leaf hash of the task's previous record; empty at 1 and where it stands in no chain
 */
public record StoredRecord(AuditRecord record, long taskSeq, Optional<String> prev) {}

package io.behalf.server.kill;

import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.core.record.AuditRecord.Unknown;
import io.behalf.core.record.RecordDecoder;
import io.behalf.ledger.LedgerReader;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the ledger says, read entry by entry from where it was left: an entry that was read once cannot change unnoticed,
 * as {@code verify} holds every later checkpoint against the earlier one.
 */
final class LedgerFacts {
    private final Map<String, String> kinds = new HashMap<>();
    /** By the intent; empty where the outcome was lost in a crash. */
    private final Map<String, Optional<End>> ends = new HashMap<>();

    private final Set<String> open = new LinkedHashSet<>();
    private final Set<String> endedTwice = new LinkedHashSet<>();
    private final Set<String> traces = new HashSet<>();
    private final Set<String> tokens = new HashSet<>();
    private final Set<String> stopped = new HashSet<>();
    private final Set<String> logouts = new HashSet<>();
    private long next;
    private long unknown;

    /** Reads what has come under a checkpoint since. */
    void readOn(LedgerReader reader) throws Json.Malformed {
        for (byte[] entry : read(reader)) {
            add(RecordDecoder.decode(entry).record());
            next++;
        }
    }

    private List<byte[]> read(LedgerReader reader) {
        long size = reader.size();
        return size < next ? List.of() : reader.entries(next, size); // that it is shorter is for verify to find
    }

    void add(AuditRecord record) {
        String id = record.header().id();
        kinds.put(id, record.kind());
        if (record instanceof Intent) {
            open.add(id);
            record.header().trace().ifPresent(trace -> traces.add(trace.traceId()));
        } else if (record instanceof Outcome outcome) {
            end(outcome.of(), Optional.of(outcome.outcome().end()));
        } else if (record instanceof Unknown lost) {
            unknown++;
            end(lost.of(), Optional.empty());
        } else if (record instanceof Lifecycle change) {
            add(change);
        }
    }

    private void end(String intent, Optional<End> end) {
        open.remove(intent);
        if (ends.put(intent, end) != null) {
            endedTwice.add(intent);
        }
    }

    private void add(Lifecycle change) {
        change.header().delegation().ifPresent(held -> tokens.add(held.jti()));
        change.header().task().ifPresent(task -> {
            if (change.event() == Event.REVOKED) {
                stopped.add(task.value());
            } else if (change.event() == Event.LOGOUT_SEEN) {
                logouts.add(task.value() + " " + change.data().get("token_sha256"));
            }
        });
    }

    /** Empty for a record that the ledger does not have. */
    Optional<String> kind(String record) {
        return Optional.ofNullable(kinds.get(record));
    }

    /** How a call ended; empty where nobody knows. */
    Optional<End> end(String intent) {
        return ends.getOrDefault(intent, Optional.empty());
    }

    /** Intents without an end. */
    List<String> open() {
        return List.copyOf(open);
    }

    List<String> endedTwice() {
        return List.copyOf(endedTwice);
    }

    boolean hasIntentOfTrace(String trace) {
        return traces.contains(trace);
    }

    boolean hasToken(String jti) {
        return tokens.contains(jti);
    }

    boolean isStopped(String task) {
        return stopped.contains(task);
    }

    boolean hasLogout(String task, String tokenSha256) {
        return logouts.contains(task + " " + tokenSha256);
    }

    /** How many calls there are whose end was lost in a crash. */
    long unknown() {
        return unknown;
    }
}

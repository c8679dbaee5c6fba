package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Two stores, one order. A change is (1) written to the store as pending, together with the bytes of its record;
 * (2) appended to the ledger; (3) marked effective; (4) answered. What a crash leaves behind:
 *
 * <ul>
 *   <li>before 1: nothing;
 *   <li>between 1 and 2: a pending row whose record the ledger lacks: appended at the next start. Nobody was answered, so
 *       a task or token that becomes effective this way is held by nobody;
 *   <li>between 2 and 3: a pending row whose record the ledger has: marked effective at the next start;
 *   <li>between 3 and 4: the caller asks again.
 * </ul>
 *
 * A stop is in force before 1, and goes to the ledger also while the store has no room ({@link OwedStops}): then the ledger
 * alone has it, and the next start takes it from there.
 *
 * A store that knows an effective change which the ledger lacks is ahead of it: the ledger was cut or exchanged, and
 * nothing is served. A ledger that knows changes which the store lacks is ahead: the store was restored from a backup, is
 * brought up to the ledger's stops, and every renewal token of before is void.
 */
final class Changes {
    /** Longest wait for the ledger. */
    static final Duration APPEND_WAIT = Duration.ofSeconds(10);

    /** How many of the newest effective changes must be in the ledger at start; older ones may have been pruned. */
    private static final int COMPARED = 256;

    /** Events of which the store must know. Others are written by other parts. */
    private static final Set<Event> OWN = Set.of(
            Event.APPROVED, Event.ISSUED, Event.RENEWED, Event.EXTENDED, Event.NARROWED, Event.REVOKED, Event.ENDED);

    private final Store store;
    private final Records records;
    private final TaskTable tasks;
    private final RenewalTable renewals;

    Changes(Store store, Records records, TaskTable tasks, RenewalTable renewals) {
        this.store = store;
        this.records = records;
        this.tasks = tasks;
        this.renewals = renewals;
    }

    /**
     * Carries out one change in the order above.
     *
     * @param rows writes the store's side in the same transaction; a "no" means that it wrote nothing
     * @throws Unrecorded when the ledger does not have the records; the change stays pending
     */
    <T> Answer<T> commit(List<Lifecycle> changes, Function<Handle, Answer<T>> rows) {
        return commit(changes, rows, sql -> {});
    }

    /** @param answering written with step 3: after a crash before that, it is known that nobody was answered */
    <T> Answer<T> commit(List<Lifecycle> changes, Function<Handle, Answer<T>> rows, Consumer<Handle> answering) {
        Answer<T> answer = store.transaction(sql -> {
            Answer<T> did = rows.apply(sql);
            if (did instanceof Answer.Ok<T>) {
                changes.forEach(change -> insertPending(sql, change));
            }
            return did;
        });
        if (answer instanceof Answer.Ok<T>) {
            append(changes);
            store.transaction(sql -> {
                changes.forEach(change -> effective(sql, change));
                answering.accept(sql);
                return true;
            });
        }
        return answer;
    }

    // ---- the steps, for stops, which take each as soon as it can be taken

    /** Step 1 of stops that are in force already. It may run twice. */
    void store(List<StopRow> stops, List<Lifecycle> changes) {
        store.transaction(sql -> {
            stops.forEach(row -> stop(sql, row));
            changes.forEach(change -> insertPending(sql, change));
            return true;
        });
    }

    /** Step 2: appends in order and waits for all. */
    void append(List<Lifecycle> changes) {
        List<CompletableFuture<?>> appended = new ArrayList<>();
        for (Lifecycle change : changes) {
            appended.add(records.append(change).toCompletableFuture());
        }
        try {
            CompletableFuture.allOf(appended.toArray(CompletableFuture[]::new))
                    .get(APPEND_WAIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new Unrecorded(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unrecorded(e);
        }
    }

    /** Of a change whose append failed: it may have been stored all the same. */
    boolean recorded(Lifecycle change) {
        return records.has(change);
    }

    /** Step 3. */
    void settle(List<Lifecycle> changes) {
        store.transaction(sql -> {
            changes.forEach(change -> effective(sql, change));
            return true;
        });
    }

    /** Brings both stores to the same point. Nothing is served before this returns. */
    void recover(Instant now) {
        Set<String> known = store.transaction(sql -> Set.copyOf(sql.createQuery("select record_id from change")
                .mapTo(String.class)
                .list()));
        Set<String> inLedger = new HashSet<>();
        List<Lifecycle> missed = new ArrayList<>();
        records.lifecycle(record -> {
            inLedger.add(record.header().id());
            if (OWN.contains(record.event()) && !known.contains(record.header().id())) {
                missed.add(record);
            }
        });
        refuseStoreAhead(inLedger);
        for (Lifecycle pending : pending()) {
            if (!inLedger.contains(pending.header().id())) {
                append(List.of(pending));
            }
            settle(List.of(pending));
        }
        if (!missed.isEmpty()) {
            store.transaction(sql -> {
                missed.forEach(record -> {
                    insertPending(sql, record);
                    effective(sql, record);
                });
                if (!missed.stream().allMatch(Changes::isStop)) {
                    renewals.removeAll(sql);
                }
                return true;
            });
        }
    }

    /**
     * A stop can be in the ledger alone because the store had no room for it. It also says all that became of the renewal
     * tokens which it concerns; only other changes that were missed leave open which one of a family is the newest.
     */
    private static boolean isStop(Lifecycle record) {
        return record.event() == Event.REVOKED || record.event() == Event.ENDED;
    }

    private void refuseStoreAhead(Set<String> inLedger) {
        List<String> newest = store.transaction(sql -> sql.createQuery(
                        "select record_id from change where state = 'effective' order by seq desc limit " + COMPARED)
                .mapTo(String.class)
                .list());
        for (String id : newest) {
            if (!inLedger.contains(id)) {
                throw new StoreFault(
                        "the store knows a change that the ledger does not have (" + id
                                + "): the ledger was cut or exchanged. Restore the ledger that belongs to this store.",
                        null);
            }
        }
    }

    private List<Lifecycle> pending() {
        List<byte[]> rows = store.transaction(
                sql -> sql.createQuery("select record from change where state = 'pending' order by seq")
                        .mapTo(byte[].class)
                        .list());
        List<Lifecycle> out = new ArrayList<>();
        for (byte[] row : rows) {
            try {
                if (RecordDecoder.decode(row).record() instanceof Lifecycle change) {
                    out.add(change);
                }
            } catch (Json.Malformed e) {
                throw new StoreFault("a pending change of the store is not a record", e);
            }
        }
        return out;
    }

    private static void insertPending(Handle sql, Lifecycle change) {
        CanonicalWriter bytes = new CanonicalWriter();
        RecordEncoder.encode(change, 1, null, bytes); // its place in the chain is the ledger's to give
        sql.createUpdate("insert into change (record_id, task_id, state, record) values (?, ?, 'pending', ?)"
                        + " on conflict (record_id) do nothing")
                .bind(0, change.header().id())
                .bind(1, change.header().task().map(TaskId::value).orElse(null))
                .bind(2, bytes.toByteArray())
                .execute();
    }

    /** The same on the normal way, after a crash, and for a record that only the ledger had: each step may run twice. */
    private void effective(Handle sql, Lifecycle change) {
        sql.createUpdate("update change set state = 'effective', record = null where record_id = ?")
                .bind(0, change.header().id())
                .execute();
        Optional<TaskId> task = change.header().task();
        switch (change.event()) {
            case APPROVED, ISSUED -> task.ifPresent(id -> tasks.activate(sql, id));
            case REVOKED ->
                task.ifPresent(
                        id -> revoked(sql, id, change.data(), change.header().time()));
            case ENDED -> task.ifPresent(id -> tasks.end(sql, id));
            case RENEWED, EXTENDED, NARROWED -> {} // nothing beyond the rows written with it
            case LOGOUT_SEEN, ERASED, OPENED, POLICY, KEY, CONFIGURATION, TOOL, REVIEWED -> {}
            case LOOKED_UP, PRUNED, REFUSALS_SUMMARIZED -> {}
        }
    }

    private void revoked(Handle sql, TaskId task, Map<String, @Nullable Object> data, Instant at) {
        StopRow.of(task, data, at).ifPresent(row -> stop(sql, row));
    }

    private void stop(Handle sql, StopRow row) {
        row.insert(sql);
        switch (row.kind()) {
            case TASK -> {
                TaskId task = new TaskId(row.value());
                tasks.stop(sql, task, row.reason());
                renewals.voidTask(sql, task);
            }
            case AGENT -> renewals.removeBranch(sql, new TaskId(row.task()), row.agent(), row.at());
            case TOKEN -> {}
        }
    }

    /** The ledger could not take the record, so that nothing may be answered that rests on it. */
    static final class Unrecorded extends RuntimeException {
        private static final long serialVersionUID = 1;

        Unrecorded(Throwable cause) {
            super("the change is not recorded: " + innermost(cause), cause);
        }
    }

    /** For the operator's log, which has one line of this and no trace, and nothing of what was to be written. */
    static String innermost(Throwable fault) {
        Throwable at = fault;
        while (at.getCause() != null) {
            at = at.getCause();
        }
        return at.getMessage() == null ? at.getClass().getSimpleName() : at.getMessage();
    }
}

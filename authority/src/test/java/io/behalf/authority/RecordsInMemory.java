package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/** A ledger that keeps records in a list, and can be away. */
final class RecordsInMemory implements Records {
    private final List<Lifecycle> all = new ArrayList<>();
    private boolean away;
    private boolean forgetful;

    /** From now on nothing is taken. */
    synchronized void goAway() {
        away = true;
    }

    /** From now on records are kept, but whoever appended them is not told: as in a crash between ledger and store. */
    synchronized void keepButFail() {
        forgetful = true;
    }

    synchronized void comeBack() {
        away = false;
        forgetful = false;
    }

    /** As if the ledger had been cut back to its first {@code size} records. */
    synchronized void cutTo(int size) {
        all.subList(size, all.size()).clear();
    }

    @Override
    public synchronized CompletionStage<?> append(AuditRecord record) {
        if (away) {
            return CompletableFuture.failedFuture(new IllegalStateException("the ledger is away"));
        }
        all.add((Lifecycle) record);
        return forgetful
                ? CompletableFuture.failedFuture(new IllegalStateException("crashed"))
                : CompletableFuture.completedFuture(record);
    }

    @Override
    public synchronized boolean has(AuditRecord record) {
        if (away) {
            throw new IllegalStateException("the ledger is away");
        }
        return all.stream()
                .anyMatch(each -> each.header().id().equals(record.header().id()));
    }

    @Override
    public synchronized void lifecycle(Consumer<Lifecycle> each) {
        List.copyOf(all).forEach(each);
    }

    synchronized List<Lifecycle> of(String task) {
        return all.stream()
                .filter(record -> record.header().task().equals(Optional.of(new TaskId(task))))
                .toList();
    }

    synchronized List<Event> events(String task) {
        return of(task).stream().map(Lifecycle::event).toList();
    }

    synchronized int size() {
        return all.size();
    }
}

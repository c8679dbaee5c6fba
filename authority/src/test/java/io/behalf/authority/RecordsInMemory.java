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
    private CompletableFuture<Void> slow = CompletableFuture.completedFuture(null);
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

    /** From now on records are kept, and whoever appended them is told when the future that is returned completes. */
    synchronized CompletableFuture<Void> beSlow() {
        slow = new CompletableFuture<>();
        return slow;
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
                : slow.thenApply(done -> record);
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

    /** The one that was spoken of last. */
    synchronized String lastTask() {
        return all.getLast().header().task().orElseThrow().value();
    }

    synchronized int size() {
        return all.size();
    }
}

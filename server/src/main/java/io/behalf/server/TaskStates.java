package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.TaskId;
import io.behalf.gateway.TaskState;
import io.behalf.gateway.Tasks;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The running state of the tasks that call here, opened from the authority's store and written back now and then. A task
 * has one object as long as anybody holds it, because two would each allow the whole limit. Thread-safe.
 */
final class TaskStates implements Tasks, AutoCloseable {
    /** How often totals are kept, so that limits outlive a crash up to this much. */
    static final Duration KEEP = Duration.ofSeconds(1);
    /** States in memory; beyond it, idle ones are let go. */
    static final int RESIDENT = 100_000;

    private static final Logger LOG = System.getLogger(TaskStates.class.getName());

    private final Authority authority;
    private final int most;
    private final ConcurrentMap<TaskId, TaskState> resident = new ConcurrentHashMap<>();
    /** Also those that were let go while a request that had not yet been counted as a call held them. */
    private final ConcurrentMap<TaskId, WeakReference<TaskState>> alive = new ConcurrentHashMap<>();

    private final ConcurrentMap<TaskId, CompletableFuture<Checked<TaskState>>> opening = new ConcurrentHashMap<>();
    private final Map<TaskId, io.behalf.authority.Tasks.Used> kept = new HashMap<>();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final ScheduledExecutorService keeper;
    private final ScheduledFuture<?> keeping;

    TaskStates(Authority authority) {
        this(authority, RESIDENT);
    }

    TaskStates(Authority authority, int most) {
        this.authority = authority;
        this.most = most;
        this.keeper = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("task-totals").factory());
        this.keeping = keeper.scheduleWithFixedDelay(
                this::keepQuietly, KEEP.toMillis(), KEEP.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public @Nullable TaskState resident(TaskId id) {
        return resident.get(id);
    }

    @Override
    public CompletionStage<Checked<TaskState>> open(Delegation delegation) {
        TaskId id = delegation.taskId();
        var promise = new CompletableFuture<Checked<TaskState>>();
        CompletableFuture<Checked<TaskState>> first = opening.putIfAbsent(id, promise);
        if (first != null) {
            return first;
        }
        try {
            var _ = CompletableFuture.supplyAsync(() -> load(id), threads).whenComplete((state, fault) -> {
                opening.remove(id, promise); // a fault is not remembered: the next call asks again
                if (fault == null) {
                    promise.complete(state);
                } else {
                    promise.completeExceptionally(fault);
                }
            });
        } catch (RejectedExecutionException closed) {
            opening.remove(id, promise);
            promise.completeExceptionally(closed);
        }
        return promise;
    }

    private Checked<TaskState> load(TaskId id) {
        TaskState known = alive(id);
        if (known != null) {
            resident.put(id, known);
            return Checked.passed(known);
        }
        return authority.tasks().open(id).then(opened -> {
            var state = new TaskState(
                    id,
                    opened.key(),
                    opened.limits(),
                    opened.used().calls(),
                    opened.used().tokens());
            alive.put(id, new WeakReference<>(state));
            resident.put(id, state);
            return Checked.passed(state);
        });
    }

    private @Nullable TaskState alive(TaskId id) {
        WeakReference<TaskState> reference = alive.get(id);
        return reference == null ? null : reference.get();
    }

    /**
     * Lets go of a task that was stopped or has ended as a whole; the store says so already, so that it is not opened
     * again. Its calls that still run hold their own reference. Does not block.
     */
    void over(TaskId id) {
        CompletableFuture<Checked<TaskState>> late = opening.get(id);
        forget(id);
        if (late != null) { // it may have asked the store before the stop was there
            var _ = late.whenComplete((_, _) -> forget(id));
        }
    }

    private void forget(TaskId id) {
        resident.remove(id);
        alive.remove(id);
    }

    private void keepQuietly() {
        try {
            keep();
        } catch (RuntimeException e) {
            LOG.log(Level.WARNING, "totals of tasks could not be kept; they will be tried again", e);
        }
    }

    /** Writes what has changed since it was last written, then lets go of what is too much. */
    synchronized void keep() {
        Map<TaskId, io.behalf.authority.Tasks.Used> changed = new HashMap<>();
        alive.forEach((id, reference) -> {
            TaskState state = reference.get();
            if (state == null) {
                alive.remove(id, reference);
            } else if (!used(state).equals(kept.get(id))) {
                changed.put(id, used(state));
            }
        });
        if (!changed.isEmpty()) {
            authority.tasks().used(changed);
            kept.putAll(changed);
        }
        letGo();
        kept.keySet().retainAll(alive.keySet());
    }

    private void letGo() {
        Iterator<TaskState> states = resident.values().iterator();
        for (int over = resident.size() - most; over > 0 && states.hasNext(); ) {
            TaskState state = states.next();
            if (state.idle() && used(state).equals(kept.get(state.id()))) {
                states.remove();
                over--;
            }
        }
    }

    private static io.behalf.authority.Tasks.Used used(TaskState state) {
        return new io.behalf.authority.Tasks.Used(state.calls(), state.tokens(), 0);
    }

    @Override
    public void close() {
        keeping.cancel(false);
        keeper.shutdownNow();
        threads.shutdownNow();
        keepQuietly();
    }
}

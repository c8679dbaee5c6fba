package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.TaskId;
import io.behalf.gateway.TaskState;
import io.behalf.gateway.Tasks;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The running state of the tasks that call here, opened from the authority's store and written back now and then. */
final class TaskStates implements Tasks, AutoCloseable {
    /** How often totals are kept, so that limits outlive a crash up to this much. */
    static final Duration KEEP = Duration.ofSeconds(1);
    /** States in memory; beyond it, idle ones are let go. */
    static final int RESIDENT = 100_000;

    private static final Logger LOG = System.getLogger(TaskStates.class.getName());

    private final Authority authority;
    private final ConcurrentMap<TaskId, TaskState> resident = new ConcurrentHashMap<>();
    private final ConcurrentMap<TaskId, CompletableFuture<Checked<TaskState>>> opening = new ConcurrentHashMap<>();
    private final Map<TaskId, io.behalf.authority.Tasks.Used> kept = new HashMap<>();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final ScheduledExecutorService keeper;
    private final ScheduledFuture<?> keeping;

    TaskStates(Authority authority) {
        this.authority = authority;
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
        // one object a task: two would each allow the whole limit
        return opening.computeIfAbsent(id, this::start);
    }

    private CompletableFuture<Checked<TaskState>> start(TaskId id) {
        return CompletableFuture.supplyAsync(() -> load(id), threads).whenComplete((_, _) -> opening.remove(id));
    }

    private Checked<TaskState> load(TaskId id) {
        TaskState known = resident.get(id);
        if (known != null) {
            return Checked.passed(known);
        }
        return authority.tasks().open(id).then(opened -> {
            var state = new TaskState(
                    id,
                    opened.key(),
                    opened.limits(),
                    opened.used().calls(),
                    opened.used().tokens());
            resident.put(id, state);
            return Checked.passed(state);
        });
    }

    /** Lets go of what is over. Its calls that still run hold their own reference. */
    void over(TaskId id) {
        keepQuietly();
        resident.remove(id);
    }

    private void keepQuietly() {
        try {
            keep();
        } catch (RuntimeException e) {
            LOG.log(Level.WARNING, "totals of tasks could not be kept; they will be tried again", e);
        }
    }

    private synchronized void keep() {
        Map<TaskId, io.behalf.authority.Tasks.Used> changed = new HashMap<>();
        resident.forEach((id, state) -> {
            var now = new io.behalf.authority.Tasks.Used(state.calls(), state.tokens(), 0);
            if (!now.equals(kept.get(id))) {
                changed.put(id, now);
            }
        });
        if (!changed.isEmpty()) {
            authority.tasks().used(changed);
            kept.putAll(changed);
        }
        if (resident.size() > RESIDENT) {
            resident.values().removeIf(state -> state.idle());
        }
        kept.keySet().retainAll(resident.keySet());
    }

    @Override
    public void close() {
        keeping.cancel(false);
        keeper.shutdownNow();
        threads.shutdownNow();
        keepQuietly();
    }
}

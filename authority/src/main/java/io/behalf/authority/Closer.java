package io.behalf.authority;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Closes the chains of tasks that are over: waits until their open calls have settled, for a bounded time, then writes
 * {@code ended}. What a crash interrupts is found again by the same query at the next start. Also sweeps what has passed
 * its time.
 */
final class Closer implements AutoCloseable {
    /** How often it looks. A task's end by time is noticed within this. */
    static final Duration PERIOD = Duration.ofMillis(250);

    /** Longest wait for open calls. */
    static final Duration SETTLE_WAIT = Duration.ofSeconds(30);

    /** Longest wait for the chains of tasks that are over when this is closed itself; the next start closes the rest. */
    static final Duration LAST_WAIT = Duration.ofSeconds(5);

    /** Looks between two sweeps of old rows. */
    private static final int LOOKS_PER_SWEEP = 240;

    private static final Logger LOG = System.getLogger(Closer.class.getName());

    private final Parts parts;
    private final Stops stops;
    private final OpenCalls openCalls;
    private final Map<TaskId, Thread> closing = new ConcurrentHashMap<>();
    private final Thread thread;
    private volatile boolean closed;

    Closer(Parts parts, Stops stops, OpenCalls openCalls) {
        this.parts = parts;
        this.stops = stops;
        this.openCalls = openCalls;
        this.thread = Thread.ofVirtual().name("authority-closer").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    private void run() {
        for (int looks = 0; !Thread.currentThread().isInterrupted(); looks++) {
            try {
                Thread.sleep(PERIOD);
                look(looks % LOOKS_PER_SWEEP == 0);
            } catch (InterruptedException closed) {
                return;
            } catch (StoreUnavailable e) {
                LOG.log(Level.WARNING, "tasks that are over are closed later: " + e.getMessage());
            } catch (RuntimeException e) {
                LOG.log(Level.ERROR, "closing of tasks failed; it is tried again", e);
            }
        }
    }

    private void look(boolean sweep) {
        Instant now = parts.now();
        List<TaskId> over = parts.store().transaction(sql -> {
            if (sweep) {
                parts.shelf().sweep(sql, now);
                StopRow.sweep(sql, now);
                MadeFrom.sweep(sql, now);
            }
            return new ArrayList<>(parts.tasks().toClose(sql, now));
        });
        if (sweep) {
            parts.stops().sweep(now);
        }
        over.removeIf(stops::owes);
        for (TaskId id : over) {
            closing.computeIfAbsent(
                    id, _ -> Thread.ofVirtual().name("authority-close-" + id).start(() -> close(id)));
        }
    }

    private void close(TaskId id) {
        try {
            Optional<KnownTask> known =
                    parts.store().transaction(sql -> parts.tasks().find(sql, id));
            if (known.isEmpty()) {
                return;
            }
            KnownTask task = known.get();
            if (task.state() != KnownTask.State.STOPPED) {
                stops.expire(task);
            }
            if (stops.owes(id)) { // its closing record comes after that of its stop
                closing.remove(id);
                return;
            }
            settle(id);
            Reason reason = task.over(parts.now()).orElse(Reason.TASK_EXPIRED);
            parts.changes()
                    .commit(
                            List.of(parts.issuer()
                                    .record(Event.ENDED, task, "system", Map.of("reason", reason.code()))),
                            sql -> Answer.ok(true));
        } catch (Changes.Unrecorded e) {
            // the row waits for the next start, which appends it; a second one now would close the chain twice
            LOG.log(Level.WARNING, "a task's chain is closed at the next start: " + e.getMessage());
            LOG.log(Level.DEBUG, "closing of a task", e);
            return;
        } catch (StoreUnavailable e) {
            pause();
        } catch (RuntimeException e) {
            if (!closed) { // otherwise the store went away under it, and the next start closes the task
                LOG.log(Level.WARNING, "a task's chain is not closed yet; it is tried again", e);
            }
        }
        closing.remove(id);
    }

    /** As often as stops are tried again, which tell the operator. */
    private static void pause() {
        try {
            Thread.sleep(OwedStops.RETRY);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A call that does not settle in time gets its outcome later, marked late. */
    private void settle(TaskId id) {
        try {
            openCalls.settled(id).toCompletableFuture().get(SETTLE_WAIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            LOG.log(Level.INFO, "a task is closed with calls still open: {0}", id);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A task that ended just before is closed too, so that a ledger at rest tells it to its end. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        thread.interrupt();
        try {
            thread.join(LAST_WAIT);
            look(false);
            Instant late = Instant.now().plus(LAST_WAIT);
            for (Thread last : List.copyOf(closing.values())) {
                last.join(Duration.between(Instant.now(), late));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            LOG.log(Level.WARNING, "tasks that are over are closed at the next start: " + e.getMessage());
        }
        closed = true;
    }
}

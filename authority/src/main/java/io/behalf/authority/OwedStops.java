package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Stops that are in force and that store or ledger still must get. In the order of {@link Changes}, but a place that cannot
 * take its part now holds up neither the stop nor the other place, and is tried again until it has it. On a full disk that
 * is the store: the ledger keeps room for stops. The next start finds a stop in either place.
 *
 * <p>There is at most one for each task, part of a task, or token that was issued, so that they need no other bound.
 */
final class OwedStops implements AutoCloseable {
    /** Between two tries. */
    static final Duration RETRY = Duration.ofSeconds(1);

    /** Longest wait of whoever stops something: then the answer says what is still owed. */
    static final Duration ANSWER_WAIT = Duration.ofSeconds(10);

    /** Longest wait for a last try when this is closed. */
    static final Duration LAST_WAIT = Duration.ofSeconds(5);

    private static final Logger LOG = System.getLogger(OwedStops.class.getName());

    private final Changes changes;
    private final LiveStops live;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<StopRow.Key, Owed> owed = new ConcurrentHashMap<>();
    private final Thread retry = Thread.ofVirtual().name("authority-owed-stops").unstarted(this::retry);

    OwedStops(Changes changes, LiveStops live) {
        this.changes = changes;
        this.live = live;
    }

    void start() {
        retry.start();
    }

    /** Where a stop is kept already. */
    record Kept(boolean stored, boolean recorded) {
        static final Kept WHOLE = new Kept(true, true);

        Kept and(Kept other) {
            return new Kept(stored && other.stored, recorded && other.recorded);
        }

        boolean survives() {
            return stored || recorded;
        }
    }

    /** @param record empty for a stop that has none of its own */
    record One(StopRow row, Optional<Lifecycle> record) {}

    /**
     * Puts stops in force, tries at once to have them kept, and waits for that for a bounded time; what is missing then
     * follows. One that is being carried already is not carried twice, and is tried again.
     */
    Kept carry(List<One> stops) {
        var mine = new Owed();
        Set<Owed> all = mine.fill(stops);
        tryAll(all, ANSWER_WAIT);
        return all.stream().map(Owed::kept).reduce(Kept.WHOLE, Kept::and);
    }

    boolean has(TaskId task) {
        return owed.containsKey(StopRow.Key.ofTask(task));
    }

    private void retry() {
        try {
            while (true) {
                Thread.sleep(RETRY);
                Set.copyOf(owed.values()).forEach(Owed::advanceIfIdle);
            }
        } catch (InterruptedException closed) {
            // what is owed gets its last try from close
        }
    }

    private void tryAll(Set<Owed> stops, Duration atMost) {
        List<Future<?>> tries = new ArrayList<>();
        stops.forEach(stop -> tries.add(threads.submit(stop::advance)));
        long deadline = System.nanoTime() + atMost.toNanos();
        try {
            for (Future<?> one : tries) {
                one.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            }
        } catch (TimeoutException e) {
            // goes on without anybody waiting
        } catch (ExecutionException e) {
            throw new IllegalStateException("a try tells its failures itself", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        retry.interrupt();
        tryAll(Set.copyOf(owed.values()), LAST_WAIT);
        threads.shutdownNow();
    }

    /** One stop on its way. Each step that succeeds is not taken again, and each may be taken twice. */
    private final class Owed {
        private final List<StopRow> rows = new ArrayList<>();
        private final List<Lifecycle> records = new ArrayList<>();
        private final ReentrantLock advancing = new ReentrantLock();
        private boolean appended;
        private boolean told;
        private boolean settled;
        private volatile List<Lifecycle> unrecorded = List.of();
        private volatile boolean stored;

        /** @return those that carry them: itself, and others that had begun to */
        Set<Owed> fill(List<One> stops) {
            Set<Owed> carrying = new HashSet<>();
            advancing.lock(); // it is seen by others before it is whole
            try {
                for (One one : stops) {
                    Owed other = owed.putIfAbsent(one.row().key(), this);
                    if (other != null) {
                        carrying.add(other);
                    } else if (live.add(one.row())) {
                        carrying.add(this);
                        rows.add(one.row());
                        one.record().ifPresent(records::add);
                    } else {
                        owed.remove(one.row().key(), this); // store and ledger have it
                    }
                }
                unrecorded = List.copyOf(records);
            } finally {
                advancing.unlock();
            }
            return carrying;
        }

        /** A stop without records of its own is in the store only. */
        Kept kept() {
            return new Kept(stored, unrecorded.isEmpty() && (stored || !records.isEmpty()));
        }

        /** Unless another try is under way, which may hang. */
        void advanceIfIdle() {
            if (advancing.tryLock()) {
                try {
                    step();
                } finally {
                    advancing.unlock();
                }
            }
        }

        /** Whoever waits for this waits for the try that is under way, too. */
        void advance() {
            advancing.lock();
            try {
                step();
            } finally {
                advancing.unlock();
            }
        }

        private void step() {
            if (settled) {
                return;
            }
            boolean kept = stored || succeeds("the store", this::store);
            boolean recorded = unrecorded.isEmpty() || succeeds("the ledger", this::append);
            if (kept && recorded && succeeds("the store", () -> changes.settle(records))) {
                settled = true;
                rows.forEach(row -> owed.remove(row.key(), this));
            }
        }

        private void store() {
            changes.store(rows, records);
            stored = true;
        }

        private void append() {
            if (appended) { // and nobody knows how that ended
                unrecorded = unrecorded.stream()
                        .filter(record -> !changes.recorded(record))
                        .toList();
            }
            appended = true;
            changes.append(unrecorded);
            unrecorded = List.of();
        }

        private boolean succeeds(String place, Runnable step) {
            try {
                step.run();
                return true;
            } catch (RuntimeException e) {
                if (!told) { // once: the next one comes in a second
                    LOG.log(
                            Level.WARNING,
                            "a stop is in force, and " + place + " cannot take it yet; it is tried again: "
                                    + Changes.innermost(e));
                    told = true;
                }
                LOG.log(Level.DEBUG, "a stop is owed", e);
                return false;
            }
        }
    }
}

package io.behalf.ledger;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Measures an embedded ledger with records of ordinary size, intents and outcomes in turn, each task with a chain: how many a second
 * become durable, how many a second integrated, and how long an append waits at a given pace. What {@code behalf bench ledger} runs.
 */
public final class LedgerBench {
    /** Appends that the flat-out load keeps waiting, as 64 loops with 64 calls each would. */
    private static final int IN_FLIGHT = 4_096;

    private static final int TASKS = 1_000;

    /**
     * @param durablePerSecond acknowledged records, flat out
     * @param integratedPerSecond records under a signed checkpoint, until the last of them is
     * @param paced appends a second of the second part
     * @param p50Micros median wait of an append at that pace
     * @param p99Micros the wait that one in a hundred exceeds
     */
    public record Result(
            long records,
            long durablePerSecond,
            long integratedPerSecond,
            long paced,
            long p50Micros,
            long p99Micros,
            long maxMicros) {}

    private LedgerBench() {}

    /**
     * @param flatOut records of the first part, after as many again for warming up
     * @param pace appends a second of the second part
     * @param pacedFor its length
     */
    public static Result run(EmbeddedLedger ledger, int flatOut, int pace, Duration pacedFor)
            throws InterruptedException {
        var load = new Load();
        integrated(ledger, flatOut(ledger, load, flatOut));
        long before = ledger.checkpoint().size();
        long start = System.nanoTime();
        long last = flatOut(ledger, load, flatOut);
        long durable = System.nanoTime() - start;
        integrated(ledger, last);
        long integrated = System.nanoTime() - start;
        long records = last + 1 - before;
        long[] waits = paced(ledger, load, pace, pacedFor);
        return new Result(
                records,
                perSecond(records, durable),
                perSecond(records, integrated),
                pace,
                waits[waits.length / 2] / 1_000,
                waits[(int) (waits.length * 0.99)] / 1_000,
                waits[waits.length - 1] / 1_000);
    }

    private static void integrated(EmbeddedLedger ledger, long index) throws InterruptedException {
        if (!ledger.awaitIntegrated(index, Duration.ofMinutes(1))) {
            throw new IllegalStateException("the ledger did not integrate its records in a minute");
        }
    }

    /** Returns the highest index that was acknowledged. */
    private static long flatOut(EmbeddedLedger ledger, Load load, int records) throws InterruptedException {
        var highest = new AtomicLong();
        var room = new Semaphore(IN_FLIGHT);
        try (ExecutorService loop = Executors.newSingleThreadExecutor()) {
            for (int i = 0; i < records; i++) {
                room.acquire();
                var _ = ledger.append(load.next(), loop).whenComplete((done, fault) -> {
                    room.release();
                    if (fault != null) {
                        throw new IllegalStateException(fault);
                    }
                    highest.accumulateAndGet(done.index().orElseThrow(), Math::max);
                });
            }
            room.acquire(IN_FLIGHT);
        }
        return highest.get();
    }

    /** Waits in nanoseconds, sorted. Each is counted from when the append was due, so that a late one does not hide a long one. */
    private static long[] paced(EmbeddedLedger ledger, Load load, int pace, Duration length)
            throws InterruptedException {
        int count = Math.toIntExact(pace * length.toMillis() / 1_000);
        long[] waits = new long[count];
        var left = new Semaphore(0);
        long between = 1_000_000_000L / pace;
        Executor loop = Executors.newSingleThreadExecutor();
        try (var closing = (ExecutorService) loop) {
            long start = System.nanoTime();
            for (int i = 0; i < count; i++) {
                long due = start + i * between;
                for (long now = System.nanoTime(); now < due; now = System.nanoTime()) {
                    LockSupport.parkNanos(due - now);
                }
                int slot = i;
                var _ = ledger.append(load.next(), closing).whenComplete((_, _) -> {
                    waits[slot] = System.nanoTime() - due;
                    left.release();
                });
            }
            left.acquire(count);
        }
        Arrays.sort(waits);
        return waits;
    }

    private static long perSecond(long count, long nanos) {
        return count * 1_000_000_000L / Math.max(1, nanos);
    }

    /** Intents and their outcomes in turn, over many tasks. */
    private static final class Load {
        private static final String DIGEST = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";

        private final SplittableRandom random = new SplittableRandom(1);
        private final List<TaskId> tasks = new ArrayList<>();
        private Optional<AuditRecord.Intent> open = Optional.empty();
        private int next;

        Load() {
            for (int i = 0; i < TASKS; i++) {
                tasks.add(new TaskId(id("tsk")));
            }
        }

        AuditRecord next() {
            if (open.isPresent()) {
                AuditRecord.Intent intent = open.get();
                open = Optional.empty();
                return outcome(intent);
            }
            AuditRecord.Intent intent = intent(tasks.get(next++ % TASKS));
            open = Optional.of(intent);
            return intent;
        }

        private AuditRecord.Intent intent(TaskId task) {
            return new AuditRecord.Intent(
                    header(task),
                    new AuditRecord.Call(
                            AuditRecord.Surface.LLM,
                            "openai",
                            "chat",
                            List.of(),
                            Optional.of("gpt-5-mini"),
                            Optional.empty(),
                            Optional.empty(),
                            Optional.empty(),
                            Optional.of(DIGEST),
                            1_834),
                    new AuditRecord.Decided(
                            true, true, Optional.empty(), List.of("within-scope"), DIGEST, AuditRecord.Mode.ENFORCE),
                    Optional.empty());
        }

        private AuditRecord.Outcome outcome(AuditRecord.Intent intent) {
            return new AuditRecord.Outcome(
                    header(intent.header().task().orElseThrow()),
                    intent.header().id(),
                    new AuditRecord.Ended(
                            AuditRecord.Sent.YES,
                            200,
                            AuditRecord.End.COMPLETE,
                            Optional.empty(),
                            Optional.empty(),
                            DIGEST,
                            2_391,
                            412,
                            -1,
                            Optional.of(new AuditRecord.Usage(310, 120)),
                            List.of(),
                            List.of(),
                            Optional.empty()));
        }

        private AuditRecord.Header header(TaskId task) {
            Instant now = Instant.now();
            return new AuditRecord.Header(
                    id("rec"),
                    now,
                    "bench",
                    Optional.of(task),
                    Optional.of(new AuditRecord.Basis.Person("sbj_01JNAAAAAAAAAAAAAAAAAAAAAA")),
                    List.of("bench-agent"),
                    Optional.of(new AuditRecord.Held(
                            "dlg_01JNBBBBBBBBBBBBBBBBBBBBBB",
                            "apr_01JNCCCCCCCCCCCCCCCCCCCCCC",
                            "interactive",
                            now.plusSeconds(300),
                            DIGEST,
                            true)),
                    Optional.of(new AuditRecord.Trace(DIGEST.substring(0, 32), DIGEST.substring(0, 16))),
                    false);
        }

        private String id(String prefix) {
            return Ids.next(prefix, Instant.now(), random);
        }
    }
}

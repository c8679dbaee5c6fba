package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/**
 * What a ledger goes through from its opening to its closing. One record at a time, and the next one only when the last is in the tree and
 * the ledger's threads rest: so each run does the same to its disk in the same order, and one operation of it can be named.
 */
enum FaultStory {
    /** In an empty folder. */
    NEW_LOG("A new log") {
        @Override
        void prepare(LedgerSettings settings) throws Exception {
            write(settings, List.of()); // for the key alone, so that every run has the same
            remove(settings.directory());
            Files.createDirectories(settings.directory());
        }

        @Override
        List<AuditRecord> drafts(Records records, TaskId task) {
            return List.of(records.lifecycle(task, Event.ISSUED), records.intent(task), records.refusal(task));
        }
    },

    /** Shortly before its first whole bundle; then it goes through three write-ahead files and needs the old ones no longer. */
    LOG_AT_WORK("A log at work") {
        @Override
        void prepare(LedgerSettings settings) throws Exception {
            var records = new Records(7);
            TaskId task = records.task();
            var drafts = new ArrayList<AuditRecord>();
            for (int i = 0; i < 2 * LARGE_IN_SEGMENT; i++) {
                drafts.add(records.large(records.task(), LARGE));
            }
            while (drafts.size() < 251) {
                drafts.add(records.lifecycle(task, Event.REVIEWED));
            }
            while (drafts.size() < 254) { // the next large one begins a new file
                drafts.add(records.large(records.task(), LARGE));
            }
            write(settings, drafts);
        }

        @Override
        List<AuditRecord> drafts(Records records, TaskId task) {
            var drafts = new ArrayList<AuditRecord>();
            drafts.add(records.lifecycle(task, Event.ISSUED));
            drafts.add(records.intent(task));
            drafts.add(records.refusal(task));
            for (int i = 0; i < 2 * LARGE_IN_SEGMENT + 1; i++) {
                drafts.add(records.large(records.task(), LARGE));
            }
            return drafts;
        }
    },

    /** Its last process died in a write, long after its last checkpoint. */
    AFTER_A_CRASH("A start after a crash") {
        @Override
        void prepare(LedgerSettings settings) throws Exception {
            var records = new Records(8);
            TaskId task = records.task();
            write(settings, List.of(records.lifecycle(task, Event.ISSUED), records.intent(task)));
            Path log = settings.directory();
            Path before = log.resolveSibling("before");
            copy(log, before);
            var drafts = new ArrayList<AuditRecord>();
            for (int i = 0; i < 260; i++) {
                drafts.add(records.lifecycle(task, Event.REVIEWED));
            }
            drafts.add(records.intent(task));
            write(settings, drafts);
            for (String integrated : List.of("checkpoint", "tile", "wal/chains")) {
                remove(log.resolve(integrated));
                copy(before.resolve(integrated), log.resolve(integrated));
            }
            remove(before);
            tear(log.resolve("wal/00000001"));
        }

        @Override
        List<AuditRecord> drafts(Records records, TaskId task) {
            return List.of(records.lifecycle(task, Event.ISSUED), records.refusal(task));
        }
    };

    private static final int LARGE = 32_000;
    private static final int LARGE_IN_SEGMENT = 8;
    private static final FaultOperation PIN_WRITTEN =
            FaultOperation.onFolder("", Optional.of(FaultOperation.on("rename", "pin")));
    private static final long LOOK_AGAIN_NANOS = 200_000;
    private static final Duration SOON = Duration.ofSeconds(20);

    private final String title;

    FaultStory(String title) {
        this.title = title;
    }

    String title() {
        return title;
    }

    /** What the story begins with. */
    abstract void prepare(LedgerSettings settings) throws Exception;

    abstract List<AuditRecord> drafts(Records records, TaskId task);

    /**
     * What callers were told.
     *
     * @param opening why it did not open
     * @param confirmed the records that were
     * @param refusal of the first record that was not; all after it were refused the same way
     * @param refused that record, if any
     * @param stopped whether the ledger says that it stopped by itself
     */
    record Told(
            Optional<LedgerFault.Code> opening,
            Set<String> confirmed,
            Optional<LedgerFault.Code> refusal,
            Optional<String> refused,
            boolean stopped) {}

    Told tell(LedgerSettings settings, Function<Path, Disk> disks) throws Exception {
        var records = new Records(21);
        TaskId task = records.task();
        var confirmed = new LinkedHashSet<String>();
        Optional<LedgerFault.Code> refusal = Optional.empty();
        Optional<String> refused = Optional.empty();
        EmbeddedLedger ledger;
        try {
            ledger = EmbeddedLedger.open(settings, disks);
        } catch (LedgerFault fault) {
            return new Told(Optional.of(fault.code()), confirmed, refusal, refused, false);
        }
        try (ledger) {
            awaitRest(settings);
            awaitPin(settings, disks);
            for (AuditRecord draft : drafts(records, task)) {
                try {
                    Committed done = ledger.append(draft).toCompletableFuture().get(SOON.toSeconds(), TimeUnit.SECONDS);
                    assertThat(refusal)
                            .as("nothing is confirmed after a refusal")
                            .isEmpty();
                    confirmed.add(done.recordId());
                    ledger.awaitIntegrated(done.index().orElseThrow(), SOON);
                    awaitRest(settings);
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof LedgerFault fault)) {
                        throw e;
                    }
                    LedgerFault.Code code = fault.code();
                    assertThat(refusal.orElse(code)).isEqualTo(code);
                    refusal = Optional.of(code);
                    refused = refused.or(() -> Optional.of(draft.header().id()));
                }
            }
        }
        return new Told(
                Optional.empty(),
                confirmed,
                refusal,
                refused,
                ledger.stopped().toCompletableFuture().isDone());
    }

    /** Until the pin file, where there is one, has been written for the first time, or could not be. */
    private static void awaitPin(LedgerSettings settings, Function<Path, Disk> disks) {
        Optional<Path> folder = settings.pin().map(Path::getParent);
        if (folder.isPresent() && disks.apply(folder.get()) instanceof FaultDisk pins) {
            long deadline = System.nanoTime() + SOON.toNanos();
            while (pins.failed().isEmpty() && !pins.seen().containsKey(PIN_WRITTEN)) {
                assertThat(System.nanoTime()).as("the pin file is written").isLessThan(deadline);
                LockSupport.parkNanos(LOOK_AGAIN_NANOS);
            }
        }
    }

    /** Until the integrator has nothing to do, or has ended. Nobody gives it more meanwhile. */
    private static void awaitRest(LedgerSettings settings) {
        await("ledger-integrator-" + settings.log(), Integrator.class);
    }

    /**
     * Until those are answered whose records are stored, if it is not their own thread that asks. A failure a moment earlier would find some
     * of them still waiting, who then are told that it stopped, though their records are there.
     */
    static void awaitAnswers(LedgerSettings settings) {
        await("ledger-sequencer-" + settings.log(), Sequencer.class);
    }

    private static void await(String name, Class<?> at) {
        long deadline = System.nanoTime() + SOON.toNanos();
        for (Thread thread : threads()) {
            if (thread != null && thread.getName().equals(name) && !thread.equals(Thread.currentThread())) {
                while (thread.isAlive() && !rests(thread, at)) {
                    assertThat(System.nanoTime()).as("%s comes to rest", name).isLessThan(deadline);
                    LockSupport.parkNanos(LOOK_AGAIN_NANOS);
                }
            }
        }
    }

    private static boolean rests(Thread thread, Class<?> at) {
        return thread.getState() == Thread.State.WAITING && at.isInstance(LockSupport.getBlocker(thread));
    }

    private static Thread[] threads() {
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            all = all.getParent();
        }
        var threads = new Thread[2 * all.activeCount() + 16];
        all.enumerate(threads);
        return threads;
    }

    // ---- preparing

    private static void write(LedgerSettings settings, List<AuditRecord> drafts) throws Exception {
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            var all = new ArrayList<CompletableFuture<Committed>>();
            for (AuditRecord draft : drafts) {
                all.add(ledger.append(draft).toCompletableFuture());
            }
            for (CompletableFuture<Committed> one : all) {
                one.get(SOON.toSeconds(), TimeUnit.SECONDS);
            }
        }
    }

    /** The beginning of a group of which a crash has lost the rest. */
    private static void tear(Path segment) throws IOException {
        int end;
        try (FileChannel file = FileChannel.open(segment, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer all = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size());
            end = ((WalFormat.Scanned.Sound) WalFormat.scan(all, 1, (index, entry) -> {})).end();
            ByteBuffer group = ByteBuffer.allocate(4096);
            byte[] entry = "x".repeat(3000).getBytes(StandardCharsets.US_ASCII);
            WalFormat.putEntry(group, entry, entry.length);
            file.write(group.flip().limit(600), end);
        }
    }

    static void copy(Path from, Path to) throws IOException {
        try (var paths = Files.walk(from)) {
            for (Path path : paths.toList()) {
                Path target = to.resolve(from.relativize(path).toString());
                if (Files.isDirectory(path)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(path, target);
                }
            }
        }
    }

    static void remove(Path folder) throws IOException {
        try (var paths = Files.walk(folder)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}

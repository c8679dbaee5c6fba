package io.behalf.ledger;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * What an embedded ledger is opened with.
 *
 * @param data the data directory: the lock file, {@code keys/} and {@code ledger/<log>/} are in it
 * @param log the log's name, a folder
 * @param origin name of the log in its checkpoints; empty lets a new log choose {@code behalf.local/<random>}
 * @param node written into records that the ledger makes itself
 * @param pin file outside the data directory that remembers key and last checkpoint
 * @param segmentBytes size of a write-ahead file
 * @param queueRecords how many appends may wait before the next fails fast
 * @param groupRecords most records that one force makes durable
 * @param appendTimeout longest wait of an append: a hanging device must refuse, not hang
 * @param checkpointInterval shortest time between two checkpoints; ten times as long, up to a second, while bundles fill faster and nobody
 *     waits for one
 * @param residentTasks task chains kept in memory; those of ended tasks beyond this are let go and found again in the index
 */
public record LedgerSettings(
        Path data,
        String log,
        Optional<String> origin,
        String node,
        Optional<Path> pin,
        int segmentBytes,
        int queueRecords,
        int groupRecords,
        Duration appendTimeout,
        Duration checkpointInterval,
        int residentTasks,
        Clock clock) {
    public static final int SEGMENT_BYTES = 64 << 20;
    public static final int MAX_SEGMENT_BYTES = 1 << 30;
    public static final int QUEUE_RECORDS = 65_536;
    public static final int GROUP_RECORDS = 4_096;
    public static final Duration APPEND_TIMEOUT = Duration.ofSeconds(5);
    public static final Duration CHECKPOINT_INTERVAL = Duration.ofMillis(100);
    public static final int RESIDENT_TASKS = 100_000;

    /** Room for one group of the largest entry and its frames at least. */
    static final int MIN_SEGMENT_BYTES = 256 << 10;

    private static final Pattern LOG = Pattern.compile("[a-z0-9][a-z0-9-]{0,63}");

    public LedgerSettings {
        if (!LOG.matcher(log).matches()) {
            throw new IllegalArgumentException("a log's name is up to 64 lower-case letters, digits and hyphens");
        }
        if (segmentBytes < MIN_SEGMENT_BYTES || segmentBytes > MAX_SEGMENT_BYTES || segmentBytes % 4096 != 0) {
            throw new IllegalArgumentException("a write-ahead file has whole pages, " + MIN_SEGMENT_BYTES
                    + " bytes at least and " + MAX_SEGMENT_BYTES + " at most");
        }
        if (queueRecords < 1 || groupRecords < 1 || residentTasks < 1) {
            throw new IllegalArgumentException("bounds are positive");
        }
        if (appendTimeout.isNegative() || appendTimeout.isZero() || checkpointInterval.isNegative()) {
            throw new IllegalArgumentException("times are positive");
        }
    }

    public static LedgerSettings in(Path data) {
        return new LedgerSettings(
                data,
                "main",
                Optional.empty(),
                "local",
                Optional.empty(),
                SEGMENT_BYTES,
                QUEUE_RECORDS,
                GROUP_RECORDS,
                APPEND_TIMEOUT,
                CHECKPOINT_INTERVAL,
                RESIDENT_TASKS,
                Clock.systemUTC());
    }

    public LedgerSettings withLog(String name) {
        return with(change -> change.log = name);
    }

    public LedgerSettings withOrigin(String name) {
        return with(change -> change.origin = Optional.of(name));
    }

    public LedgerSettings withPin(Path file) {
        return with(change -> change.pin = Optional.of(file));
    }

    public LedgerSettings withSegmentBytes(int bytes) {
        return with(change -> change.segmentBytes = bytes);
    }

    public LedgerSettings withQueueRecords(int records) {
        return with(change -> change.queueRecords = records);
    }

    public LedgerSettings withAppendTimeout(Duration timeout) {
        return with(change -> change.appendTimeout = timeout);
    }

    public LedgerSettings withCheckpointInterval(Duration interval) {
        return with(change -> change.checkpointInterval = interval);
    }

    public LedgerSettings withResidentTasks(int tasks) {
        return with(change -> change.residentTasks = tasks);
    }

    public LedgerSettings withClock(Clock other) {
        return with(change -> change.clock = other);
    }

    private LedgerSettings with(Consumer<Change> step) {
        var change = new Change(this);
        step.accept(change);
        return change.settings();
    }

    /** Settings of which some are being replaced. */
    private static final class Change {
        private final Path data;
        private String log;
        private Optional<String> origin;
        private final String node;
        private Optional<Path> pin;
        private int segmentBytes;
        private int queueRecords;
        private final int groupRecords;
        private Duration appendTimeout;
        private Duration checkpointInterval;
        private int residentTasks;
        private Clock clock;

        Change(LedgerSettings from) {
            data = from.data;
            log = from.log;
            origin = from.origin;
            node = from.node;
            pin = from.pin;
            segmentBytes = from.segmentBytes;
            queueRecords = from.queueRecords;
            groupRecords = from.groupRecords;
            appendTimeout = from.appendTimeout;
            checkpointInterval = from.checkpointInterval;
            residentTasks = from.residentTasks;
            clock = from.clock;
        }

        LedgerSettings settings() {
            return new LedgerSettings(
                    data,
                    log,
                    origin,
                    node,
                    pin,
                    segmentBytes,
                    queueRecords,
                    groupRecords,
                    appendTimeout,
                    checkpointInterval,
                    residentTasks,
                    clock);
        }
    }

    /** The log's folder: without its {@code wal/} all that an auditor needs. */
    public Path directory() {
        return data.resolve("ledger").resolve(log);
    }

    /** Where the index is: made from the log, so it can be deleted. */
    Path indexDirectory() {
        return data.resolve("index").resolve(log);
    }
}

package io.behalf.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A log to read, as its last checkpoint showed it when this was opened: of a data directory on which no server runs, with its index;
 * or of any folder, with an index of its own for as long as this is open.
 */
public final class ClosedLedger implements AutoCloseable {
    private final Optional<DataLock> lock;
    private final LedgerReader reader;
    private final long size;
    private final LedgerIndex index;
    private final Optional<Path> temporary;

    private ClosedLedger(
            @Nullable DataLock lock, LedgerReader reader, long size, LedgerIndex index, @Nullable Path temporary) {
        this.lock = Optional.ofNullable(lock);
        this.reader = reader;
        this.size = size;
        this.index = index;
        this.temporary = Optional.ofNullable(temporary);
    }

    /**
     * @throws LedgerFault {@code LOCKED} if a server runs on it
     * @throws UncheckedIOException if there is no such log
     */
    public static ClosedLedger open(Path data, String log) {
        LedgerSettings settings = LedgerSettings.in(data).withLog(log);
        var reader = new LedgerReader(settings.directory());
        long size = reader.size();
        try {
            DataLock lock = DataLock.acquire(data);
            try {
                Path folder = settings.indexDirectory();
                LedgerIndex index = LedgerIndex.open(folder, new FileDisk(folder), reader, new Still(size));
                return new ClosedLedger(lock, reader, size, index, null);
            } catch (IOException | RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The log in this folder whoever writes it, and where nothing may be written: goes through all its entries first.
     *
     * @throws UncheckedIOException if there is no such log
     */
    public static ClosedLedger snapshot(Path directory) {
        var reader = new LedgerReader(directory);
        long size = reader.size();
        try {
            Path temporary = Files.createTempDirectory("behalf-index");
            try {
                LedgerIndex index = LedgerIndex.open(temporary, new FileDisk(temporary), reader, new Still(size));
                return new ClosedLedger(null, reader, size, index, temporary);
            } catch (IOException | RuntimeException e) {
                remove(temporary);
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public LedgerReader reader() {
        return reader;
    }

    /** Complete, once it has caught up: at most so long is waited for that, and no longer than the disk can be read. */
    public LedgerIndex index(Duration atMost) throws InterruptedException {
        index.await(size, atMost);
        return index;
    }

    /** How many entries there are to be found. */
    public long size() {
        return size;
    }

    @Override
    public void close() {
        index.close();
        try {
            if (lock.isPresent()) {
                lock.get().close();
            }
            if (temporary.isPresent()) {
                remove(temporary.get());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void remove(Path folder) throws IOException {
        List<Path> deepestFirst;
        try (var all = Files.walk(folder)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }

    /** A size that does not change. */
    record Still(long size) implements LedgerIndex.Integrated {
        @Override
        public boolean await(long wanted, long nanos) throws InterruptedException {
            if (wanted > size) {
                Thread.sleep(Duration.ofMillis(50));
            }
            return wanted <= size;
        }
    }
}

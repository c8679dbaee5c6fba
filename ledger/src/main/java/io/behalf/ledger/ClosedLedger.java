package io.behalf.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;

/** A data directory on which no server runs, for reading: the log as its last checkpoint shows it, and its index. */
public final class ClosedLedger implements AutoCloseable {
    private final DataLock lock;
    private final LedgerReader reader;
    private final LedgerIndex index;

    private ClosedLedger(DataLock lock, LedgerReader reader, LedgerIndex index) {
        this.lock = lock;
        this.reader = reader;
        this.index = index;
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
                LedgerIndex index = LedgerIndex.open(settings.indexDirectory(), reader, new Still(size));
                return new ClosedLedger(lock, reader, index);
            } catch (IOException | RuntimeException e) {
                lock.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public LedgerReader reader() {
        return reader;
    }

    /** Complete, once it has caught up: at most so long is waited for that. */
    public LedgerIndex index(Duration atMost) throws InterruptedException {
        index.await(reader.size(), atMost);
        return index;
    }

    @Override
    public void close() {
        try (lock) {
            index.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A size that does not change. */
    private record Still(long size) implements LedgerIndex.Integrated {
        @Override
        public boolean await(long wanted, long nanos) throws InterruptedException {
            if (wanted > size) {
                Thread.sleep(Duration.ofMillis(50));
            }
            return wanted <= size;
        }
    }
}

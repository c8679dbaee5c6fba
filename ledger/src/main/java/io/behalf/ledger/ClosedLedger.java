package io.behalf.ledger;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;

/**
 * A log to read, as its last checkpoint showed it when this was opened, whoever writes it, and where nothing may be written. It has an index
 * of its own for as long as it is open, elsewhere: one that lies in the directory may have been made by whoever made the copy, to leave out
 * what is not to be found, and opening it deletes what does not belong to an index.
 */
public final class ClosedLedger implements AutoCloseable {
    private final LedgerReader reader;
    private final long size;
    private final LedgerIndex index;
    private final Path temporary;

    private ClosedLedger(LedgerReader reader, long size, LedgerIndex index, Path temporary) {
        this.reader = reader;
        this.size = size;
        this.index = index;
        this.temporary = temporary;
    }

    /**
     * The log in this folder: goes through all its entries first.
     *
     * @throws UncheckedIOException if there is no such log
     */
    public static ClosedLedger open(Path directory) {
        var reader = new LedgerReader(directory);
        long size = reader.size();
        try {
            Path temporary = Files.createTempDirectory("behalf-index");
            try {
                LedgerIndex index = LedgerIndex.open(temporary, new FileDisk(temporary), reader, new Still(size));
                return new ClosedLedger(reader, size, index, temporary);
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
            remove(temporary);
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
        public boolean grows() {
            return false;
        }

        @Override
        public boolean await(long wanted, long nanos) throws InterruptedException {
            if (wanted > size) {
                Thread.sleep(Duration.ofMillis(50));
            }
            return wanted <= size;
        }
    }
}

package io.behalf.ledger;

import io.behalf.ledger.WalFormat.Entries;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Follows the write-ahead files behind their writer, up to a place that has been forced, and never beyond: what is further on may still
 * change. One thread.
 */
final class WalCursor implements AutoCloseable {
    /** A place in the write-ahead files. {@code size}: how many entries the log has up to there. */
    record Place(long size, long segment, int end) {}

    private static final int CHUNK_BYTES = 1 << 20;

    private final Disk disk;
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private Disk.@Nullable Handle file;
    private long segment;
    private int position;
    private long size;

    /** @param from the beginning of a segment; segment 0 stands before the first */
    WalCursor(Disk disk, Place from) {
        this.disk = disk;
        segment = from.segment();
        position = from.end();
        size = from.size();
    }

    /** How many entries lie behind the cursor. */
    long size() {
        return size;
    }

    /** Visits the entries from here to {@code to}, at most about one chunk of them: call again until {@link #size} is there. */
    void advance(Place to, Entries entries) throws IOException {
        if (size == to.size()) {
            return;
        }
        if (segment == 0) {
            nextSegment();
            return;
        }
        int end = segment == to.segment() ? to.end() : (int) file().size();
        if (end - position < WalFormat.FRAME_HEADER) {
            nextSegment();
            return;
        }
        chunk.clear().limit(Math.min(CHUNK_BYTES, end - position));
        file().read(chunk, position);
        chunk.flip();
        WalFormat.Walked walked = WalFormat.frames(chunk, size, entries);
        if (walked.bytes() == 0) {
            nextSegment(); // zeros: a group did not fit here, and the writer went on in the next segment
            return;
        }
        size += walked.entries();
        position += walked.bytes();
    }

    private Disk.Handle file() throws IOException {
        Disk.Handle open = file;
        if (open == null) {
            open = disk.open(WalFormat.segmentPath(segment));
            file = open;
        }
        return open;
    }

    private void nextSegment() throws IOException {
        close();
        segment++;
        position = 0;
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
            file = null;
        }
    }
}

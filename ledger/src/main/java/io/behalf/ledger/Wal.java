package io.behalf.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import org.jspecify.annotations.Nullable;

/**
 * The write-ahead files as their writer sees them: one segment being filled, and a spare one made ready ahead, so that running out of disk
 * shows while there is still room for outcomes. Used by the sequencer's thread, save {@link #prepareSpare}.
 */
final class Wal implements AutoCloseable {
    private static final String SPARE = "wal/spare";

    /** What is forced at once of a file that is made ready: the appends' forces wait behind no more of it than this. */
    private static final int ZEROS = 1 << 20;

    private final Disk disk;
    private final int segmentBytes;
    private Disk.@Nullable Handle file;
    private long segment;
    private int position;
    private int capacity;
    private volatile boolean spare;

    /**
     * @param segment the one being filled; 0 means that there is none yet
     * @param position where in it the next group goes
     */
    Wal(Disk disk, int segmentBytes, long segment, int position) throws IOException {
        this.disk = disk;
        this.segmentBytes = segmentBytes;
        this.segment = segment;
        this.position = position;
        if (segment > 0) {
            open();
        }
        spare = disk.exists(SPARE);
    }

    long segment() {
        return segment;
    }

    int position() {
        return position;
    }

    /** Bytes left in the segment being filled. */
    int remaining() {
        return capacity - position;
    }

    /** Bytes that can be written without asking the disk for more. */
    long room() {
        return remaining() + (spare ? segmentBytes : 0L);
    }

    boolean atStart() {
        return position == 0;
    }

    /**
     * Goes on to the next segment. The spare is renamed and its folder forced before anything is written to it: else a crash could lose the
     * name of a file that holds acknowledged records. A crash in between leaves an empty last segment.
     *
     * @throws Disk.NoSpace if no spare is ready and none can be made: nothing has changed then
     */
    void rotate() throws IOException {
        prepareSpare();
        if (file != null) {
            file.close();
        }
        disk.rename(SPARE, WalFormat.segmentPath(segment + 1));
        spare = false;
        disk.forceFolder("wal");
        segment++;
        position = 0;
        open();
    }

    private void open() throws IOException {
        Disk.Handle opened = disk.open(WalFormat.segmentPath(segment));
        file = opened;
        capacity = (int) opened.size(); // its own: the setting may have changed since it was made
    }

    /** One group, one write, one force. Throws when nobody knows what is stored: the caller must stop. */
    void append(ByteBuffer group) throws IOException {
        Disk.Handle open = file;
        if (open == null) {
            throw new FileSystemException("wal", null, "no segment is open");
        }
        int length = group.remaining();
        open.write(group, position);
        open.force();
        position += length;
    }

    /** Makes the next segment's file: zeros, so that it needs no more space later and lost sectors can be told from data. */
    synchronized void prepareSpare() throws IOException {
        if (spare) {
            return;
        }
        String temporary = SPARE + ".tmp";
        try (Disk.Handle fresh = disk.create(temporary)) {
            ByteBuffer zeros = ByteBuffer.allocateDirect(Math.min(ZEROS, segmentBytes));
            for (int at = 0; at < segmentBytes; at += zeros.limit()) {
                zeros.clear().limit(Math.min(zeros.capacity(), segmentBytes - at));
                fresh.write(zeros, at);
                fresh.force();
            }
        } catch (Disk.NoSpace e) {
            disk.delete(temporary); // give back what there was, for the tiles
            throw e;
        }
        disk.rename(temporary, SPARE);
        disk.forceFolder("wal");
        spare = true;
    }

    boolean spareReady() {
        return spare;
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
            file = null;
        }
    }
}

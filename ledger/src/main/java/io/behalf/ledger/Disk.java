package io.behalf.ledger;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.util.List;

/**
 * The file operations that the ledger's durability rests on, and those that write its index: the edge where tests lose writes and fail
 * forces. Paths are relative to one folder, with {@code /}. What is not forced may be gone, in part, after a power loss; a rename, creation or
 * deletion needs its folder forced.
 */
interface Disk {
    /** Ends the name of a file until it is whole. */
    String UNFINISHED = ".tmp";

    /** An open file. Used by one thread, which nobody interrupts: an interrupt would close the file under it. */
    interface Handle extends AutoCloseable {
        /** All of {@code bytes}. */
        void write(ByteBuffer bytes, long at) throws IOException;

        /** Until {@code into} is full. */
        void read(ByteBuffer into, long at) throws IOException;

        long size() throws IOException;

        /** Content, and what is needed to find it again. If it fails nobody knows what is stored: never try again. */
        void force() throws IOException;

        @Override
        void close() throws IOException;
    }

    /** A new, empty file in place of any other. */
    Handle create(String path) throws IOException;

    Handle open(String path) throws IOException;

    /** The whole file, perhaps mapped. */
    ByteBuffer contents(String path) throws IOException;

    boolean exists(String path);

    /** Names in a folder, sorted; none if there is no such folder. */
    List<String> list(String folder) throws IOException;

    void createFolders(String folder) throws IOException;

    void rename(String from, String to) throws IOException;

    /** Nothing happens if it does not exist. A folder must be empty. */
    void delete(String path) throws IOException;

    void forceFolder(String folder) throws IOException;

    /** Puts a whole file in its place, so that a reader sees all of it or the one before. Not durable yet. */
    default void put(String path, ByteBuffer bytes) throws IOException {
        String temporary = path + UNFINISHED;
        try (Handle file = create(temporary)) {
            file.write(bytes, 0);
        }
        rename(temporary, path);
    }

    /** As {@link #put}, and durable when it returns; after a crash inside, the file is the old one or the new one. */
    default void replace(String path, byte[] bytes) throws IOException {
        String temporary = path + UNFINISHED;
        try (Handle file = create(temporary)) {
            file.write(ByteBuffer.wrap(bytes), 0);
            file.force(); // before the rename, or the name could point at an empty file
        }
        rename(temporary, path);
        forceFolder(folderOf(path));
    }

    /** The folder a path is in; the log's own is the empty string. */
    static String folderOf(String path) {
        int slash = path.lastIndexOf('/');
        return slash < 0 ? "" : path.substring(0, slash);
    }

    /** The one failure of a write that passes by itself and leaves known what is stored. */
    final class NoSpace extends FileSystemException {
        private static final long serialVersionUID = 1L;

        NoSpace(String path) {
            super(path, null, "no space left");
        }
    }
}

package io.behalf.authority;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/**
 * A store's files read as a stranger's. SQLite makes files beside a database in write-ahead mode even to read it, follows links, and waits
 * for pipes; so one that was closed in good order is opened as a file that does not change, and one with a write-ahead file is read
 * from a copy of both that is gone when it is closed.
 */
final class StoreCopy {
    /** Of a store and its write-ahead file, where they must be copied. */
    static final long MOST_COPIED = 1L << 30;

    private static final String WRITE_AHEAD = "-wal";
    private static final int CHUNK = 1 << 16;

    private StoreCopy() {}

    static Store open(Path file) {
        try {
            checkRegular(file);
            Path ahead = file.resolveSibling(file.getFileName() + WRITE_AHEAD);
            if (!Files.exists(ahead, LinkOption.NOFOLLOW_LINKS)) {
                return Store.openUnchanging(file);
            }
            checkRegular(ahead);
            return fromCopy(file, ahead);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private static Store fromCopy(Path file, Path ahead) throws IOException {
        Path folder = Files.createTempDirectory("behalf-store");
        Path copy = folder.resolve("behalf.db");
        try {
            if (Files.size(file) + Files.size(ahead) > MOST_COPIED) {
                throw tooLong(file);
            }
            String before = state(file) + state(ahead);
            long left = copy(file, copy, MOST_COPIED);
            copy(ahead, folder.resolve("behalf.db" + WRITE_AHEAD), left);
            if (!before.equals(state(file) + state(ahead))) {
                throw new StoreFault(file + " was written while it was read: ask the server, or try again", null);
            }
            takeIn(copy);
            return Store.openUnchanging(copy);
        } finally { // what is open stays readable without a name
            for (String suffix : List.of("", WRITE_AHEAD, "-shm", "-journal")) {
                Files.deleteIfExists(folder.resolve("behalf.db" + suffix));
            }
            Files.delete(folder);
        }
    }

    private static String state(Path file) throws IOException {
        return Files.size(file) + " " + Files.getLastModifiedTime(file) + " ";
    }

    /** What is in the write-ahead file comes into the database. */
    private static void takeIn(Path database) {
        try (Connection sql = DriverManager.getConnection("jdbc:sqlite:" + database);
                Statement statement = sql.createStatement()) {
            statement.execute("pragma wal_checkpoint(truncate)");
        } catch (SQLException e) {
            throw new StoreFault("the store is damaged: " + e.getMessage(), e);
        }
    }

    /** @throws StoreFault naming the file, where it is something else */
    static void checkRegular(Path file) throws IOException {
        if (!Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isRegularFile()) {
            throw new StoreFault(
                    file + " is a link, a folder or a special file, and no regular file. Put the file itself there, or"
                            + " remove it: then nobody is named.",
                    null);
        }
    }

    /** @return what may still be copied */
    private static long copy(Path from, Path to, long most) throws IOException {
        byte[] chunk = new byte[CHUNK];
        long left = most;
        try (InputStream in = Files.newInputStream(from, LinkOption.NOFOLLOW_LINKS);
                OutputStream out = Files.newOutputStream(to, StandardOpenOption.CREATE_NEW)) {
            for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                left -= read;
                if (left < 0) {
                    throw tooLong(from);
                }
                out.write(chunk, 0, read);
            }
        }
        return left;
    }

    private static StoreFault tooLong(Path file) {
        return new StoreFault(
                file + " and what belongs to it are longer than " + MOST_COPIED
                        + " bytes. Start and stop a server on the"
                        + " directory, or remove the file: then nobody is named.",
                null);
    }
}

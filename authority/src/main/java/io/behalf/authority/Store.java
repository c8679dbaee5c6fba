package io.behalf.authority;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.JdbiException;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteDataSource;

/**
 * {@code behalf.db}: one SQLite connection that writes, used by one thread at a time, and one that only reads. A
 * transaction is on the disk when it returns (write-ahead mode with {@code synchronous=FULL}). Callers are virtual
 * threads; the lock is fair enough for the authority's traffic, and the data path never comes here.
 */
final class Store implements AutoCloseable {
    private static final int BUSY_MILLIS = 5_000;

    /** Of a value in a store that somebody else may have made; ours have a few hundred KB at most. */
    private static final int MAX_READ_VALUE = 16 << 20;

    private final Side writing;
    private final Side reading;

    private Store(Connection writing, Connection reading) {
        this.writing = new Side(writing, new ReentrantLock());
        this.reading =
                new Side(reading, new ReentrantLock(true)); // else a stop waits behind all steps of a long search
    }

    /** A connection, for one thread at a time. */
    private record Side(Connection connection, Jdbi jdbi, ReentrantLock lock) {
        Side(Connection connection, ReentrantLock lock) {
            this(connection, Jdbi.create(connection), lock);
        }

        <T> T transaction(Function<Handle, T> work) {
            lock.lock();
            try {
                return jdbi.<T, RuntimeException>inTransaction(work::apply);
            } catch (RuntimeException e) {
                throw StoreUnavailable.or(e);
            } finally {
                lock.unlock();
            }
        }

        void close() {
            lock.lock();
            try {
                connection.close();
            } catch (SQLException e) {
                throw new StoreFault("cannot close the store", e);
            } finally {
                lock.unlock();
            }
        }
    }

    static Store open(Path file) {
        try {
            ownersOnly(file);
            SQLiteDataSource source = source(file, false);
            Flyway.configure()
                    .dataSource(source)
                    .locations("classpath:io/behalf/authority/sqlite")
                    .table("authority_schema")
                    .loggers(MigrationLog.class.getName())
                    .load()
                    .migrate();
            return new Store(source.getConnection(), source(file, true).getConnection());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + file, e);
        } catch (SQLException e) {
            throw new StoreFault("cannot open " + file, e);
        }
    }

    /**
     * A file that nobody writes meanwhile: no other file is made, looked for or locked beside it.
     *
     * @throws StoreFault when it is no store
     */
    static Store openUnchanging(Path file) {
        SQLiteConfig config = new SQLiteConfig();
        config.setReadOnly(true);
        config.setPragma(SQLiteConfig.Pragma.LIMIT_LENGTH, String.valueOf(MAX_READ_VALUE));
        SQLiteDataSource source = new SQLiteDataSource(config);
        source.setUrl("jdbc:sqlite:" + file.toUri() + "?immutable=1");
        try {
            var store = new Store(source.getConnection(), source.getConnection());
            if (!store.hasTasks()) {
                store.close();
                throw new StoreFault(file + " is no store of a server", null);
            }
            return store;
        } catch (SQLException e) {
            throw new StoreFault("cannot open " + file + ": " + e.getMessage(), e);
        }
    }

    /** In a table of the file: what a view or a foreign module stands for is computed while it is read, perhaps without end. */
    private boolean hasTasks() {
        try {
            return transaction(sql -> sql.createQuery(
                                    "select count(*) from sqlite_schema where name = 'task' and type = 'table' and rootpage > 0")
                            .mapTo(Integer.class)
                            .one()
                    == 1);
        } catch (JdbiException e) { // not even a database
            return false;
        }
    }

    /**
     * One transaction: all of it is durable when this returns, or nothing of it ever was.
     *
     * @throws StoreUnavailable when the disk does not take it
     */
    <T> T transaction(Function<Handle, T> work) {
        return writing.transaction(work);
    }

    /** What is committed, for those who must not wait behind a transaction that the disk does not let end. */
    <T> T read(Function<Handle, T> work) {
        return reading.transaction(work);
    }

    @Override
    public void close() {
        reading.close();
        writing.close(); // last, so that it takes the write-ahead file back into the database
    }

    private static SQLiteDataSource source(Path file, boolean readOnly) {
        SQLiteConfig config = new SQLiteConfig();
        config.setReadOnly(readOnly);
        config.setBusyTimeout(BUSY_MILLIS);
        config.enforceForeignKeys(true);
        if (!readOnly) {
            config.setJournalMode(SQLiteConfig.JournalMode.WAL);
            config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
        }
        SQLiteDataSource source = new SQLiteDataSource(config);
        source.setUrl("jdbc:sqlite:" + file);
        return source;
    }

    private static void ownersOnly(Path file) throws IOException {
        try {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } catch (FileAlreadyExistsException there) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        }
    }
}

package io.behalf.server;

import io.behalf.authority.Identities;
import io.behalf.authority.Identities.Identity;
import io.behalf.core.delegation.TaskId;
import io.behalf.ledger.ClosedLedger;
import io.behalf.ledger.LedgerIndex;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A data directory to read: its logs, and who is behind the tasks where the store and its key are there. It may be a
 * stranger's copy: nothing in it is changed, and of the logs only what is under the last checkpoint is read.
 */
final class DataReader implements AutoCloseable {
    /** Longest wait for an index that has to be made first. */
    private static final Duration INDEX_WAIT = Duration.ofMinutes(10);

    /** A server keeps a few; each takes memory and threads while it is read. */
    static final int MOST_LOGS = 64;

    private final List<ClosedLedger> ledgers = new ArrayList<>();
    private final List<TaskReader> logs = new ArrayList<>();
    private final Optional<Identities> identities;

    private DataReader(Path data, List<String> names) {
        try {
            for (String name : names) {
                ClosedLedger ledger = ClosedLedger.open(log(data, name));
                ledgers.add(ledger);
                logs.add(reader(ledger, name));
            }
            identities = Identities.open(data);
        } catch (RuntimeException e) {
            closeLedgers();
            throw e;
        }
    }

    static DataReader open(Path data) {
        List<String> names = readable(data);
        if (names.isEmpty()) {
            throw CommandFailed.usage(
                    "There is no ledger in " + data + ": name the data directory with --data or BEHALF_DATA.");
        }
        if (names.size() > MOST_LOGS) {
            throw CommandFailed.usage(data + " has " + names.size() + " logs, and at most " + MOST_LOGS
                    + " are read: it is no data directory of a server.");
        }
        return new DataReader(data, names);
    }

    /** One that was robbed of its checkpoint is among them, so that nobody takes what it holds for what is not there. */
    private static List<String> readable(Path data) {
        return ledgers(data).stream()
                .filter(name -> isThere(data, name, "checkpoint") || isThere(data, name, "tile"))
                .toList();
    }

    private static boolean isThere(Path data, String name, String file) {
        return Files.exists(log(data, name).resolve(file), LinkOption.NOFOLLOW_LINKS);
    }

    /** Names of the logs in a data directory, whole or not; none where it is not one. */
    static List<String> ledgers(Path data) {
        Path ledgers = data.resolve("ledger");
        if (!Files.isDirectory(ledgers)) {
            return List.of();
        }
        try (var folders = Files.list(ledgers)) {
            return folders.filter(Files::isDirectory)
                    .map(folder -> String.valueOf(folder.getFileName()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Path log(Path data, String name) {
        return data.resolve("ledger").resolve(name);
    }

    List<TaskReader> logs() {
        return List.copyOf(logs);
    }

    Optional<Identity> identity(TaskId task) {
        return identities.flatMap(store -> store.of(task));
    }

    /** Beside what is told: it is what the files say, whoever wrote them. */
    static String unverified(Path data) {
        return "Told from the files in " + data
                + " as they are now. Whether they are as they were signed, says: behalf verify " + data;
    }

    /** Nothing bounds what is in a copy, and whoever reads one has a process of their own for it. */
    static CommandFailed tooLong(Path data) {
        return CommandFailed.unreachable(
                "What " + data + " holds of this is longer than the memory of this process: give it"
                        + " more, as JAVA_TOOL_OPTIONS=-Xmx8g.");
    }

    boolean opensIdentities() {
        return identities.isPresent();
    }

    @Override
    public void close() {
        closeLedgers();
        identities.ifPresent(Identities::close);
    }

    private void closeLedgers() {
        ledgers.forEach(ClosedLedger::close);
    }

    private static TaskReader reader(ClosedLedger ledger, String name) {
        try {
            LedgerIndex index = ledger.index(INDEX_WAIT);
            if (index.caughtUpTo() < ledger.size()) {
                throw CommandFailed.unreachable("The index of the log " + name + " cannot be made: it stops at entry "
                        + index.caughtUpTo() + " of " + ledger.size()
                        + index.behind().map(why -> ", " + why).orElse("") + ". Run behalf verify.");
            }
            return new TaskReader(ledger.reader(), index::lookup);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw CommandFailed.unreachable("Interrupted while the index of the log " + name + " was made.");
        }
    }
}

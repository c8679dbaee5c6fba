package io.behalf.authority;

import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.TaskId;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/**
 * Who stands behind a task and what they approved: what records only commit to. Whoever holds the data directory with its
 * keys can open it without a server; through a server, the caller records each opening.
 */
public final class Identities implements AutoCloseable {
    private final Store store;
    private final TaskTable tasks;
    private final boolean owned;

    Identities(Store store, TaskTable tasks, boolean owned) {
        this.store = store;
        this.tasks = tasks;
        this.owned = owned;
    }

    /**
     * Opens a data directory to read only; empty where there is no store or no key yet. It may be a stranger's copy: nothing is written
     * in it, and no pipe, device or link is opened.
     *
     * @throws StoreFault when the store or its key is not what a server writes
     */
    public static Optional<Identities> open(Path data) {
        Path file = data.resolve("behalf.db");
        return Keys.existingSealer(data.resolve("keys"), new SecureRandom())
                .filter(sealer -> Files.exists(file, LinkOption.NOFOLLOW_LINKS))
                .map(sealer -> new Identities(StoreCopy.open(file), new TaskTable(sealer, new LiveStops()), true));
    }

    /**
     * Empty when the task is unknown, or its person was erased.
     *
     * @throws StoreFault when the store says what no server writes
     */
    public Optional<Identity> of(TaskId id) {
        try {
            return read(id);
        } catch (StoreFault | StoreUnavailable e) {
            throw e;
        } catch (RuntimeException e) { // whoever made the store sealed it, and may have sealed anything
            throw new StoreFault("what the store says of " + id + " is not what a server writes", e);
        }
    }

    /**
     * Those who are called that (as {@link Person#isCalled} says, or by their pseudonym in a task) and for whom a task still
     * goes on, be it one that is only beginning: by subject id, each with those tasks. This is the store's knowledge alone,
     * so that somebody can be stopped whatever the ledger does; several people may have given themselves one name.
     */
    public SortedMap<String, List<TaskId>> called(String name) {
        TaskTable.Search search = tasks.search(name);
        boolean more = true;
        while (more) {
            more = store.read(search::step);
        }
        return search.found();
    }

    private Optional<Identity> read(TaskId id) {
        return store.transaction(sql -> tasks.find(sql, id)
                .map(task -> new Identity(
                        task.identity().map(KnownTask.Identity::person),
                        task.identity().map(KnownTask.Identity::salt),
                        task.approved(),
                        tasks.evidence(sql, id).flatMap(SignedLogin::read))));
    }

    @Override
    public void close() {
        if (owned) {
            store.close();
        }
    }

    /**
     * @param person empty with no subject
     * @param salt base64url, of the commitment in the {@code approved} record: SHA-256(salt ‖ {@link Person#canonical})
     * @param approved the pre-image of {@code task_s256}
     * @param login what the provider signed for exactly this text, where the person approved in the browser
     */
    public record Identity(
            Optional<Person> person, Optional<String> salt, ApprovedTask approved, Optional<SignedLogin> login) {
        /** Whether a record's {@code subject_commitment} is to this identity. */
        public boolean commits(String commitment) {
            return person.isPresent()
                    && salt.isPresent()
                    && Digests.committed(salt.get(), person.get().canonical()).equals(commitment);
        }
    }
}

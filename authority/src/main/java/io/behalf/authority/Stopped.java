package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import java.util.List;

/**
 * What a stop brought down. It is in force when this is answered; where it is kept decides what it survives.
 *
 * @param tasks ended as a whole
 * @param parts tasks that go on without one of their sub-agents
 * @param stored the store has it
 * @param recorded the ledger has its records
 */
public record Stopped(List<TaskId> tasks, List<TaskId> parts, boolean stored, boolean recorded) {
    public Stopped {
        tasks = List.copyOf(tasks);
        parts = List.copyOf(parts);
    }

    public boolean nothing() {
        return tasks.isEmpty() && parts.isEmpty();
    }

    /** Either place is enough for the next start to find it. */
    public boolean survives() {
        return stored || recorded;
    }
}

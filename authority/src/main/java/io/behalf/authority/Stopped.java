package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import java.util.List;

/**
 * What a stop brought down.
 *
 * @param tasks ended as a whole
 * @param parts tasks that go on without one of their sub-agents
 */
public record Stopped(List<TaskId> tasks, List<TaskId> parts) {
    public Stopped {
        tasks = List.copyOf(tasks);
        parts = List.copyOf(parts);
    }

    public boolean nothing() {
        return tasks.isEmpty() && parts.isEmpty();
    }
}

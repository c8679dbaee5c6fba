package io.behalf.gateway;

import io.behalf.core.delegation.Limits;

/** Counts calls of a task as the call flow does, for tests of those who keep its state. */
public final class CallsOf {
    private final TaskState task;

    public CallsOf(TaskState task) {
        this.task = task;
    }

    /** False when the task's calls are used up. */
    public boolean begin() {
        return task.take(Limits.NONE, 0).isEmpty();
    }

    public void settle(long tokens) {
        task.settled(tokens, 0);
    }
}

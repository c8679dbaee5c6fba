package io.behalf.authority;

import io.behalf.core.delegation.TaskId;
import java.util.concurrent.CompletionStage;

/** The calls that the gateway has open: a task's chain is closed only after the last of them has its outcome. */
@FunctionalInterface
public interface OpenCalls {
    /** Completes when the task has no open call; the authority waits for it 30 seconds at most. */
    CompletionStage<?> settled(TaskId task);
}

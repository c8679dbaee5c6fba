package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.TaskId;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** Where the running state of tasks comes from. Asked from event loops: neither method blocks. */
public interface Tasks {
    /** The state, if it is in memory. The same object for all who ask, as its counters are the task's. */
    @Nullable
    TaskState resident(TaskId id);

    /** Brings it into memory, at the task's first call here. Completes exceptionally when the store cannot be asked. */
    CompletionStage<Checked<TaskState>> open(Delegation delegation);
}

package io.behalf.authority;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.Map;
import javax.crypto.SecretKey;

/** A task's running state, for whoever forwards its calls. Blocking: call from a virtual thread. */
public interface Tasks {
    /** What the task's first call here needs; refused when the task is not known, stopped or over. */
    Checked<Opened> open(TaskId id);

    /** Keeps what was used up so far, so that limits outlive a restart. Totals never go down. */
    void used(Map<TaskId, Used> totals);

    /**
     * @param key HMAC-SHA-256, for the MACs in this task's records
     * @param limits over all the task's agents together
     */
    record Opened(TaskId id, SecretKey key, Limits limits, Used used, Instant end) {}

    record Used(long calls, long tokens, long spend) {
        public static final Used NOTHING = new Used(0, 0, 0);
    }
}

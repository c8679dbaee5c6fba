package io.behalf.authority;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;

/**
 * "Stop this."
 *
 * @param by who says so, as it will stand in the record: {@code operator}, an agent's id, a subject's pseudonym
 * @param dryRun only say what would fall
 */
public record RevokeRequest(What what, String by, String reason, boolean dryRun) {
    /** Longest reason kept. */
    public static final int MAX_REASON = 200;

    public RevokeRequest {
        if (by.isBlank() || reason.isBlank() || reason.length() > MAX_REASON) {
            throw new IllegalArgumentException("a stop says by whom, and why in at most " + MAX_REASON + " characters");
        }
    }

    /** What falls. Every form is a point in time: what is begun after it is not touched. */
    public sealed interface What {
        record Task(TaskId id) implements What {}

        /** @param subject {@code <provider>:<id>} */
        record User(String subject) implements What {}

        /** Its tasks, and the part that it plays in those of others. */
        record Agent(String id) implements What {}

        record Approval(String id) implements What {
            public Approval {
                Ids.require("apr", id);
            }
        }

        /** Tasks that may reach this service. */
        record Service(String name) implements What {}

        record All() implements What {}
    }
}

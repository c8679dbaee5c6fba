package io.behalf.authority;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.Set;

/** Something has ended: what runs under it is cut, and later calls are refused with {@link #reason}. */
public sealed interface Stop {
    /** {@code TASK_ENDED} by its agent, {@code TASK_EXPIRED} by time, {@code DELEGATION_REVOKED} by anybody else. */
    Reason reason();

    boolean affects(Delegation delegation);

    record OfTask(TaskId task, Reason reason) implements Stop {
        @Override
        public boolean affects(Delegation delegation) {
            return delegation.taskId().equals(task);
        }
    }

    /** An agent's part in a task that is not its own, and all that was handed on from there. */
    record OfAgent(TaskId task, String agent, Instant at, Reason reason) implements Stop {
        @Override
        public boolean affects(Delegation delegation) {
            return delegation.taskId().equals(task)
                    && delegation.actors().contains(agent)
                    && !delegation.issuedAt().isAfter(at);
        }
    }

    /** @param jtis of one token and of those that were made from it */
    record OfTokens(Set<String> jtis, Reason reason) implements Stop {
        public OfTokens {
            jtis = Set.copyOf(jtis);
        }

        @Override
        public boolean affects(Delegation delegation) {
            return jtis.contains(delegation.jti());
        }
    }
}

package io.behalf.sdk;

import io.behalf.core.delegation.TaskId;
import java.time.Instant;

/**
 * A token by which one named sub-agent can take over part of a task, once and within a minute. Whoever shows it must
 * authenticate as that sub-agent, so it is no credential by itself.
 */
public record HandOver(String token, TaskId task, Instant expires) {
    @Override
    public String toString() {
        return "HandOver[" + task + "]";
    }
}

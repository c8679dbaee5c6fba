package io.behalf.sdk;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.Optional;

/**
 * A delegation as its agent holds it.
 *
 * @param token to be sent with each request, and to nobody but its audience
 * @param bound whether a proof of the agent's key goes with it
 * @param granted what may be done, which can be less than what was asked for
 * @param expires end of this token
 * @param taskEnd end of the task, which renewal does not move
 * @param renewal the renewal token; empty where the authority gave none
 */
public record HeldDelegation(
        String token,
        boolean bound,
        TaskId task,
        BehalfTask granted,
        Instant issued,
        Instant expires,
        Instant taskEnd,
        Optional<String> renewal) {
    @Override
    public String toString() {
        return "HeldDelegation[" + task + " until " + expires + "]"; // the tokens are credentials
    }
}

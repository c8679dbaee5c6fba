package io.behalf.verifier;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import java.util.Optional;

/** What was stopped before its time: a snapshot, asked on every request, so it answers from memory. */
@FunctionalInterface
public interface Revocations {
    /** Nothing is ever stopped early; for services that rely on the short life of tokens. */
    Revocations NONE = delegation -> Optional.empty();

    /**
     * {@link Reason#TASK_ENDED} when the agent ended the task, {@link Reason#DELEGATION_REVOKED} for any stop by others,
     * empty while it stands.
     */
    Optional<Reason> stopped(Delegation delegation);
}

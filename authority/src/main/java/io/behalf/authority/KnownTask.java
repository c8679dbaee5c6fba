package io.behalf.authority;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A task as the authority knows it.
 *
 * @param agent the one that the approval names: first of every chain of actors
 * @param task what was approved, over all audiences
 * @param approved the pre-image of {@code task_s256}
 * @param identity absent with no subject
 */
record KnownTask(
        TaskId id,
        String agent,
        OnBehalfOf onBehalfOf,
        BehalfTask task,
        ApprovedTask approved,
        ApprovalKind kind,
        Optional<Delegation.Login> login,
        Optional<Identity> identity,
        Instant created,
        State state,
        Optional<Reason> stopped) {
    enum State {
        /** The ledger does not have its first record yet. */
        PENDING,
        ACTIVE,
        /** Nothing goes on; its chain is not closed yet. */
        STOPPED,
        ENDED;

        String code() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * @param salt 32 random bytes, base64url, of the commitment in {@code approved}
     * @param claims of the provider's token at the start, as far as rights are read from them
     */
    record Identity(Person person, String salt, Map<String, @Nullable Object> claims) {
        /** The provider's session in which the task began, where its token named one. */
        Optional<String> sid() {
            return claims.get("sid") instanceof String sid ? Optional.of(sid) : Optional.empty();
        }
    }

    Instant end() {
        return approved.end();
    }

    /** As it is under a stop; the first reason stays. */
    KnownTask stoppedFor(Reason reason) {
        return state == State.STOPPED || state == State.ENDED
                ? this
                : new KnownTask(
                        id,
                        agent,
                        onBehalfOf,
                        task,
                        approved,
                        kind,
                        login,
                        identity,
                        created,
                        State.STOPPED,
                        Optional.of(reason));
    }

    /** Why nothing more is handed out for it; empty while it goes on. */
    Optional<Reason> over(Instant now) {
        if (state == State.STOPPED || state == State.ENDED) {
            return Optional.of(stopped.orElse(Reason.TASK_ENDED));
        }
        return now.isBefore(end()) ? Optional.empty() : Optional.of(Reason.TASK_EXPIRED);
    }
}

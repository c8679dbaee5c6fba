package io.behalf.core.delegation;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * "Agent A acts for user X, within scope Y, for task Z, until T": what a delegation token says. Its claims' names and
 * JSON form are {@link DelegationClaims}'.
 *
 * @param audience the one resource address that this token is for
 * @param jti {@code dlg_…}
 * @param actors agent ids, current first; earlier ones are history and never decide (RFC 8693 §4.1)
 * @param task what is granted for this audience
 * @param taskEnd the approved end, which no renewal moves
 * @param taskS256 base64url SHA-256 of the {@link ApprovedTask}
 * @param notBefore {@code nbf}, where the issuer set one
 */
public record Delegation(
        String issuer,
        String audience,
        String jti,
        OnBehalfOf onBehalfOf,
        List<String> actors,
        BehalfTask task,
        TaskId taskId,
        Instant taskEnd,
        String taskS256,
        String approvalId,
        ApprovalKind approvalKind,
        Optional<Login> login,
        Binding binding,
        Instant issuedAt,
        Optional<Instant> notBefore,
        Instant expires,
        Optional<StatusReference> status) {
    /** Longest chain that can be written down at all; a route or policy may allow fewer. */
    public static final int MAX_ACTORS = 8;

    private static final Pattern AGENT = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._~:/-]{0,254}");

    public Delegation {
        Ids.require("dlg", jti);
        Ids.require("apr", approvalId);
        actors = List.copyOf(actors);
        if (actors.isEmpty() || actors.size() > MAX_ACTORS) {
            throw new IllegalArgumentException("between 1 and " + MAX_ACTORS + " actors");
        }
        actors.forEach(Delegation::requireAgent);
        if (!taskS256.matches("[A-Za-z0-9_-]{43}")) {
            throw new IllegalArgumentException("task_s256 is 43 base64url characters");
        }
        boolean nobody = onBehalfOf instanceof OnBehalfOf.NoSubject;
        if (nobody != (approvalKind == ApprovalKind.NONE)) {
            throw new IllegalArgumentException("approval_kind is none exactly where there is no subject");
        }
        if (expires.isAfter(taskEnd)) {
            throw new IllegalArgumentException("exp is after task_exp");
        }
    }

    /** @throws IllegalArgumentException when {@code id} cannot name an agent */
    public static String requireAgent(String id) {
        if (!AGENT.matcher(id).matches()) {
            throw new IllegalArgumentException("an agent id is 1 to 255 of letters, digits and . _ ~ : / -");
        }
        return id;
    }

    /** The agent that acts now. */
    public String actor() {
        return actors.get(0);
    }

    public Scope scope() {
        return task.scope();
    }

    /** How the person had logged in (RFC 9068 §2.2.1). */
    public record Login(Instant authTime, Optional<String> acr, List<String> amr) {
        public Login {
            amr = List.copyOf(amr);
        }
    }

    /** Where a token status list tells whether this token still counts. */
    public record StatusReference(String uri, int index) {
        public StatusReference {
            if (index < 0) {
                throw new IllegalArgumentException("a status index is not negative");
            }
        }
    }
}

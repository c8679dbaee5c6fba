package io.behalf.core.delegation;

import java.util.Locale;

/**
 * Why a call was refused: a closed list, in the order in which the checks are made. It is the record's {@code reason},
 * the API's {@code reason} and a heading of {@code docs/reasons.md}.
 */
public enum Reason {
    // head of the request
    REQUEST_MALFORMED(400),
    ROUTE_UNKNOWN(404),
    REQUEST_TOO_LARGE(413),
    // the credential
    AGENT_UNAUTHENTICATED(401),
    DELEGATION_MISSING(401),
    DELEGATION_MALFORMED(401),
    ISSUER_UNTRUSTED(401),
    SIGNATURE_INVALID(401),
    AUDIENCE_MISMATCH(401),
    DELEGATION_NOT_YET_VALID(401),
    TASK_EXPIRED(401),
    DELEGATION_EXPIRED(401),
    BINDING_MISSING(401),
    PROOF_INVALID(401),
    BINDING_MISMATCH(401),
    PROOF_REPLAYED(401),
    TASK_ENDED(401),
    DELEGATION_REVOKED(401),
    // the decision
    ACTOR_MISMATCH(403),
    CHAIN_TOO_DEEP(403),
    SCOPE_EXCEEDED(403),
    APPROVAL_REQUIRED(403),
    LIMIT_EXCEEDED(403),
    POLICY_DENIED(403),
    // a part of the system failed
    POLICY_UNAVAILABLE(503),
    RECORD_UNAVAILABLE(503),
    UPSTREAM_UNAVAILABLE(502);

    private final int status;
    private final String code;

    Reason(int status) {
        this.status = status;
        this.code = name().toLowerCase(Locale.ROOT);
    }

    /** The name seen from outside, for example {@code scope_exceeded}. */
    public String code() {
        return code;
    }

    /** The HTTP status, unless the refusal says otherwise (a rate is 429, a slow upstream 504). */
    public int status() {
        return status;
    }

    /** Whether {@code WWW-Authenticate} goes with it (RFC 6750 §3). */
    public boolean challenges() {
        return status == 401;
    }

    /** A decision about a delegation that was authentic: the stages after the credential. */
    public boolean decided() {
        return compareTo(ACTOR_MISMATCH) >= 0 && compareTo(POLICY_DENIED) <= 0;
    }

    /**
     * Whether {@code observe} lets the call pass: no delegation at all, or a decision. A delegation that was shown and
     * failed its checks is refused in every mode, or an attacker would try forgeries where nobody refuses them.
     */
    public boolean tolerable() {
        return this == DELEGATION_MISSING || decided();
    }

    /** @throws IllegalArgumentException for a code that is not in the list */
    public static Reason of(String code) {
        for (Reason reason : values()) {
            if (reason.code.equals(code)) {
                return reason;
            }
        }
        throw new IllegalArgumentException("unknown reason: " + code);
    }
}

package io.behalf.verifier;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord;

/**
 * A delegation whose token, proof of possession and standing were checked for one request. Only
 * {@link DelegationVerifier} makes one.
 */
public final class VerifiedDelegation {
    private final Delegation delegation;
    private final String tokenSha256;
    private final boolean bound;

    VerifiedDelegation(Delegation delegation, String tokenSha256, boolean bound) {
        this.delegation = delegation;
        this.tokenSha256 = tokenSha256;
        this.bound = bound;
    }

    public Delegation delegation() {
        return delegation;
    }

    /** SHA-256 of the token's bytes, lower-case hex: what records hold instead of the token. */
    public String tokenSha256() {
        return tokenSha256;
    }

    /** Whether possession of a key or certificate was proved. */
    public boolean bound() {
        return bound;
    }

    /** What a record says of the token that was presented. */
    public AuditRecord.Held held() {
        return new AuditRecord.Held(
                delegation.jti(),
                delegation.approvalId(),
                delegation.approvalKind().code(),
                delegation.expires(),
                tokenSha256,
                bound);
    }

    /** What a record says of for whom the agent acts: a pseudonym, never the person. */
    public AuditRecord.Basis basis() {
        return delegation
                .onBehalfOf()
                .fold(
                        person -> new AuditRecord.Basis.Person(person.pseudonym()),
                        nobody -> new AuditRecord.Basis.Nobody(nobody.category(), nobody.reasonCode()));
    }

    @Override
    public String toString() {
        return "VerifiedDelegation[" + delegation.jti() + "]";
    }
}

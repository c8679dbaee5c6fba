package io.behalf.verifier;

import io.behalf.core.delegation.Delegation;

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

    @Override
    public String toString() {
        return "VerifiedDelegation[" + delegation.jti() + "]";
    }
}

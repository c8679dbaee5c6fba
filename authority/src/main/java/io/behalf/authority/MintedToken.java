package io.behalf.authority;

import io.behalf.core.delegation.Delegation;

/** A token made for one downstream service, and what it says. */
public record MintedToken(String token, Delegation delegation) {
    @Override
    public String toString() {
        return "MintedToken[" + delegation.jti() + "]"; // the token itself is a credential
    }
}

package io.behalf.verifier;

import java.util.Optional;

/**
 * Whose tokens count, with their keys: a snapshot that is replaced as a whole when keys change. Called on every request,
 * so it answers from memory. Issuers and the addresses of their keys come from configuration, never from a token.
 */
@FunctionalInterface
public interface TrustedIssuers {
    /** @param issuer compared exactly */
    Optional<IssuerKeys> of(String issuer);
}

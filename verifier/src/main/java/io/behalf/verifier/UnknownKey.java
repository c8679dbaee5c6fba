package io.behalf.verifier;

/**
 * A trusted issuer's token names a key that the snapshot does not have: the issuer may have a new one. Whoever holds the
 * snapshot refreshes it, at a bounded rate, and verifies once more.
 */
public record UnknownKey(String issuer, String kid) {}

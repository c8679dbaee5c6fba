package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.VerifierKey;
import java.util.Optional;

/**
 * What somebody knew of a log before.
 *
 * @param seen the last checkpoint seen, which the log must continue
 */
public record Pin(VerifierKey key, Optional<Checkpoint> seen) {}

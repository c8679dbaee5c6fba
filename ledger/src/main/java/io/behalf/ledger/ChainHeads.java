package io.behalf.ledger;

import java.util.Optional;

/** Where the head of a chain that is no longer in memory is found again. */
interface ChainHeads {
    /** Entries below this can be found. */
    long indexed();

    /** Blocks on the disk. Empty if no record of the task has ever been written. */
    Optional<Chains.Head> find(String task);
}

package io.behalf.ledger;

import java.util.Optional;

/** Where the head of a chain that is no longer in memory is found again. Asked by {@link HeadSearch} alone, as both steps may block. */
interface ChainHeads {
    /** Entries below this can be found. */
    long indexed();

    /** The entries that may be the task's, ascending, from the index; none if no record of it has ever been written. */
    long[] entries(String task);

    /** The last of these that is the task's, read from its bundle. */
    Optional<Chains.Head> head(String task, long[] entries);
}

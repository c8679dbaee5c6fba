package io.behalf.ledger;

import java.util.OptionalLong;

/**
 * The record has survived a power loss from here on.
 *
 * @param index its place in the ledger; empty on a distributed log, which acknowledges before the place is known
 */
public record Committed(String recordId, OptionalLong index) {}

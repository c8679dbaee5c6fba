package io.behalf.gateway;

import java.util.concurrent.CompletionStage;

/** Fetches a trusted issuer's keys again when a token names one that is not in the snapshot. */
@FunctionalInterface
public interface IssuerRefresh {
    /**
     * Completes when the snapshot is as new as it gets, also when the issuer could not be reached. Never blocks; asks
     * an issuer once in a while only, however often it is called, or strangers could make it ask without end.
     */
    CompletionStage<?> refresh(String issuer);
}

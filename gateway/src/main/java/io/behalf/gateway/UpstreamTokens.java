package io.behalf.gateway;

import io.behalf.verifier.VerifiedDelegation;
import java.time.Instant;
import java.util.concurrent.CompletionStage;

/** Tokens for upstreams that verify for themselves, made under the authority's key and bound to the gateway's. */
public interface UpstreamTokens {
    /**
     * A token that says what {@code presented} says, narrowed to the route's service, for its audience. Kept for its
     * life, so that a task's calls share it. Never blocks; completes exceptionally when none can be made.
     */
    CompletionStage<Minted> tokenFor(VerifiedDelegation presented, Route route);

    /**
     * A proof of possession of the gateway's key (RFC 9449 §4.2), good for one request.
     *
     * @param record the call's intent: the upstream learns its id in {@code Behalf-Record}, and its own record of this
     *     call may name no other
     * @param url without query and fragment
     */
    String proof(Minted token, String record, String method, String url);

    /** @param jti the token's id */
    record Minted(String jti, String token, Instant expires) {
        @Override
        public String toString() {
            return "Minted[" + jti + "]"; // the token is a credential
        }
    }
}

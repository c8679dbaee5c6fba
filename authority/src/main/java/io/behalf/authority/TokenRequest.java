package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.core.delegation.Binding;
import java.time.Instant;
import java.util.Optional;

/**
 * A request to the token endpoint whose agent is authenticated and whose proof of possession, if it came, holds.
 *
 * @param binding what the new token will be bound to
 */
record TokenRequest(Form form, Agent agent, Binding binding, Instant now) {
    Optional<String> jkt() {
        return binding instanceof Binding.Key(var jkt) ? Optional.of(jkt) : Optional.empty();
    }
}

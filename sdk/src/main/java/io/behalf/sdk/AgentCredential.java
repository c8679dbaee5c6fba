package io.behalf.sdk;

import io.behalf.core.jose.SigningKey;

/** How an agent proves at the authority that it is who it says. */
public sealed interface AgentCredential {
    /** The agent's id at the authority: the OAuth client id. */
    String agent();

    /** {@code private_key_jwt} (RFC 7523 §2.2): nothing secret leaves the agent. */
    record PrivateKey(String agent, SigningKey key) implements AgentCredential {}

    /** {@code client_secret_basic} (RFC 6749 §2.3.1). */
    record Secret(String agent, String secret) implements AgentCredential {
        @Override
        public String toString() {
            return "Secret[" + agent + "]";
        }
    }
}

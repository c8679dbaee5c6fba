package io.behalf.sdk;

import java.net.URI;
import java.time.Instant;

/**
 * An approval that was asked for and is still open: the person goes to {@code page}; the answer comes to the redirect
 * address with {@code state} and a code.
 *
 * @param page to open in the person's browser, before {@code expires}
 * @param state must come back unchanged (RFC 6749 §10.12)
 * @param verifier the PKCE secret that goes with the code (RFC 7636)
 */
public record ApprovalRequest(URI page, Instant expires, String state, String verifier, URI redirect) {
    @Override
    public String toString() {
        return "ApprovalRequest[" + expires + "]";
    }
}

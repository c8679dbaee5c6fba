package io.behalf.verifier;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a request shows of a delegation, as bytes on the wire; nothing in it is believed yet.
 *
 * @param token the delegation token
 * @param scheme where the token stood
 * @param proofs values of all {@code DPoP} headers
 * @param certificateS256 base64url SHA-256 of the client certificate that the TLS layer verified
 * @param method HTTP method, as sent
 * @param url the configured base address and the request's raw path, without query
 * @param audiences resource addresses accepted here: the route's own and the gateway's
 * @param allowUnbound whether a token that is bound to nothing may be used here
 */
public record Presented(
        Optional<String> token,
        Scheme scheme,
        List<String> proofs,
        Optional<String> certificateS256,
        String method,
        String url,
        Set<String> audiences,
        boolean allowUnbound) {
    /** Where a token stood. */
    public enum Scheme {
        /** {@code Authorization: DPoP}. */
        DPOP,
        /** {@code Authorization: Bearer}. */
        BEARER,
        /** {@code X-Behalf-Delegation}. */
        DELEGATION_HEADER,
        /** The header in which a model's SDK puts its key. */
        KEY_HEADER,
        /** Nowhere. */
        NONE
    }

    public Presented {
        proofs = List.copyOf(proofs);
        audiences = Set.copyOf(audiences);
    }

    /**
     * Reads the headers of a request to a service that takes its delegation in {@code Authorization} alone.
     *
     * @param authorization values of all {@code Authorization} headers
     * @return refused with {@code request_malformed} where there are two: one of them would go unchecked
     */
    public static Checked<Presented> fromHeaders(
            List<String> authorization,
            List<String> proofs,
            Optional<String> certificateS256,
            String method,
            String url,
            Set<String> audiences,
            boolean allowUnbound) {
        if (authorization.size() > 1) {
            return Checked.refused(Refusal.of(Reason.REQUEST_MALFORMED, "Send exactly one Authorization header."));
        }
        String value = authorization.isEmpty() ? "" : authorization.get(0);
        Scheme scheme = Scheme.NONE;
        if (value.regionMatches(true, 0, "DPoP ", 0, 5)) { // RFC 9110 §11.1: the scheme's case does not count
            scheme = Scheme.DPOP;
        } else if (value.regionMatches(true, 0, "Bearer ", 0, 7)) {
            scheme = Scheme.BEARER;
        }
        Optional<String> token = scheme == Scheme.NONE
                ? Optional.empty()
                : Optional.of(value.substring(value.indexOf(' ')).strip());
        return Checked.passed(
                new Presented(token, scheme, proofs, certificateS256, method, url, audiences, allowUnbound));
    }

    @Override
    public String toString() {
        return "Presented[" + scheme + " " + method + "]"; // the rest is credentials
    }
}

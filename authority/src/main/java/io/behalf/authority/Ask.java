package io.behalf.authority;

import java.util.List;
import java.util.Optional;

/**
 * A request, as the endpoints see it.
 *
 * @param path below the issuer's address
 * @param form of the body, or of the query for GET
 * @param proofs values of all {@code DPoP} headers
 * @param cookie of a browser's approval, where it sent one
 * @param from the peer's address, for counting failures
 */
record Ask(
        String method,
        String path,
        Form form,
        Optional<String> authorization,
        List<String> proofs,
        Optional<String> cookie,
        String from) {
    /** Whether it comes from the browser whose cookie has this digest. */
    boolean fromBrowser(String digest) {
        return cookie.filter(value -> Digests.same(Digests.hex(value), digest)).isPresent();
    }
}

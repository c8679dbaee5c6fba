package io.behalf.authority;

import java.util.Locale;
import java.util.Optional;

/**
 * An error answer (RFC 6749 §5.2 and the documents that add codes).
 *
 * @param description what a person who runs the client can do about it; the same for every unauthenticated client
 * @param detail for the operator's log
 */
record OAuthError(Code code, String description, Optional<String> detail) {
    enum Code {
        INVALID_REQUEST(400),
        INVALID_CLIENT(401),
        INVALID_GRANT(400),
        UNAUTHORIZED_CLIENT(400),
        UNSUPPORTED_GRANT_TYPE(400),
        INVALID_SCOPE(400),
        /** RFC 8693 §2.2.2, RFC 8707 §2. */
        INVALID_TARGET(400),
        /** RFC 9396 §5. */
        INVALID_AUTHORIZATION_DETAILS(400),
        /** RFC 9449 §5. */
        INVALID_DPOP_PROOF(400),
        /** RFC 9449 §8. */
        USE_DPOP_NONCE(400),
        /** RFC 9101 §7: a request_uri that is unknown, used or over. */
        INVALID_REQUEST_URI(400),
        ACCESS_DENIED(403),
        UNSUPPORTED_RESPONSE_TYPE(400),
        SLOW_DOWN(429),
        SERVER_ERROR(500),
        TEMPORARILY_UNAVAILABLE(503);

        private final int status;

        Code(int status) {
            this.status = status;
        }

        int status() {
            return status;
        }

        String code() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}

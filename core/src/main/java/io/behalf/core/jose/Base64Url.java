package io.behalf.core.jose;

import io.behalf.core.json.Json;
import java.util.Base64;

/** Base64url as JOSE wants it (RFC 7515 §2): no padding, no white space, one text for one value. */
public final class Base64Url {
    private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();

    private Base64Url() {}

    public static String encode(byte[] bytes) {
        return ENCODER.encodeToString(bytes);
    }

    /** @throws Json.Malformed for anything that {@link #encode} would not have written, stray last bits included */
    public static byte[] decode(String text) throws Json.Malformed {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            if (encode(bytes).equals(text)) {
                // otherwise a signed text had twins that a replay or revocation list keyed by bytes would not know
                return bytes;
            }
        } catch (IllegalArgumentException notBase64) {
            throw new Json.Malformed("not base64url", notBase64);
        }
        throw new Json.Malformed("not the canonical base64url form", null);
    }
}

package io.behalf.core.merkle;

import java.util.Base64;

/** Standard base64 with padding, in its one canonical form: Java's decoder accepts changed padding bits, so the result is encoded again. */
final class StrictBase64 {
    private StrictBase64() {}

    static Parsed<byte[]> decode(String text) {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(text);
        } catch (IllegalArgumentException e) {
            return Parsed.invalid("not base64");
        }
        return encode(bytes).equals(text) ? Parsed.valid(bytes) : Parsed.invalid("not the canonical form of base64");
    }

    static String encode(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}

package io.behalf.server;

import io.behalf.core.jose.Base64Url;
import io.vertx.core.MultiMap;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;

/**
 * What one run's programs show at its sidecar in place of a provider's key. Good nowhere else and for nobody else: whoever
 * learns it can act under this task for as long as the run lasts, from this machine.
 */
final class RunSecret {
    /** Where programs put their key. */
    static final List<String> KEY_HEADERS = List.of("x-api-key", "x-goog-api-key", "api-key");

    private static final int BYTES = 32;
    private static final String BEARER = "Bearer ";

    private final String text;
    private final byte[] bytes;

    private RunSecret(String text) {
        this.text = text;
        this.bytes = text.getBytes(StandardCharsets.US_ASCII);
    }

    static RunSecret random(SecureRandom random) {
        byte[] bytes = new byte[BYTES];
        random.nextBytes(bytes);
        // some programs want a key to look like their provider's
        return new RunSecret("sk-behalf-" + Base64Url.encode(bytes));
    }

    String text() {
        return text;
    }

    /** Whether the request shows it where keys belong. */
    boolean shownIn(MultiMap headers) {
        for (String value : headers.getAll("authorization")) {
            if (value.regionMatches(true, 0, BEARER, 0, BEARER.length())
                    && is(value.substring(BEARER.length()).strip())) {
                return true;
            }
        }
        return KEY_HEADERS.stream()
                .flatMap(name -> headers.getAll(name).stream())
                .anyMatch(value -> is(value.strip()));
    }

    /** Whether it stands in an address or in a header where it does not belong. */
    boolean isWithin(String value) {
        return value.contains(text);
    }

    boolean isWithin(Map.Entry<String, String> header) {
        return isWithin(header.getValue());
    }

    /** In time that tells nothing of how much of a guess was right. */
    private boolean is(String guess) {
        return MessageDigest.isEqual(bytes, guess.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String toString() {
        return "RunSecret";
    }
}

package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.SecretKey;

/**
 * HMAC-SHA-256 under one key: a task's, so that guessable content stays private once the key is destroyed, or the log's,
 * for calls that no task is known of. Thread-safe; a started {@link Mac} belongs to one call.
 */
final class Macs {
    static final String ALGORITHM = "HmacSHA256";
    private static final HexFormat HEX = HexFormat.of();

    /** Never fed, only copied: that is cheaper than finding the algorithm and hashing the key again. */
    private final Mac fresh;

    Macs(SecretKey key) {
        try {
            fresh = Mac.getInstance(ALGORITHM);
            fresh.init(key);
            start();
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("not a key for " + ALGORITHM, e);
        }
    }

    Mac start() {
        try {
            return (Mac) fresh.clone();
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException("the JDK's " + ALGORITHM + " can be copied", e);
        }
    }

    String of(byte[] content) {
        return finish(start(), content);
    }

    String of(Buffer content) {
        return of(content.getBytes());
    }

    String of(String content) {
        return of(content.getBytes(StandardCharsets.UTF_8));
    }

    static String finish(Mac mac, byte[] rest) {
        return HEX.formatHex(mac.doFinal(rest));
    }
}

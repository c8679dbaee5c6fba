package io.behalf.core.delegation;

import java.time.Instant;
import java.util.random.RandomGenerator;

/** Identifiers: a prefix, an underscore and a ULID (48 bits of Unix milliseconds, 80 random bits, Crockford base 32). */
public final class Ids {
    private static final String ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private static final int ULID_LENGTH = 26;

    /** Of each ASCII character, whether it stands in a ULID: random ones are what a branch predictor cannot guess. */
    private static final boolean[] IN_ALPHABET = new boolean[128];

    static {
        ALPHABET.chars().forEach(c -> IN_ALPHABET[c] = true);
    }

    private Ids() {}

    /** A new id; {@code random} is a secure generator wherever guessing the id would help somebody. */
    public static String next(String prefix, Instant now, RandomGenerator random) {
        char[] out = new char[prefix.length() + 1 + ULID_LENGTH];
        prefix.getChars(0, prefix.length(), out, 0);
        out[prefix.length()] = '_';
        int at = prefix.length() + 1;
        long millis = now.toEpochMilli();
        for (int i = 9; i >= 0; i--) {
            out[at + i] = ALPHABET.charAt((int) (millis & 31));
            millis >>>= 5;
        }
        long high = random.nextLong();
        long low = random.nextLong();
        for (int i = 0; i < 8; i++) {
            out[at + 10 + i] = ALPHABET.charAt((int) (high >>> (5 * i)) & 31);
            out[at + 18 + i] = ALPHABET.charAt((int) (low >>> (5 * i)) & 31);
        }
        return new String(out);
    }

    /** Whether {@code id} is {@code prefix}, an underscore and a well-formed ULID. */
    public static boolean valid(String prefix, String id) {
        int start = prefix.length() + 1;
        if (id.length() != start + ULID_LENGTH || !id.startsWith(prefix) || id.charAt(start - 1) != '_') {
            return false;
        }
        if (id.charAt(start) > '7') {
            return false; // 26 characters hold 130 bits, a ULID 128
        }
        for (int i = start; i < id.length(); i++) {
            char c = id.charAt(i);
            if (c >= IN_ALPHABET.length || !IN_ALPHABET[c]) {
                return false;
            }
        }
        return true;
    }

    /** @throws IllegalArgumentException when {@code id} is not such an id */
    public static String require(String prefix, String id) {
        if (!valid(prefix, id)) {
            throw new IllegalArgumentException("not a " + prefix + "_ id");
        }
        return id;
    }
}

package io.behalf.core.delegation;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** The {@code service:action} words of an OAuth {@code scope} parameter, with RFC 3986 percent-encoding of the action. */
public final class ScopeWords {
    private static final HexFormat HEX = HexFormat.of().withUpperCase();

    private ScopeWords() {}

    /**
     * Reads scope words, separated by one space, as permissions without resources or constraints.
     *
     * @throws IllegalArgumentException saying which rule a word breaks
     */
    public static Scope parse(String scope) {
        List<Permission> permissions = new ArrayList<>();
        for (String word : scope.isEmpty() ? new String[0] : scope.split(" ", -1)) {
            int colon = word.indexOf(':');
            if (colon < 1 || colon == word.length() - 1) {
                throw new IllegalArgumentException("a scope word is service:action");
            }
            permissions.add(Permission.of(word.substring(0, colon), List.of(decode(word.substring(colon + 1)))));
        }
        return new Scope(permissions);
    }

    static String encode(String action) {
        StringBuilder out = new StringBuilder(action.length());
        for (byte b : action.getBytes(StandardCharsets.UTF_8)) {
            if (plain(b)) {
                out.append((char) b);
            } else {
                out.append('%').append(HEX.toHighHexDigit(b)).append(HEX.toLowHexDigit(b));
            }
        }
        return out.toString();
    }

    private static String decode(String word) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < word.length(); i++) {
            char c = word.charAt(i);
            if (c == '%') {
                if (i + 2 >= word.length()
                        || !HexFormat.isHexDigit(word.charAt(i + 1))
                        || !HexFormat.isHexDigit(word.charAt(i + 2))) {
                    throw new IllegalArgumentException("% is followed by two hex digits");
                }
                out.write(HexFormat.fromHexDigits(word, i + 1, i + 3));
                i += 2;
            } else if (c < 0x80 && plain((byte) c)) {
                out.write(c);
            } else {
                throw new IllegalArgumentException(
                        "characters other than letters, digits and - . _ ~ * / are percent-encoded");
            }
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    private static boolean plain(byte b) {
        return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || "-._~*/".indexOf(b) >= 0;
    }
}

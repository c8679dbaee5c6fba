package io.behalf.it;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Values that must not be found, and a search for them in whatever form they could have been written: as they are, escaped
 * for JSON, HTML or an address, as hex, as base64 at any offset within something longer; of a token also its parts.
 */
final class Leaks {
    /** What is shorter stands somewhere by chance. */
    private static final int SHORTEST = 8;

    private static final Pattern ANY_TOKEN =
            Pattern.compile("eyJ[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}");
    private static final Pattern ANY_PRIVATE_KEY = Pattern.compile("PRIVATE KEY-----|\"d\" ?: ?\"[A-Za-z0-9_-]{32,}\"");

    /** By its form, as the bytes would be read one by one. */
    private final Map<String, String> secrets = new LinkedHashMap<>();

    private final Map<String, String> confidences = new LinkedHashMap<>();

    /** A credential: nobody is told it, by anything. */
    void secret(String what, String value) {
        forms(value).forEach(form -> secrets.putIfAbsent(form, what));
    }

    /** About a person, or what one wrote: to be told to those who may know, and to nobody else. */
    void confidence(String what, String value) {
        forms(value).forEach(form -> confidences.putIfAbsent(form, what));
    }

    /** What of all this stands in the text, read byte by byte (ISO 8859-1); empty if nothing does. */
    Optional<String> in(String text) {
        return first(confidences, text).or(() -> secretIn(text));
    }

    /** The same but for what those may know whom the text is for. */
    Optional<String> secretIn(String text) {
        return first(secrets, text)
                .or(() -> match(ANY_TOKEN, text, "some token"))
                .or(() -> match(ANY_PRIVATE_KEY, text, "some private key"));
    }

    /** The text as it would be read byte by byte where it is written. */
    static String bytes(String text) {
        return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
    }

    private static Optional<String> first(Map<String, String> forms, String text) {
        return forms.entrySet().stream()
                .filter(form -> text.contains(form.getKey()))
                .map(form -> form.getValue() + ": " + form.getKey())
                .findFirst();
    }

    private static Optional<String> match(Pattern pattern, String text, String what) {
        var found = pattern.matcher(text);
        return found.find() ? Optional.of(what + ": " + found.group()) : Optional.empty();
    }

    /** Every form of the value; of a token also those of what it says, and of its signature. */
    private static Set<String> forms(String value) {
        var forms = new LinkedHashSet<String>();
        if (value.length() < SHORTEST) {
            throw new IllegalArgumentException("too short to be searched for: " + value);
        }
        written(value, forms);
        if (ANY_TOKEN.matcher(value).matches()) {
            var parts = value.split("\\.");
            List.of(parts[1], parts[2]).forEach(part -> written(part, forms));
            written(new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8), forms);
        }
        return forms.stream().map(Leaks::bytes).collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private static void written(String value, Set<String> forms) {
        forms.add(value);
        for (var nonAscii : List.of("%c", "\\u%04x", "\\u%04X")) {
            forms.add(jsonEscaped(value, nonAscii));
        }
        forms.add(htmlEscaped(value));
        var percent = URLEncoder.encode(value, StandardCharsets.UTF_8);
        forms.add(percent);
        forms.add(percent.replace("+", "%20"));
        var bytes = value.getBytes(StandardCharsets.UTF_8);
        forms.add(HexFormat.of().formatHex(bytes));
        forms.add(HexFormat.of().withUpperCase().formatHex(bytes));
        for (int before = 0; before < 3; before++) {
            var base64 = base64(bytes, before);
            forms.add(base64);
            forms.add(base64.replace('+', '-').replace('/', '_'));
        }
    }

    /** What base64 of anything is sure to contain that contains these bytes behind so many others, modulo 3. */
    private static String base64(byte[] bytes, int before) {
        var longer = new byte[before + bytes.length];
        System.arraycopy(bytes, 0, longer, before, bytes.length);
        var text = Base64.getEncoder().withoutPadding().encodeToString(longer);
        return text.substring((before * 8 + 5) / 6, longer.length * 8 / 6);
    }

    private static String jsonEscaped(String value, String nonAscii) {
        var out = new StringBuilder();
        for (int i = 0; i < value.length(); i++) {
            var c = value.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c > 126) {
                out.append(nonAscii.formatted((int) c));
            } else {
                out.append(c);
            }
        }
        return out.toString();
    }

    private static String htmlEscaped(String value) {
        return value.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&#34;");
    }
}

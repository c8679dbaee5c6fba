package io.behalf.gateway.http;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** RFC 3986 §2.1, once and strictly: what is not well-formed UTF-8 afterwards has no value. */
final class PercentDecoding {
    private PercentDecoding() {}

    /** @param form whether a plus stands for a space, as in a form's query */
    static @Nullable String decode(String text, boolean form) {
        if (text.indexOf('%') < 0 && !(form && text.indexOf('+') >= 0)) {
            return text;
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '%') {
                if (i + 2 >= text.length()
                        || !HexFormat.isHexDigit(text.charAt(i + 1))
                        || !HexFormat.isHexDigit(text.charAt(i + 2))) {
                    return null;
                }
                bytes.write(HexFormat.fromHexDigits(text, i + 1, i + 3));
                i += 2;
            } else {
                bytes.write(form && c == '+' ? ' ' : c);
            }
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes.toByteArray()))
                    .toString();
        } catch (CharacterCodingException e) {
            return null;
        }
    }

    /** Of a form's fields; of what cannot be decoded, as it stands. */
    static Stream<String> names(String form) {
        return Stream.of(form.split("[&;]", -1)).map(field -> {
            int equals = field.indexOf('=');
            String name = equals < 0 ? field : field.substring(0, equals);
            @Nullable String decoded = decode(name, true);
            return decoded == null ? name : decoded;
        });
    }

    /** Parameters by name; null where one stands twice, as services differ in which of them they take. */
    static @Nullable Map<String, String> query(String query) {
        Map<String, String> parameters = new LinkedHashMap<>();
        if (query.isEmpty()) {
            return parameters;
        }
        for (String parameter : query.split("&", -1)) {
            int equals = parameter.indexOf('=');
            @Nullable String name = decode(equals < 0 ? parameter : parameter.substring(0, equals), true);
            @Nullable String value = decode(equals < 0 ? "" : parameter.substring(equals + 1), true);
            if (name == null || value == null || parameters.put(name, value) != null) {
                return null;
            }
        }
        return parameters;
    }
}

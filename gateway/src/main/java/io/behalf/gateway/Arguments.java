package io.behalf.gateway;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.vertx.core.buffer.Buffer;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of a tool call in RFC 8785 form, so that a model's plan and the call that carries it out have the same
 * MAC however each side spaced and ordered them. Unlike records, arguments hold fractions.
 */
public final class Arguments {
    private static final MathContext ONE_DIGIT = new MathContext(1);

    private Arguments() {}

    /** As a model's reply writes them: JSON in a string. What is none stands for itself. */
    public static Buffer canonical(String json) {
        byte[] sent = json.getBytes(StandardCharsets.UTF_8);
        try {
            return canonical(json.isBlank() ? Map.of() : Json.read(sent));
        } catch (Json.Malformed notJson) {
            return Buffer.buffer(sent);
        }
    }

    /** @param value as {@link Json} reads it */
    public static Buffer canonical(@Nullable Object value) {
        CanonicalWriter out = new CanonicalWriter();
        write(out, value);
        return Buffer.buffer(out.toByteArray());
    }

    private static void write(CanonicalWriter out, @Nullable Object value) {
        switch (value) {
            case null -> out.nullValue();
            case Number n -> out.literal(ecmaScript(n));
            case Map<?, ?> object -> {
                List<String> names = new ArrayList<>(object.size());
                object.keySet().forEach(name -> names.add((String) name));
                Collections.sort(names);
                out.beginObject();
                for (String name : names) {
                    out.key(name);
                    write(out, object.get(name));
                }
                out.endObject();
            }
            case List<?> list -> {
                out.beginArray();
                list.forEach(item -> write(out, item));
                out.endArray();
            }
            case Object plain -> Json.write(out, plain);
        }
    }

    /** ECMA-262 §6.1.6.1.20, which RFC 8785 §3.2.2.3 takes; the digits are the JDK's, shortest since 19. */
    static String ecmaScript(Number read) {
        double value = read.doubleValue();
        if (Double.isInfinite(value)) {
            return read.toString(); // no JSON number of RFC 8785, yet two equal texts are equal arguments
        }
        if (value == 0) {
            return "0";
        }
        BigDecimal exact = new BigDecimal(Double.toString(Math.abs(value))).stripTrailingZeros();
        BigDecimal shorter = exact.round(ONE_DIGIT); // the JDK writes two digits where one would do
        if (shorter.doubleValue() == Math.abs(value)) {
            exact = shorter.stripTrailingZeros();
        }
        String digits = exact.unscaledValue().toString();
        int point = digits.length() - exact.scale(); // the value is 0.digits × 10^point
        String sign = value < 0 ? "-" : "";
        if (digits.length() <= point && point <= 21) {
            return sign + digits + "0".repeat(point - digits.length());
        }
        if (0 < point && point <= 21) {
            return sign + digits.substring(0, point) + "." + digits.substring(point);
        }
        if (-6 < point && point <= 0) {
            return sign + "0." + "0".repeat(-point) + digits;
        }
        int exponent = point - 1;
        String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
        return sign + digits.charAt(0) + fraction + "e" + (exponent < 0 ? "-" : "+") + Math.abs(exponent);
    }
}

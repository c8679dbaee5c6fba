package io.behalf.core.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.erdtman.jcs.JsonCanonicalizer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JsonTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "}",
                "[1,]",
                "{\"a\":1,}",
                "{a:1}",
                "{'a':1}",
                "01",
                "+1",
                ".5",
                "1.",
                "0x1",
                "1e99999999999",
                "1e-2147483648",
                "1e2147483647",
                "1e401",
                "[1.5e-400]",
                "NaN",
                "Infinity",
                "nul",
                "true false",
                "[1] [2]",
                "// c\n1",
                "/* c */1",
                "\"\t\"",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\\ud800\"",
                "\"\\udc00\\ud800\"",
                "{\"\\ud800\":1}",
                "\"unterminated",
                "\uFEFF{}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":1,\"\\u0061\":2}",
                "{\"x\":{\"b\":1,\"b\":1}}",
                "[{\"b\":1,\"b\":1}]"
            })
    void refusesWhatTwoParsersCouldReadDifferently(String text) {
        assertMalformed(text.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"UTF-16BE", "UTF-16LE", "UTF-32BE"})
    void refusesOtherEncodingsThanUtf8(String charset) {
        assertMalformed("{\"a\":1}".getBytes(Charset.forName(charset)));
    }

    @Test
    void refusesBytesThatAreNotUtf8() {
        assertMalformed(new byte[] {'"', (byte) 0xc0, (byte) 0xaf, '"'}); // overlong "/"
        assertMalformed(new byte[] {'"', (byte) 0xed, (byte) 0xa0, (byte) 0x80, '"'}); // a surrogate
        assertMalformed(new byte[] {'"', (byte) 0xf4, (byte) 0x90, (byte) 0x80, (byte) 0x80, '"'}); // beyond Unicode
        assertMalformed(new byte[] {'"', (byte) 0x80, '"'});
        assertMalformed(new byte[] {'"', (byte) 0xe2, (byte) 0x82, '"'});
    }

    @Test
    void refusesMoreValuesThanItsBound() throws Exception {
        assertThat(Json.read(bytes(list(Json.MAX_VALUES - 1)))).isInstanceOf(List.class);
        assertMalformed(bytes(list(Json.MAX_VALUES)));
        assertMalformed(bytes("[" + "{\"\":0},".repeat(Json.MAX_VALUES / 2) + "0]"));
    }

    private static String list(int items) {
        return "[" + "0,".repeat(items - 1) + "0]";
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void refusesNestingBeyondItsBound() throws Exception {
        assertThat(Json.read(nested(Json.MAX_DEPTH))).isInstanceOf(List.class);
        assertMalformed(nested(Json.MAX_DEPTH + 1));
        assertMalformed(nested(100_000));
    }

    @Test
    void readsNumbersExactly() throws Exception {
        assertThat(Json.read(utf8("[0,-0,9007199254740993,9223372036854775807,9223372036854775808,1.10,1e2]")))
                .isEqualTo(List.of(
                        0L,
                        0L,
                        9_007_199_254_740_993L,
                        Long.MAX_VALUE,
                        BigInteger.TWO.pow(63),
                        new BigDecimal("1.10"),
                        new BigDecimal("1e2")));
        assertMalformed(utf8("1".repeat(65)));
    }

    @Test
    void messagesNeverQuoteTheDocument() {
        assertThatThrownBy(() -> Json.read(utf8("{\"password\":s3cret}")))
                .isInstanceOf(Json.Malformed.class)
                .hasMessageNotContaining("s3cret");
    }

    @Test
    void writesTheCanonicalFormThatAnIndependentImplementationWrites() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        for (int i = 0; i < 3_000; i++) {
            byte[] ours = Json.canonical(value(random, 0));

            assertThat(ours).as("seed %d", seed).isEqualTo(oracle(ours));
            assertThat(Json.canonical(Json.read(ours))).as("seed %d", seed).isEqualTo(ours);
        }
    }

    @Test
    void writesNothingWithoutAnExactForm() {
        assertThatThrownBy(() -> Json.canonical(Json.MAX_EXACT + 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Json.canonical(1.5)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Json.canonical("\ud800")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Json.canonical(List.of("a\udc00b"))).isInstanceOf(IllegalArgumentException.class);
    }

    /** The oracle takes objects and arrays only. */
    private static byte[] oracle(byte[] json) throws Exception {
        byte[] wrapped = ("[" + new String(json, StandardCharsets.UTF_8) + "]").getBytes(StandardCharsets.UTF_8);
        byte[] canonical = new JsonCanonicalizer(wrapped).getEncodedUTF8();
        return new String(canonical, 1, canonical.length - 2, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
    }

    private static @Nullable Object value(Random random, int depth) {
        return switch (random.nextInt(depth > 4 ? 5 : 7)) {
            case 0 -> null;
            case 1 -> random.nextBoolean();
            case 2 -> random.nextLong(-Json.MAX_EXACT, Json.MAX_EXACT + 1);
            case 3 -> (long) random.nextInt(1_000);
            case 4 -> text(random);
            case 5 -> {
                List<@Nullable Object> list = new ArrayList<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    list.add(value(random, depth + 1));
                }
                yield list;
            }
            default -> {
                Map<String, @Nullable Object> map = new LinkedHashMap<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    map.put(text(random), value(random, depth + 1));
                }
                yield map;
            }
        };
    }

    private static String text(Random random) {
        StringBuilder out = new StringBuilder();
        for (int i = random.nextInt(12); i > 0; i--) {
            int point =
                    switch (random.nextInt(5)) {
                        case 0 -> random.nextInt(0x20);
                        case 1 -> "\"\\/\u007f\u2028\ufffd\uffff".codePointAt(random.nextInt(7));
                        case 2 -> 0x80 + random.nextInt(0xd800 - 0x80);
                        case 3 -> 0x10000 + random.nextInt(0x10000);
                        default -> 'a' + random.nextInt(26);
                    };
            out.appendCodePoint(point);
        }
        return out.toString();
    }

    private static byte[] nested(int depth) {
        return utf8("[".repeat(depth) + "]".repeat(depth));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void assertMalformed(byte[] bytes) {
        assertThatThrownBy(() -> Json.read(bytes)).isInstanceOf(Json.Malformed.class);
    }
}

package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The search finds what leaks, however it was written. */
class LeaksTest {
    private static final String VALUE = "Zoë said \"1 < 2\" & more";

    private final Leaks leaks = new Leaks();

    static Stream<String> waysToWriteIt() {
        var around = Stream.of("", "x", "xy", "xyz").flatMap(before -> Stream.of("", "1", "12")
                .map(after -> (before + VALUE + after).getBytes(StandardCharsets.UTF_8)));
        var encoders = List.of(
                Base64.getEncoder(),
                Base64.getUrlEncoder(),
                Base64.getUrlEncoder().withoutPadding());
        return Stream.concat(
                Stream.of(
                        "before " + VALUE + " after",
                        "{\"prompt\":\"Zoë said \\\"1 < 2\\\" & more\"}",
                        "{\"prompt\":\"Zo\\u00eb said \\\"1 < 2\\\" & more\"}",
                        "{\"prompt\":\"Zo\\u00EB said \\\"1 < 2\\\" & more\"}",
                        "?q=" + URLEncoder.encode(VALUE, StandardCharsets.UTF_8),
                        "?q=" + URLEncoder.encode(VALUE, StandardCharsets.UTF_8).replace("+", "%20"),
                        "<p>Zoë said &#34;1 &lt; 2&#34; &amp; more</p>",
                        "0x" + HexFormat.of().formatHex(VALUE.getBytes(StandardCharsets.UTF_8)),
                        HexFormat.of().withUpperCase().formatHex(VALUE.getBytes(StandardCharsets.UTF_8))),
                around.flatMap(bytes -> encoders.stream().map(encoder -> encoder.encodeToString(bytes))));
    }

    @ParameterizedTest
    @MethodSource("waysToWriteIt")
    void findsAValueHoweverItIsWritten(String written) {
        var text = new String(written.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);

        assertThat(leaks.in(text)).isEmpty();
        leaks.confidence("what she said", VALUE);
        assertThat(leaks.in(text)).hasValueSatisfying(found -> assertThat(found).startsWith("what she said"));
        assertThat(leaks.secretIn(text)).isEmpty();
    }

    @Test
    void findsThePartsOfAToken() {
        var token = CompactJws.sign(SigningKey.generate(), "JWT", "k", Map.of("sub", "somebody in particular"));
        leaks.secret("token", token);

        for (var part : List.of(token.split("\\.")[1], token.split("\\.")[2], "{\"sub\":\"somebody in particular\"}")) {
            assertThat(leaks.secretIn("log: " + part)).as(part).isPresent();
        }
    }

    @Test
    void findsTokensAndKeysThatNobodyNamed() {
        var key = SigningKey.generate();
        assertThat(leaks.in("t=" + CompactJws.sign(key, "JWT", "k", Map.of("sub", "somebody"))))
                .isPresent();
        assertThat(leaks.in(new String(Json.canonical(key.toPrivateJwk()), StandardCharsets.UTF_8)))
                .isPresent();
        assertThat(leaks.in(
                        new String(Json.canonical(key.publicKey().toJwk(key.thumbprint())), StandardCharsets.UTF_8)))
                .isEmpty();
    }
}

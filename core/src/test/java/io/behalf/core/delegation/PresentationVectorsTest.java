package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the tokens of {@code vectors/presentations.json} are by their form alone: nothing that a verifier must find
 * malformed is read as a delegation, whoever signed it, and everything is that gets further.
 */
final class PresentationVectorsTest {
    /** The longest life of a token, which is a verifier's to check. */
    private static final Duration LONGEST = Duration.ofMinutes(15);

    static List<Map<String, @Nullable Object>> vectors() throws Exception {
        byte[] file = Files.readAllBytes(Path.of("..", "vectors", "presentations.json"));
        List<Map<String, @Nullable Object>> shown = new ArrayList<>();
        for (Object vector :
                (List<?>) Objects.requireNonNull(Json.readObject(file).get("vectors"))) {
            if (object(vector).containsKey("token")) {
                shown.add(object(vector));
            }
        }
        return shown;
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void readsWhatIsADelegationAndNothingElse(Map<String, @Nullable Object> vector) {
        boolean delegation = isDelegation(String.valueOf(vector.get("token")));

        String expected = String.valueOf(vector.get("expect"));
        if (expected.equals("delegation_malformed")) {
            assertThat(delegation).as("%s", vector.get("name")).isFalse();
        } else if (expected.equals("passed") || Reason.of(expected).compareTo(Reason.SIGNATURE_INVALID) > 0) {
            assertThat(delegation).as("%s", vector.get("name")).isTrue();
        }
        // what is untrusted or forged may say anything
    }

    private static boolean isDelegation(String token) {
        try {
            return DelegationClaims.fromJson(CompactJws.parse(token).claims())
                    .fold(d -> Duration.between(d.issuedAt(), d.expires()).compareTo(LONGEST) <= 0, no -> false);
        } catch (Json.Malformed e) {
            return false;
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, @Nullable Object> object(@Nullable Object value) {
        return (Map<String, @Nullable Object>) Objects.requireNonNull(value);
    }
}

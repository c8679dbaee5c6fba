package io.behalf.verifier;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs {@code vectors/presentations.json} as a verifier in any language would, and keeps it as its generator makes it. */
final class VectorsTest {
    private static final Path DIRECTORY = Path.of("..", "vectors");
    private static final Path PRESENTATIONS = DIRECTORY.resolve("presentations.json");

    static List<Map<String, @Nullable Object>> presentations() throws Exception {
        List<Map<String, @Nullable Object>> vectors = new ArrayList<>();
        for (Object vector : (List<?>) Objects.requireNonNull(read(PRESENTATIONS))) {
            vectors.add(object(vector));
        }
        return vectors;
    }

    /** With {@code -Dbehalf.vectors=write} it writes the file instead of comparing it. */
    @Test
    void fileIsWhatTheGeneratorMakes() throws Exception {
        StringBuilder out = new StringBuilder("[\n");
        String separator = "";
        for (Map<String, @Nullable Object> vector : new Vectors(keys()).presentations()) {
            out.append(separator).append(new String(Json.canonical(vector), StandardCharsets.UTF_8));
            separator = ",\n";
        }
        String text = out.append("\n]\n").toString();
        if ("write".equals(System.getProperty("behalf.vectors"))) {
            Files.writeString(PRESENTATIONS, text);
        }

        assertThat(PRESENTATIONS).content().isEqualTo(text);
    }

    @ParameterizedTest
    @MethodSource("presentations")
    void answersAsTheVectorSays(Map<String, @Nullable Object> vector) throws Exception {
        Optional<Reason> stopped =
                Optional.ofNullable((String) vector.get("stopped")).map(Reason::of);
        DelegationVerifier verifier = new DelegationVerifier(issuers(), d -> stopped, new DpopProofs());
        Presented presented = presented(vector);

        Checked<VerifiedDelegation> answer = verifier.verify(presented, Forge.NOW);
        if (vector.get("times") instanceof Long times) {
            for (long i = 1; i < times; i++) {
                answer = verifier.verify(presented, Forge.NOW);
            }
        }

        String said =
                answer.fold(passed -> "passed", refusal -> refusal.reason().code());
        assertThat(said).as(String.valueOf(vector.get("name"))).isEqualTo(vector.get("expect"));
        boolean authentic =
                answer.fold(passed -> false, refusal -> refusal.authentic().isPresent());
        assertThat(authentic).isEqualTo(vector.containsKey("authentic"));
    }

    @Test
    void everyReasonOfTheCredentialHasAVector() throws Exception {
        Set<Object> expected = EnumSet.range(Reason.DELEGATION_MISSING, Reason.DELEGATION_REVOKED).stream()
                .map(Reason::code)
                .collect(Collectors.toSet());
        Set<Object> named = new HashSet<>();
        Set<Object> names = new HashSet<>();
        for (Map<String, @Nullable Object> vector : presentations()) {
            named.add(String.valueOf(vector.get("expect")));
            assertThat(names.add(String.valueOf(vector.get("name")))).isTrue();
        }

        assertThat(named).containsAll(expected).contains("passed");
    }

    private static Presented presented(Map<String, @Nullable Object> vector) {
        List<String> proofs = new ArrayList<>();
        for (Object proof : (List<?>) Objects.requireNonNull(vector.get("proofs"))) {
            proofs.add((String) proof);
        }
        return new Presented(
                Optional.ofNullable((String) vector.get("token")),
                Presented.Scheme.valueOf(String.valueOf(vector.get("scheme")).toUpperCase(Locale.ROOT)),
                proofs,
                Optional.ofNullable((String) vector.get("certificate_s256")),
                "POST",
                Forge.URL,
                Set.of(Forge.AUDIENCE),
                Boolean.TRUE.equals(vector.get("allow_unbound")));
    }

    private static TrustedIssuers issuers() throws Exception {
        Map<String, VerificationKey> open = new HashMap<>();
        keys().forEach((name, key) -> {
            if (name.startsWith("authority")) {
                open.put(key.thumbprint(), key.publicKey());
            }
        });
        IssuerKeys keys = new IssuerKeys(EnumSet.allOf(SignatureAlgorithm.class), open);
        return issuer -> issuer.equals(Forge.ISSUER) ? Optional.of(keys) : Optional.empty();
    }

    private static Map<String, SigningKey> keys() throws Exception {
        Map<String, SigningKey> keys = new LinkedHashMap<>();
        for (var entry : object(read(DIRECTORY.resolve("keys.json"))).entrySet()) {
            keys.put(entry.getKey(), SigningKey.fromJwk(object(entry.getValue())));
        }
        return keys;
    }

    private static @Nullable Object read(Path file) throws Exception {
        return Json.read(Files.readAllBytes(file));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, @Nullable Object> object(@Nullable Object value) {
        return (Map<String, @Nullable Object>) Objects.requireNonNull(value);
    }
}

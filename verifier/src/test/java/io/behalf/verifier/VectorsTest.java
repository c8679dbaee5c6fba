package io.behalf.verifier;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs {@code vectors/presentations.json} as a verifier in any language would: it takes the tokens and proofs as
 * they stand there, and knows nothing of how they were made. */
final class VectorsTest {
    private static final Path DIRECTORY = Path.of("..", "vectors");
    private static final Path PRESENTATIONS = DIRECTORY.resolve("presentations.json");

    private static TrustedIssuers issuers = issuer -> Optional.empty();

    private static List<Map<String, @Nullable Object>> presentations() throws Exception {
        List<Map<String, @Nullable Object>> vectors = new ArrayList<>();
        for (Object vector : list(object(read(PRESENTATIONS)).get("vectors"))) {
            vectors.add(object(vector));
        }
        return vectors;
    }

    static List<Named<Map<String, @Nullable Object>>> named() throws Exception {
        List<Named<Map<String, @Nullable Object>>> named = new ArrayList<>();
        for (Map<String, @Nullable Object> vector : presentations()) {
            named.add(Named.of(String.valueOf(vector.get("name")), vector));
        }
        return named;
    }

    @ParameterizedTest
    @MethodSource("named")
    void answersAsTheVectorSays(Map<String, @Nullable Object> vector) throws Exception {
        Optional<Reason> stopped =
                Optional.ofNullable((String) vector.get("stopped")).map(Reason::of);
        DelegationVerifier verifier = new DelegationVerifier(issuers, d -> stopped, new DpopProofs());
        if (vector.containsKey("before")) {
            for (Object proofs : list(vector.get("before"))) {
                verifier.verify(presented(vector, proofs), Forge.NOW);
            }
        }

        Checked<VerifiedDelegation> answer = verifier.verify(presented(vector, vector.get("proofs")), Forge.NOW)
                .then(shown -> decided(shown, ask(vector)));

        String said =
                answer.fold(passed -> "passed", refusal -> refusal.reason().code());
        assertThat(said).as("%s", vector.get("name")).isEqualTo(vector.get("expect"));
        boolean authentic =
                answer.fold(passed -> false, refusal -> refusal.authentic().isPresent());
        assertThat(authentic).isEqualTo(vector.containsKey("authentic"));
    }

    /** What a service decides for itself once the credential holds. */
    private static Checked<VerifiedDelegation> decided(VerifiedDelegation shown, Ask ask) {
        Delegation d = shown.delegation();
        return new WithinDelegation(WithinDelegation.DEFAULT_MAX_ACTORS, Wording.PLAIN)
                .refuses(d, ask, Optional.empty())
                .map(refusal -> Checked.<VerifiedDelegation>refused(refusal.about(d)))
                .orElseGet(() -> Checked.passed(shown));
    }

    private static Ask ask(Map<String, @Nullable Object> vector) {
        if (!vector.containsKey("call")) {
            return new Ask("tickets", "search", List.of(), Map.of());
        }
        Map<String, @Nullable Object> call = object(vector.get("call"));
        return new Ask(String.valueOf(call.get("service")), String.valueOf(call.get("action")), List.of(), Map.of());
    }

    @Test
    void everyReasonOfCredentialAndScopeHasAVector() throws Exception {
        // which agent calls is told by other credentials than these
        Set<Object> expected = EnumSet.range(Reason.DELEGATION_MISSING, Reason.SCOPE_EXCEEDED).stream()
                .filter(reason -> reason != Reason.ACTOR_MISMATCH)
                .map(Reason::code)
                .collect(Collectors.toSet());
        Set<Object> named = new HashSet<>();
        for (Map<String, @Nullable Object> vector : presentations()) {
            named.add(String.valueOf(vector.get("expect")));
        }

        assertThat(named).containsAll(expected).contains("passed");
    }

    private static Presented presented(Map<String, @Nullable Object> vector, @Nullable Object shown) {
        List<String> proofs = new ArrayList<>();
        list(shown).forEach(proof -> proofs.add((String) proof));
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

    @BeforeAll
    static void trustTheIssuersKeys() throws Exception {
        Map<String, VerificationKey> open = new HashMap<>();
        for (var entry : object(read(DIRECTORY.resolve("keys.json"))).entrySet()) {
            if (entry.getKey().startsWith("authority")) {
                SigningKey key = SigningKey.fromJwk(object(entry.getValue()));
                open.put(key.thumbprint(), key.publicKey());
            }
        }
        IssuerKeys keys = new IssuerKeys(EnumSet.allOf(SignatureAlgorithm.class), open);
        issuers = issuer -> issuer.equals(Forge.ISSUER) ? Optional.of(keys) : Optional.empty();
    }

    private static @Nullable Object read(Path file) throws Exception {
        return Json.read(Files.readAllBytes(file));
    }

    private static List<?> list(@Nullable Object value) {
        return (List<?>) Objects.requireNonNull(value);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, @Nullable Object> object(@Nullable Object value) {
        return (Map<String, @Nullable Object>) Objects.requireNonNull(value);
    }
}

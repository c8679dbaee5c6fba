package io.behalf.verifier;

import static io.behalf.verifier.DelegationVerifierTest.refused;
import static io.behalf.verifier.Forge.NOW;
import static io.behalf.verifier.Forge.URL;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** RFC 9449 §4.3, one check after the other. */
final class DpopProofsTest {
    private static final String TOKEN = "a.token.here";

    private final Forge forge = new Forge();
    private final DpopProofs proofs = new DpopProofs();

    private DpopProofs.Expected expected() {
        return DpopProofs.Expected.at("POST", URL, TOKEN, forge.agent.thumbprint());
    }

    @Test
    void acceptsProofAndSaysWhoseItIs() {
        Checked<VerificationKey> checked = proofs.check(List.of(forge.proof(TOKEN)), expected(), NOW);

        assertThat(checked.fold(VerificationKey::thumbprint, Refusal::sentence)).isEqualTo(forge.agent.thumbprint());
    }

    @Test
    void acceptsProofAtATokenEndpointWithoutToken() {
        String proof =
                DpopProof.sign(forge.agent, "POST", URL + "?x=1", NOW, "t-1", Optional.empty(), Optional.empty());

        assertThat(proofs.check(
                        List.of(proof), DpopProofs.Expected.atTokenEndpoint("POST", URL, Optional.empty()), NOW))
                .isInstanceOf(Checked.Passed.class);
    }

    @Test
    void wantsExactlyOneHeader() {
        assertThat(refused(proofs.check(List.of(), expected(), NOW)).reason()).isEqualTo(Reason.BINDING_MISSING);
        assertThat(refused(proofs.check(List.of(forge.proof(TOKEN), forge.proof(TOKEN)), expected(), NOW))
                        .reason())
                .isEqualTo(Reason.PROOF_INVALID);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "nonsense", "e30.e30.AA", "a,b", "e30.e30.AA, e30.e30.AA"})
    void refusesWhatIsNoProof(String header) {
        assertThat(refused(proofs.check(List.of(header), expected(), NOW)).reason())
                .isEqualTo(Reason.PROOF_INVALID);
    }

    @ParameterizedTest
    @ValueSource(strings = {"at+jwt", "JWT", "DPOP+JWT"})
    void refusesOtherTypes(String typ) {
        assertInvalidHeader(h -> h.put("typ", typ));
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "HS256", "RS256", "ES384"})
    void refusesAlgorithmsThatTheKeyHasNot(String alg) {
        assertInvalidHeader(h -> h.put("alg", alg));
    }

    @Test
    void refusesKeyThatIsMissingPrivateOrSymmetric() {
        assertInvalidHeader(h -> h.remove("jwk"));
        assertInvalidHeader(h -> h.put("jwk", forge.agent.toPrivateJwk()));
        assertInvalidHeader(h -> h.put("jwk", Map.of("kty", "oct", "k", "c2VjcmV0")));
        assertInvalidHeader(h -> h.put("jwk", "https://attacker.example/key"));
        assertInvalidHeader(h -> h.put("jwk", Map.of("kty", "EC", "crv", "P-256", "x", "AA", "y", "AA")));
    }

    @Test
    void refusesCriticalExtension() {
        assertInvalidHeader(h -> h.put("crit", List.of("b64")));
    }

    @Test
    void refusesProofSignedByAnotherKeyThanItShows() {
        assertInvalidHeader(h -> h.put("jwk", SigningKey.generate().publicKey().toJwk()));
    }

    @Test
    void refusesAnotherKeyShownUnderAHeaderSeenBefore() {
        // the header's text is what the last key is found by, so a forger repeats it and signs with a key of his own
        DpopProofs.LastKey last = new DpopProofs.LastKey();
        proofs.check(List.of(forge.proof(TOKEN)), expected(), Optional.empty(), NOW, last);
        SigningKey forger = SigningKey.generate();
        String forged = forge.proofWith(
                forger, TOKEN, h -> h.put("jwk", forge.agent.publicKey().toJwk()), c -> {});

        assertThat(refused(proofs.check(List.of(forged), expected(), Optional.empty(), NOW, last))
                        .reason())
                .isEqualTo(Reason.PROOF_INVALID);
    }

    @Test
    void refusesClaimsThatDoNotFitTheRequest() {
        assertInvalid(c -> c.put("htm", "GET"));
        assertInvalid(c -> c.put("htm", "post"));
        assertInvalid(c -> c.remove("htm"));
        assertInvalid(c -> c.put("htu", URL + "/more"));
        assertInvalid(c -> c.put("htu", "http" + URL.substring("https".length())));
        assertInvalid(c -> c.put("htu", List.of(URL)));
        assertInvalid(c -> c.remove("htu"));
        assertInvalid(c -> c.put("ath", DpopProof.tokenHash("another.token.there")));
        assertInvalid(c -> c.remove("ath"));
        assertInvalid(c -> c.remove("jti"));
        assertInvalid(c -> c.put("jti", ""));
        assertInvalid(c -> c.put("jti", "x".repeat(DpopProofs.MAX_JTI + 1)));
        assertInvalid(c -> c.put("jti", 7L));
    }

    @Test
    void refusesProofOutsideItsWindow() {
        long now = NOW.getEpochSecond();
        assertInvalid(c -> c.put("iat", now - DpopProofs.MAX_AGE.toSeconds() - 1));
        assertInvalid(c -> c.put("iat", now + DpopProofs.MAX_AHEAD.toSeconds() + 1));
        assertInvalid(c -> c.put("iat", "now"));
        assertInvalid(c -> c.remove("iat"));
        assertPasses(forge.proofWith(TOKEN, c -> c.put("iat", now - DpopProofs.MAX_AGE.toSeconds())));
        assertPasses(forge.proofWith(TOKEN, c -> c.put("iat", now + DpopProofs.MAX_AHEAD.toSeconds())));
    }

    @Test
    void refusesProofWithoutTheNonceOnceOneIsDemanded() {
        DpopProofs demanding = new DpopProofs(1_000, nonce -> nonce.equals(Optional.of("n-1")));

        assertThat(refused(demanding.check(List.of(forge.proof(TOKEN)), expected(), NOW))
                        .reason())
                .isEqualTo(Reason.PROOF_INVALID);
        assertThat(demanding.check(List.of(forge.proofWith(TOKEN, c -> c.put("nonce", "n-1"))), expected(), NOW))
                .isInstanceOf(Checked.Passed.class);
    }

    @Test
    void refusesTheSameProofAnywhereInItsWindow() {
        String proof =
                forge.proofWith(TOKEN, c -> c.put("iat", NOW.plusSeconds(60).getEpochSecond()));
        assertPasses(proof);
        for (Instant later = NOW; later.isBefore(NOW.plusSeconds(120)); later = later.plusSeconds(7)) {
            assertThat(refused(proofs.check(List.of(proof), expected(), later)).reason())
                    .isEqualTo(Reason.PROOF_REPLAYED);
        }
    }

    @Test
    void refusesProofOfAnotherKeyWithoutRememberingIt() {
        SigningKey stranger = SigningKey.generate();
        DpopProofs tiny = new DpopProofs(16, DpopProofs.Nonces.NOT_DEMANDED);
        for (int i = 0; i < 100; i++) {
            assertThat(refused(tiny.check(List.of(forge.proofWith(stranger, TOKEN, h -> {}, c -> {})), expected(), NOW))
                            .reason())
                    .isEqualTo(Reason.BINDING_MISMATCH);
        }
        assertThat(tiny.check(List.of(forge.proof(TOKEN)), expected(), NOW)).isInstanceOf(Checked.Passed.class);
    }

    /** At a token endpoint it may make each proof with another key. */
    @Test
    void oneHolderFillsItsOwnShareAndNobodyElses() {
        DpopProofs shared = new DpopProofs(1_600, 8, DpopProofs.Nonces.NOT_DEMANDED);
        DpopProofs.Expected anyKey = DpopProofs.Expected.atTokenEndpoint("POST", URL, Optional.empty());
        int passed = 0;
        for (int i = 0; i < 400; i++) {
            SigningKey key = SigningKey.generate();
            Checked<VerificationKey> checked = shared.check(List.of(proof(key, i)), anyKey, "greedy", NOW);
            if (checked instanceof Checked.Refused<VerificationKey> no) {
                assertThat(no.refusal().reason()).isEqualTo(Reason.PROOF_REPLAYED);
            } else {
                passed++;
            }
        }
        assertThat(passed).isEqualTo(200);
        assertThat(shared.check(List.of(proof(SigningKey.generate(), 0)), anyKey, "another", NOW))
                .isInstanceOf(Checked.Passed.class);
        Instant later = NOW.plus(DpopProofs.MAX_AGE).plus(DpopProofs.MAX_AHEAD);
        String fresh =
                DpopProof.sign(SigningKey.generate(), "POST", URL, later, "later", Optional.empty(), Optional.empty());
        assertThat(shared.check(List.of(fresh), anyKey, "greedy", later)).isInstanceOf(Checked.Passed.class);
    }

    private static String proof(SigningKey key, int number) {
        return DpopProof.sign(key, "POST", URL, NOW, "proof-" + number, Optional.empty(), Optional.empty());
    }

    @Test
    void refusesEveryProofWhileTheMemoryIsFullAndRecoversAfterTheWindow() {
        DpopProofs tiny = new DpopProofs(16, DpopProofs.Nonces.NOT_DEMANDED);
        List<Refusal> refusals = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            if (tiny.check(List.of(forge.proof(TOKEN)), expected(), NOW)
                    instanceof Checked.Refused<VerificationKey> no) {
                refusals.add(no.refusal());
            }
        }
        assertThat(refusals).hasSizeBetween(60 - 16, 59).allSatisfy(full -> {
            assertThat(full.reason()).isEqualTo(Reason.PROOF_REPLAYED);
            assertThat(full.httpStatus()).isEqualTo(429);
        });
        Instant later = NOW.plus(DpopProofs.MAX_AGE).plus(DpopProofs.MAX_AHEAD);
        assertThat(tiny.check(
                        List.of(forge.proofWith(TOKEN, c -> c.put("iat", later.getEpochSecond()))), expected(), later))
                .isInstanceOf(Checked.Passed.class);
    }

    @ParameterizedTest
    @CsvSource({
        "https://a.example/x, https://a.example/x, true",
        "HTTPS://A.Example:443/x, https://a.example/x, true",
        "http://a.example:80/, http://a.example, true",
        "https://a.example/x?y=1#z, https://a.example/x, true",
        "https://a.example/%7Ealice, https://a.example/~alice, true",
        "https://a.example/a%2fb, https://a.example/a%2Fb, true",
        "https://a.example/a%2fb, https://a.example/a/b, false",
        "https://a.example/X, https://a.example/x, false",
        "https://a.example/x/, https://a.example/x, false",
        "http://a.example/x, https://a.example/x, false",
        "https://a.example:444/x, https://a.example/x, false",
        "https://a.example.attacker.example/x, https://a.example/x, false",
        "https://user@a.example/x, https://a.example/x, false",
        "https://a.example/x y, https://a.example/x, false",
        "https://a.example/%zz, https://a.example/x, false",
        "/x, https://a.example/x, false",
        "'', https://a.example/x, false"
    })
    void comparesAddressesAsTheStandardSays(String htu, String url, boolean same) {
        assertThat(DpopProofs.sameAddress(htu, url)).isEqualTo(same);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RS256", "EdDSA"})
    void acceptsKeysOfOtherKinds(String alg) {
        SigningKey key = SigningKey.generate(SignatureAlgorithm.of(alg).orElseThrow());
        var expected = DpopProofs.Expected.at("POST", URL, TOKEN, key.thumbprint());

        assertThat(proofs.check(List.of(forge.proofWith(key, TOKEN, h -> {}, c -> {})), expected, NOW))
                .isInstanceOf(Checked.Passed.class);
    }

    @Test
    void remembersProofsForAtLeastOneWindowAndForgetsThemAfterTwo() {
        Duration window = Duration.ofMinutes(2);
        ReplayedProofs seen = new ReplayedProofs(window, 100_000, 1);
        for (int i = 0; i < 20_000; i++) {
            assertThat(seen.add("holder", "k", "jti-" + i, NOW.plusMillis(i)))
                    .isEqualTo(ReplayedProofs.Seen.FIRST_TIME);
        }
        for (int i = 0; i < 20_000; i++) {
            assertThat(seen.add("holder", "k", "jti-" + i, NOW.plus(window))).isEqualTo(ReplayedProofs.Seen.BEFORE);
        }
        assertThat(seen.add("holder", "other", "jti-0", NOW.plus(window))).isEqualTo(ReplayedProofs.Seen.FIRST_TIME);
        assertThat(seen.add("holder", "k", "jti-0", NOW.plus(window.multipliedBy(3))))
                .isEqualTo(ReplayedProofs.Seen.FIRST_TIME);
    }

    private void assertPasses(String proof) {
        assertThat(proofs.check(List.of(proof), expected(), NOW)).isInstanceOf(Checked.Passed.class);
    }

    private void assertInvalid(Consumer<Map<String, @Nullable Object>> change) {
        assertThat(refused(proofs.check(List.of(forge.proofWith(TOKEN, change)), expected(), NOW))
                        .reason())
                .isEqualTo(Reason.PROOF_INVALID);
    }

    private void assertInvalidHeader(Consumer<Map<String, @Nullable Object>> change) {
        String proof = forge.proofWith(forge.agent, TOKEN, change, c -> {});
        assertThat(refused(proofs.check(List.of(proof), expected(), NOW)).reason())
                .isEqualTo(Reason.PROOF_INVALID);
    }
}

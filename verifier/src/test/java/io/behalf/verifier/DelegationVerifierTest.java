package io.behalf.verifier;

import static io.behalf.verifier.Forge.AUDIENCE;
import static io.behalf.verifier.Forge.ISSUER;
import static io.behalf.verifier.Forge.NOW;
import static io.behalf.verifier.Forge.bearer;
import static io.behalf.verifier.Forge.dpop;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DelegationVerifierTest {
    private static final String CERTIFICATE = "c".repeat(42) + "A";

    private final Forge forge = new Forge();
    private final DelegationVerifier verifier = verifier(Revocations.NONE);

    private DelegationVerifier verifier(Revocations revocations) {
        return new DelegationVerifier(forge.issuers(), revocations, new DpopProofs());
    }

    @Test
    void acceptsDelegationWithProofOfItsKey() {
        String token = forge.token();

        VerifiedDelegation verified = passed(verifier.verify(dpop(token, forge.proof(token)), NOW));

        assertThat(verified.delegation()).isEqualTo(forge.delegation());
        assertThat(verified.bound()).isTrue();
        assertThat(verified.tokenSha256()).isEqualTo(HexFormat.of().formatHex(bytes(DpopProof.tokenHash(token))));
    }

    @Test
    void acceptsProofBesideTokenInAnotherHeader() {
        String token = forge.token();
        for (var scheme : List.of(Presented.Scheme.DELEGATION_HEADER, Presented.Scheme.KEY_HEADER)) {
            passed(verifier.verify(withScheme(dpop(token, forge.proof(token)), scheme), NOW));
        }
    }

    @ParameterizedTest
    @EnumSource(SignatureAlgorithm.class)
    void acceptsEveryAlgorithmAllowed(SignatureAlgorithm algorithm) {
        Forge other = new Forge(SigningKey.generate(algorithm), SigningKey.generate(algorithm));
        String token = other.token();

        passed(new DelegationVerifier(other.issuers(), Revocations.NONE, new DpopProofs())
                .verify(dpop(token, other.proof(token)), NOW));
    }

    @Test
    void runsOnTheNativeProviderWhereItLoads() {
        assertThat(SignatureAlgorithm.values())
                .extracting(SignatureAlgorithm::provider)
                .containsOnly(
                        System.getProperty("os.name").equals("Linux")
                                        && System.getProperty("os.arch").equals("amd64")
                                ? "AmazonCorrettoCryptoProvider"
                                : "JDK");
    }

    // ---- the token

    @Test
    void asksForDelegationWhereThereIsNone() {
        Presented nothing = new Presented(
                Optional.empty(),
                Presented.Scheme.NONE,
                List.of(),
                Optional.empty(),
                "POST",
                Forge.URL,
                Set.of(AUDIENCE),
                true);

        assertThat(refused(verifier.verify(nothing, NOW)).reason()).isEqualTo(Reason.DELEGATION_MISSING);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                "a.b",
                "eyJ9.e30.",
                "sk-live-1234567890",
                "e30.e30.AA.AA", // four parts
                "e30.e30.AB", // stray last bits
                "e30=.e30.AA", // padding
                "e3 0.e30.AA",
                "W10.e30.AA", // the header is an array
                "e30.e30.AA" // no iss
            })
    void refusesWhatIsNoCompactJws(String text) {
        assertReason(Reason.DELEGATION_MALFORMED, text);
    }

    @Test
    void refusesTokenBeyondTheSizeBoundBeforeReadingIt() {
        assertReason(
                Reason.DELEGATION_MALFORMED, forge.tokenWith(c -> c.put("padding", "x".repeat(CompactJws.MAX_LENGTH))));
    }

    @Test
    void refusesTwoClaimsOfOneName() {
        String claims = new String(Json.canonical(DelegationClaims.toJson(forge.delegation())), StandardCharsets.UTF_8);
        String twice = claims.substring(0, claims.length() - 1) + ",\"aud\":\"https://elsewhere.example\"}";

        assertReason(
                Reason.DELEGATION_MALFORMED,
                Forge.token(
                        forge.authority,
                        Json.canonical(Forge.header(forge.authority)),
                        twice.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void refusesIssuerThatIsNotConfigured() {
        SigningKey stranger = SigningKey.generate();
        Map<String, @Nullable Object> claims = DelegationClaims.toJson(forge.delegation());
        claims.put("iss", "https://attacker.example");

        assertReason(Reason.ISSUER_UNTRUSTED, Forge.token(stranger, Forge.header(stranger), claims));
    }

    @Test
    void refusesIssuerThatDiffersInCaseOrSlashOnly() {
        assertReason(Reason.ISSUER_UNTRUSTED, forge.tokenWith(c -> c.put("iss", ISSUER + "/")));
        assertReason(Reason.ISSUER_UNTRUSTED, forge.tokenWith(c -> c.put("iss", "https://AUTHORITY.example")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"JWT", "AT+JWT", "application/at+jwt", "dpop+jwt", "id_token+jwt", ""})
    void refusesAnyOtherType(String typ) {
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.put("typ", typ)));
    }

    @Test
    void refusesTokenWithoutType() {
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.remove("typ")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "None", "HS256", "ES384", "RS256", "es256", ""})
    void refusesAlgorithmOtherThanTheKeysOwn(String alg) {
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.put("alg", alg)));
    }

    @Test
    void refusesUnsignedToken() {
        String token = forge.tokenWithHeader(h -> h.put("alg", "none"));

        assertReason(Reason.SIGNATURE_INVALID, token.substring(0, token.lastIndexOf('.') + 1));
    }

    @Test
    void refusesKeyWhoseAlgorithmTheIssuerMayNotUse() {
        SigningKey rsa = SigningKey.generate(SignatureAlgorithm.RS256);
        IssuerKeys onlyEs256 =
                new IssuerKeys(Set.of(SignatureAlgorithm.ES256), Map.of(rsa.thumbprint(), rsa.publicKey()));
        var strict = new DelegationVerifier(issuer -> Optional.of(onlyEs256), Revocations.NONE, new DpopProofs());
        String token = Forge.token(rsa, Forge.header(rsa), DelegationClaims.toJson(forge.delegation()));

        assertThat(refused(strict.verify(dpop(token, forge.proof(token)), NOW)).reason())
                .isEqualTo(Reason.SIGNATURE_INVALID);
    }

    @Test
    void refusesKeyIdThatIsUnknownMissingOrNoString() {
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.put("kid", "../../dev/null")));
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.remove("kid")));
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> h.put("kid", 1L)));
    }

    @Test
    void takesNoKeyFromTheTokenItself() {
        SigningKey attacker = SigningKey.generate();
        Map<String, @Nullable Object> header = Forge.header(attacker);
        header.put("kid", forge.authority.thumbprint());
        header.put("jwk", attacker.publicKey().toJwk());
        header.put("jku", "https://attacker.example/jwks");

        assertReason(
                Reason.SIGNATURE_INVALID, Forge.token(attacker, header, DelegationClaims.toJson(forge.delegation())));
    }

    @Test
    void refusesCriticalExtension() {
        assertReason(Reason.SIGNATURE_INVALID, forge.tokenWithHeader(h -> {
            h.put("crit", List.of("exp"));
            h.put("exp", 0L);
        }));
    }

    @Test
    void refusesClaimsChangedAfterSigning() {
        String[] parts = forge.token().split("\\.");
        Map<String, @Nullable Object> claims = DelegationClaims.toJson(forge.delegation());
        claims.put("sub", "corp:mallory");

        assertReason(
                Reason.SIGNATURE_INVALID, parts[0] + "." + Base64Url.encode(Json.canonical(claims)) + "." + parts[2]);
    }

    @Test
    void refusesSignatureOfAnotherLengthOrForm() {
        String token = forge.token();
        String signed = token.substring(0, token.lastIndexOf('.') + 1);

        assertReason(Reason.SIGNATURE_INVALID, signed);
        assertReason(Reason.SIGNATURE_INVALID, signed + Base64Url.encode(new byte[64]));
        assertReason(Reason.SIGNATURE_INVALID, signed + Base64Url.encode(new byte[63]));
        assertReason(Reason.SIGNATURE_INVALID, signed + Base64Url.encode(new byte[65]));
    }

    @Test
    void refusesClaimsThatAreNoDelegation() {
        assertReason(Reason.DELEGATION_MALFORMED, forge.tokenWith(c -> c.remove("task_id")));
        assertReason(Reason.DELEGATION_MALFORMED, forge.tokenWith(c -> c.put("aud", List.of(AUDIENCE))));
        assertReason(Reason.DELEGATION_MALFORMED, forge.tokenWith(c -> c.remove("idp")));
        assertReason(
                Reason.DELEGATION_MALFORMED,
                forge.tokenWith(c -> c.put("no_subject", Map.of("category", "scheduled", "reason_code", "nightly"))));
        assertReason(Reason.DELEGATION_MALFORMED, forge.tokenWith(c -> c.put("client_id", "other-agent")));
    }

    @Test
    void refusesLifeBeyondFifteenMinutes() {
        assertReason(
                Reason.DELEGATION_MALFORMED,
                forge.tokenWith(
                        c -> c.put("exp", NOW.plus(DelegationVerifier.MAX_LIFE).getEpochSecond())));
    }

    // ---- audience and time, where the proof still counts

    @Test
    void refusesDelegationForAnotherAddress() {
        assertAuthentic(Reason.AUDIENCE_MISMATCH, forge.tokenWith(c -> c.put("aud", AUDIENCE + "/")));
    }

    @Test
    void refusesDelegationIssuedOrValidLaterThanTheClockCanBeWrong() {
        Instant late = NOW.plus(DelegationVerifier.MAX_SKEW).plusSeconds(1);

        assertAuthentic(Reason.DELEGATION_NOT_YET_VALID, forge.tokenWith(c -> c.put("nbf", late.getEpochSecond())));
        assertAuthentic(Reason.DELEGATION_NOT_YET_VALID, forge.tokenWith(c -> c.put("iat", late.getEpochSecond())));
        String atTheBound = forge.tokenWith(c -> c.put("nbf", late.getEpochSecond() - 1));
        passed(verifier.verify(dpop(atTheBound, forge.proof(atTheBound)), NOW));
    }

    @Test
    void refusesDelegationAtItsEnd() {
        String token = forge.tokenWith(c -> c.put("exp", NOW.getEpochSecond()));
        String alive = forge.tokenWith(c -> c.put("exp", NOW.getEpochSecond() + 1));

        assertAuthentic(Reason.DELEGATION_EXPIRED, token);
        passed(verifier.verify(dpop(alive, forge.proof(alive)), NOW));
    }

    @Test
    void namesTheTasksEndBeforeTheTokens() {
        assertAuthentic(Reason.TASK_EXPIRED, forge.tokenWith(c -> {
            c.put("exp", NOW.getEpochSecond() - 1);
            c.put("task_exp", NOW.getEpochSecond());
        }));
    }

    @Test
    void firstFailureWinsInTheOrderOfTheContract() {
        assertAuthentic(Reason.AUDIENCE_MISMATCH, forge.tokenWith(c -> {
            c.put("aud", "https://elsewhere.example");
            c.put("exp", NOW.getEpochSecond() - 1);
            c.put("task_exp", NOW.getEpochSecond());
        }));
    }

    @Test
    void saysNothingAboutTheTaskWhenTheProofDoesNotHold() {
        String expired = forge.tokenWith(c -> c.put("exp", NOW.getEpochSecond()));
        String stolen = forge.proofWith(SigningKey.generate(), expired, h -> {}, c -> {});

        for (String[] proofs : new String[][] {{}, {stolen}, {"nonsense"}}) {
            Refusal refusal = refused(verifier.verify(dpop(expired, proofs), NOW));
            assertThat(refusal.reason()).isEqualTo(Reason.DELEGATION_EXPIRED);
            assertThat(refusal.authentic()).isEmpty();
        }
    }

    // ---- possession

    @Test
    void refusesKeyBoundDelegationWithoutProof() {
        assertReason(Reason.BINDING_MISSING, dpop(forge.token()));
    }

    @Test
    void refusesKeyBoundDelegationAsBearerEvenWithProof() {
        String token = forge.token();

        assertReason(Reason.BINDING_MISSING, withScheme(dpop(token, forge.proof(token)), Presented.Scheme.BEARER));
    }

    @Test
    void refusesUnboundDelegationWhereBindingIsNeeded() {
        String token = forge.token(forge.delegation(new Binding.Unbound()));

        assertReason(Reason.BINDING_MISSING, bearer(token, Optional.empty(), false));
        assertThat(passed(verifier.verify(bearer(token, Optional.empty(), true), NOW))
                        .bound())
                .isFalse();
    }

    @Test
    void refusesUnboundDelegationThatLivesLong() {
        String token = forge.tokenWith(c -> {
            c.remove("cnf");
            c.put("exp", NOW.plus(DelegationVerifier.MAX_UNBOUND_LIFE).getEpochSecond());
        });

        assertReason(Reason.BINDING_MISSING, bearer(token, Optional.empty(), true));
    }

    @Test
    void refusesUnboundDelegationUnderTheDpopScheme() {
        String token = forge.token(forge.delegation(new Binding.Unbound()));
        Presented p = dpop(token, forge.proof(token));

        assertReason(
                Reason.BINDING_MISSING,
                new Presented(
                        p.token(),
                        p.scheme(),
                        p.proofs(),
                        p.certificateS256(),
                        p.method(),
                        p.url(),
                        p.audiences(),
                        true));
    }

    @Test
    void acceptsCertificateBoundDelegationOnItsConnectionOnly() {
        String token = forge.token(forge.delegation(new Binding.Certificate(CERTIFICATE)));

        assertThat(passed(verifier.verify(bearer(token, Optional.of(CERTIFICATE), false), NOW))
                        .bound())
                .isTrue();
        assertReason(Reason.BINDING_MISSING, bearer(token, Optional.empty(), true));
        assertReason(Reason.BINDING_MISMATCH, bearer(token, Optional.of("d".repeat(42) + "A"), true));
    }

    @Test
    void refusesProofOfAnotherKey() {
        String token = forge.token();

        assertReason(
                Reason.BINDING_MISMATCH, dpop(token, forge.proofWith(SigningKey.generate(), token, h -> {}, c -> {})));
    }

    @Test
    void refusesProofUsedBefore() {
        String token = forge.token();
        Presented once = dpop(token, forge.proof(token));
        passed(verifier.verify(once, NOW));

        assertReason(Reason.PROOF_REPLAYED, once);
    }

    // ---- stopped

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"TASK_ENDED", "DELEGATION_REVOKED"})
    void refusesWhatWasStopped(Reason reason) {
        String token = forge.token();
        List<Delegation> asked = new ArrayList<>();
        DelegationVerifier stopping = verifier(d -> {
            asked.add(d);
            return Optional.of(reason);
        });

        Refusal refusal = refused(stopping.verify(dpop(token, forge.proof(token)), NOW));

        assertThat(refusal.reason()).isEqualTo(reason);
        assertThat(refusal.authentic()).contains(forge.delegation());
        assertThat(asked).containsExactly(forge.delegation());
    }

    @Test
    void tellsNobodyWithoutProofThatATaskWasStopped() {
        DelegationVerifier stopping = verifier(d -> Optional.of(Reason.DELEGATION_REVOKED));

        assertThat(refused(stopping.verify(dpop(forge.token()), NOW)).reason()).isEqualTo(Reason.BINDING_MISSING);
    }

    // ---- a token seen before

    @Test
    void checksTimeAgainForATokenSeenBefore() {
        String token = forge.token();
        passed(verifier.verify(dpop(token, forge.proof(token)), NOW));
        Instant later = NOW.plus(Duration.ofMinutes(5));
        String proof = forge.proofWith(token, c -> c.put("iat", later.getEpochSecond()));

        assertThat(refused(verifier.verify(dpop(token, proof), later)).reason()).isEqualTo(Reason.DELEGATION_EXPIRED);
    }

    @Test
    void checksRevocationAgainForATokenSeenBefore() {
        String token = forge.token();
        List<Reason> stops = new ArrayList<>();
        DelegationVerifier later = verifier(d -> stops.stream().findFirst());
        passed(later.verify(dpop(token, forge.proof(token)), NOW));
        stops.add(Reason.DELEGATION_REVOKED);

        assertThat(refused(later.verify(dpop(token, forge.proof(token)), NOW)).reason())
                .isEqualTo(Reason.DELEGATION_REVOKED);
    }

    @Test
    void forgetsTokensOfAKeyThatWasTakenBack() {
        String token = forge.token();
        List<IssuerKeys> keys = new ArrayList<>(List.of(IssuerKeys.of(forge.authority.publicKey())));
        var rotating = new DelegationVerifier(issuer -> keys.stream().findFirst(), Revocations.NONE, new DpopProofs());
        passed(rotating.verify(dpop(token, forge.proof(token)), NOW));
        keys.set(0, IssuerKeys.of(SigningKey.generate().publicKey()));

        assertThat(refused(rotating.verify(dpop(token, forge.proof(token)), NOW))
                        .reason())
                .isEqualTo(Reason.SIGNATURE_INVALID);
    }

    @Test
    void forgetsTokensOfAnIssuerWhoseKeyIdWasGivenToAnotherKey() {
        String token = forge.token();
        VerificationKey impostor = SigningKey.generate().publicKey();
        List<IssuerKeys> keys = new ArrayList<>(List.of(IssuerKeys.of(forge.authority.publicKey())));
        var rotating = new DelegationVerifier(issuer -> keys.stream().findFirst(), Revocations.NONE, new DpopProofs());
        passed(rotating.verify(dpop(token, forge.proof(token)), NOW));
        keys.set(0, new IssuerKeys(Set.of(SignatureAlgorithm.ES256), Map.of(forge.authority.thumbprint(), impostor)));

        assertThat(refused(rotating.verify(dpop(token, forge.proof(token)), NOW))
                        .reason())
                .isEqualTo(Reason.SIGNATURE_INVALID);
    }

    @Test
    void keepsABoundedNumberOfTokensAndStillAnswersRightBeyondIt() {
        var small = new DelegationVerifier(forge.issuers(), Revocations.NONE, new DpopProofs(), 4);
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            String description = "task " + i;
            tokens.add(forge.tokenWith(c -> c.put("description", description)));
        }
        for (int round = 0; round < 2; round++) {
            for (String token : tokens) {
                passed(small.verify(dpop(token, forge.proof(token)), NOW));
            }
        }
    }

    // ---- keys not yet known

    @Test
    void saysWhichKeyOfATrustedIssuerIsNotKnown() {
        SigningKey next = SigningKey.generate();
        Map<String, @Nullable Object> claims = DelegationClaims.toJson(forge.delegation());
        String rotated = Forge.token(next, Forge.header(next), claims);

        assertThat(verifier.unknownKey(dpop(rotated))).contains(new UnknownKey(ISSUER, next.thumbprint()));
        assertThat(verifier.unknownKey(dpop(forge.token()))).isEmpty();
        assertThat(verifier.unknownKey(dpop("nonsense"))).isEmpty();
        claims.put("iss", "https://attacker.example");
        assertThat(verifier.unknownKey(dpop(Forge.token(next, Forge.header(next), claims))))
                .isEmpty(); // nobody makes us fetch a stranger's keys
    }

    private void assertReason(Reason reason, String token) {
        assertReason(reason, dpop(token, forge.proof(token)));
    }

    private void assertReason(Reason reason, Presented presented) {
        Refusal refusal = refused(verifier.verify(presented, NOW));
        assertThat(refusal.reason()).isEqualTo(reason);
        assertThat(refusal.authentic()).isEmpty();
        assertThat(refusal.sentence()).isNotBlank().doesNotContain("alice", "eyJ");
    }

    private void assertAuthentic(Reason reason, String token) {
        Refusal refusal = refused(verifier.verify(dpop(token, forge.proof(token)), NOW));
        assertThat(refusal.reason()).isEqualTo(reason);
        assertThat(refusal.authentic()).isPresent();
    }

    private static Presented withScheme(Presented p, Presented.Scheme scheme) {
        return new Presented(
                p.token(), scheme, p.proofs(), p.certificateS256(), p.method(), p.url(), p.audiences(), false);
    }

    private static byte[] bytes(String base64url) {
        return Base64.getUrlDecoder().decode(base64url);
    }

    static VerifiedDelegation passed(Checked<VerifiedDelegation> checked) {
        return checked.fold(v -> v, refusal -> {
            throw new AssertionError("refused: " + refusal);
        });
    }

    static Refusal refused(Checked<?> checked) {
        return checked.fold(
                v -> {
                    throw new AssertionError("passed");
                },
                refusal -> refusal);
    }
}

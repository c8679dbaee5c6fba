package io.behalf.core.jose;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.security.Signature;
import java.security.SignatureException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class KeysTest {
    private static final byte[] TEXT = "signed".getBytes(StandardCharsets.UTF_8);

    @ParameterizedTest
    @EnumSource(SignatureAlgorithm.class)
    void signsAndVerifiesAndSurvivesItsKeyFile(SignatureAlgorithm algorithm) throws Exception {
        SigningKey key = SigningKey.generate(algorithm);
        SigningKey reread = SigningKey.fromJwk(Json.readObject(Json.canonical(key.toPrivateJwk())));
        VerificationKey open = VerificationKey.fromJwk(
                Json.readObject(Json.canonical(key.publicKey().toJwk("k1"))));

        assertThat(reread.thumbprint()).isEqualTo(key.thumbprint());
        assertThat(open).isEqualTo(key.publicKey());
        byte[] signature = reread.sign(TEXT);
        assertThat(open.verifies(TEXT, signature)).isTrue();
        signature[7] ^= 1;
        assertThat(open.verifies(TEXT, signature)).isFalse();
        assertThat(open.verifies(new byte[0], key.sign(TEXT))).isFalse();
        assertThat(SigningKey.generate(algorithm).publicKey().verifies(TEXT, key.sign(TEXT)))
                .isFalse();
    }

    @ParameterizedTest
    @EnumSource(SignatureAlgorithm.class)
    void takesNoSignatureOfAnotherLength(SignatureAlgorithm algorithm) {
        VerificationKey key = SigningKey.generate(algorithm).publicKey();
        for (int length : new int[] {0, 1, 63, 65, 70, 256, 1_000}) {
            assertThat(key.verifies(TEXT, new byte[length])).isFalse();
        }
    }

    @Test
    void takesNoDerEncodedEcdsaSignature() throws Exception {
        SigningKey key = SigningKey.generate();
        SigningKey same = SigningKey.fromJwk(key.toPrivateJwk());
        Signature der = Signature.getInstance("SHA256withECDSA");
        der.initVerify(same.publicKey().key());
        der.update(TEXT);

        assertThat(key.sign(TEXT)).hasSize(64); // RFC 7518 §3.4
        assertThatThrownBy(() -> der.verify(key.sign(TEXT))).isInstanceOf(SignatureException.class);
    }

    @Test
    void computesTheThumbprintOfTheStandardsExample() throws Exception {
        // RFC 7638 §3.1
        VerificationKey key = VerificationKey.fromJwk(Map.of(
                "kty",
                "RSA",
                "n",
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                "e",
                "AQAB",
                "alg",
                "RS256",
                "kid",
                "2011-04-29"));

        assertThat(key.thumbprint()).isEqualTo("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    @Test
    void refusesKeysThatAreNotPublicSigningKeysOfAKnownKind() {
        SigningKey ec = SigningKey.generate();
        assertMalformed(ec.toPrivateJwk());
        assertMalformed(Map.of());
        assertMalformed(Map.of("kty", "oct", "k", "c2VjcmV0"));
        assertMalformed(Map.of("kty", "EC", "crv", "P-256", "x", "AA", "y", "AA"));
        assertMalformed(Map.of("kty", "OKP", "crv", "Ed25519", "x", "AA"));
        assertMalformed(Map.of("kty", "OKP", "crv", "X25519", "x", "A".repeat(43)));
        assertMalformed(Map.of("kty", "RSA", "n", "AQAB", "e", "AQAB")); // far too short
        assertMalformed(Map.of("kty", "RSA", "n", "_".repeat(20_000), "e", "AQAB")); // far too long
        assertMalformed(with(ec, "use", "enc"));
        assertMalformed(with(ec, "alg", "RS256"));
        assertMalformed(with(ec, "alg", "none"));
        assertMalformed(with(ec, "crv", "P-384"));
        assertMalformed(with(ec, "x", List.of()));
        assertMalformed(with(ec, "x", null));
    }

    /** Somebody else's key must not cost more than a usual one. */
    @Test
    void refusesAnExponentThatTakesLong() throws Exception {
        Map<String, @Nullable Object> usual = rsa("AQAB");
        assertThat(VerificationKey.fromJwk(usual).algorithm()).isEqualTo(SignatureAlgorithm.RS256);
        assertMalformed(rsa(String.valueOf(usual.get("n"))));
    }

    private static Map<String, @Nullable Object> rsa(String exponent) {
        byte[] modulus = new byte[256];
        modulus[0] = (byte) 0x80;
        modulus[255] = 1;
        Map<String, @Nullable Object> jwk = new HashMap<>();
        jwk.put("kty", "RSA");
        jwk.put("n", Base64Url.encode(modulus));
        jwk.put("e", exponent);
        return jwk;
    }

    @Test
    void readsOnlyTheOneTextOfABase64urlValue() throws Exception {
        assertThat(Base64Url.decode("AQID")).containsExactly(1, 2, 3);
        assertThat(Base64Url.decode("")).isEmpty();
        for (String other : List.of("AQ==", "AR", "AQI=", "A", "AQ ID", "A+==", "A/_A", "AQ\n", "ĀQID")) {
            assertThatThrownBy(() -> Base64Url.decode(other)).as(other).isInstanceOf(Json.Malformed.class);
        }
    }

    @Test
    void printsNothingPrivate() {
        SigningKey key = SigningKey.generate();

        assertThat(key.toString())
                .doesNotContain(String.valueOf(key.toPrivateJwk().get("d")));
    }

    @Test
    void runsOnTheJdkAlone() {
        assertThat(SignatureAlgorithm.values())
                .extracting(SignatureAlgorithm::provider)
                .containsOnly("JDK");
    }

    private static Map<String, @Nullable Object> with(SigningKey key, String member, @Nullable Object value) {
        Map<String, @Nullable Object> jwk = new HashMap<>(key.publicKey().toJwk());
        jwk.put(member, value);
        return jwk;
    }

    private static void assertMalformed(Map<String, @Nullable Object> jwk) {
        assertThatThrownBy(() -> VerificationKey.fromJwk(jwk))
                .isInstanceOf(Json.Malformed.class)
                .hasMessageNotContaining("c2VjcmV0");
    }
}

package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SignedNoteTest {
    /** The example of the C2SP signed-note specification. */
    private static final String SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    private static final String SPEC_NOTE = "This is an example message.\n\n\u2014 example.com/foo "
            + "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    private final SignerKey alpha = signer("alpha.example/log");
    private final SignerKey beta = signer("beta.example/witness");

    @Test
    void theExampleOfTheSpecificationVerifies() {
        VerifierKey key = VerifierKey.parse(SPEC_VKEY).orElseThrow();
        SignedNote note = parse(SPEC_NOTE).orElseThrow();

        assertThat(note.signedBy(List.of(key))).isEqualTo(Parsed.valid(List.of(key)));
        assertThat(key.vkey()).isEqualTo(SPEC_VKEY);
        assertThat(new String(note.bytes(), StandardCharsets.UTF_8)).isEqualTo(SPEC_NOTE);
    }

    @Test
    void everyChangedBitOfANoteIsRefused() {
        VerifierKey key = VerifierKey.parse(SPEC_VKEY).orElseThrow();
        byte[] note = SPEC_NOTE.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < note.length * 8; i++) {
            byte[] changed = note.clone();
            changed[i / 8] ^= (byte) (1 << i % 8);
            assertThat(SignedNote.parse(changed).then(read -> read.signedBy(List.of(key))))
                    .as("bit %d", i)
                    .isInstanceOf(Parsed.Invalid.class);
        }
    }

    @Test
    void changedPaddingBitsAreNotCanonical() {
        // ...aQM= and ...aQN= decode to the same bytes in Java's decoder: one signature must have one form.
        assertThat(parse(SPEC_NOTE.replace("aQM=\n", "aQN=\n"))).isInstanceOf(Parsed.Invalid.class);
        assertThat(parse(SPEC_NOTE.replace("aQM=\n", "aQM\n"))).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void signaturesOfUnknownKeysArePassedOver() {
        SignedNote note = signed("hello\n", alpha, beta);

        assertThat(note.signedBy(List.of(beta.verifier()))).isEqualTo(Parsed.valid(List.of(beta.verifier())));
        assertThat(note.signedBy(List.of(alpha.verifier(), beta.verifier())))
                .isEqualTo(Parsed.valid(List.of(alpha.verifier(), beta.verifier())));
    }

    @Test
    void aNoteThatNoKnownKeySignedIsRefused() {
        assertThat(signed("hello\n", alpha).signedBy(List.of(beta.verifier()))).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void aKnownKeyThatFailsSpoilsTheNote() {
        SignedNote other = signed("other text\n", beta);
        var spoilt = new SignedNote(
                "hello\n",
                List.of(
                        signed("hello\n", alpha).signatures().get(0),
                        other.signatures().get(0)));

        assertThat(spoilt.signedBy(List.of(alpha.verifier(), beta.verifier()))).isInstanceOf(Parsed.Invalid.class);
        assertThat(spoilt.signedBy(List.of(alpha.verifier()))).isInstanceOf(Parsed.Valid.class);
    }

    @Test
    void aKeyUnderAnotherNameIsAnotherKey() {
        SignedNote note = signed("hello\n", alpha);
        VerifierKey renamed = VerifierKey.of("gamma.example", alpha.verifier().key());

        assertThat(renamed.keyId()).isNotEqualTo(alpha.verifier().keyId());
        assertThat(note.signedBy(List.of(renamed))).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void acceptsManySignaturesUpToItsBound() {
        List<SignedNote.Line> one = signed("hello\n", beta).signatures();
        var lines = new ArrayList<>(signed("hello\n", alpha).signatures());
        while (lines.size() < SignedNote.MAX_SIGNATURES) {
            lines.addAll(one);
        }
        byte[] note = new SignedNote("hello\n", lines).bytes();

        assertThat(SignedNote.parse(note).then(read -> read.signedBy(List.of(alpha.verifier()))))
                .isInstanceOf(Parsed.Valid.class);
        String longer = new String(note, StandardCharsets.UTF_8)
                + new String(note, StandardCharsets.UTF_8)
                        .lines()
                        .skip(2)
                        .findFirst()
                        .orElseThrow() + "\n";
        assertThat(parse(longer)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void theTextMayHaveBlankLines() {
        SignedNote note = signed("one\n\ntwo\n", alpha);

        assertThat(SignedNote.parse(note.bytes())).isEqualTo(Parsed.valid(note));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "\n",
                "text\n",
                "text\n\n",
                "text\n\n\u2014 name\n",
                "text\n\n\u2014 name AAAAAAA=",
                "text\n\n- name AAAAAAA=\n",
                "text\n\n\u2014  AAAAAAA=\n",
                "text\n\n\u2014 na+me AAAAAAA=\n",
                "text\n\n\u2014 name  AAAAAAA=\n",
                "text\n\n\u2014 name AAAAAA==\n",
                "text\n\n\u2014 name AAAA AAA=\n",
                "text\r\n\n\u2014 name AAAAAAA=\n",
                "te\txt\n\n\u2014 name AAAAAAA=\n",
                "te\u0085xt\n\n\u2014 name AAAAAAA=\n",
                "text\n\n\u2014 na\u00a0me AAAAAAA=\n",
                "text\n\n\u2014 name AAAAAAA=\n\n",
            })
    void refusesANoteInAnyOtherForm(String note) {
        assertThat(parse(note)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void refusesBytesThatAreNotUtf8() {
        byte[] note = signed("hello\n", alpha).bytes();
        note[1] = (byte) 0xff;

        assertThat(SignedNote.parse(note)).isInstanceOf(Parsed.Invalid.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
                "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
                "example.com/foo+530d903a",
                "example.com/foo",
                "",
            })
    void refusesAVerifierKeyThatDoesNotAgreeWithItself(String vkey) {
        assertThat(VerifierKey.parse(vkey)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void neverPrintsThePrivateKey() {
        assertThat(alpha.toString()).isEqualTo("SignerKey[" + alpha.verifier().vkey() + "]");
    }

    @Test
    void onlyLinesCanBeSigned() {
        assertThatThrownBy(() -> alpha.sign("no line end")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> alpha.sign("a\u0000b\n")).isInstanceOf(IllegalArgumentException.class);
    }

    private static SignedNote signed(String text, SignerKey... signers) {
        var lines = new ArrayList<SignedNote.Line>();
        for (SignerKey signer : signers) {
            lines.addAll(signer.sign(text).signatures());
        }
        return new SignedNote(text, lines);
    }

    private static Parsed<SignedNote> parse(String note) {
        return SignedNote.parse(note.getBytes(StandardCharsets.UTF_8));
    }

    static SignerKey signer(String name) {
        try {
            KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
            return new SignerKey(VerifierKey.of(name, pair.getPublic()), pair.getPrivate());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}

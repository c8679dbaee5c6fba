package io.behalf.core.merkle;

import io.behalf.core.jose.SignatureAlgorithm;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.util.List;

/** The key that signs a log's notes, with the verifier key that goes with it. Never printed. */
public record SignerKey(VerifierKey verifier, PrivateKey key) {

    /** @param text ends with a line end and has no control characters but line ends */
    public SignedNote sign(String text) {
        byte[] signature;
        try {
            Signature ed25519 = SignatureAlgorithm.EDDSA.signing(key);
            ed25519.update(text.getBytes(StandardCharsets.UTF_8));
            signature = ed25519.sign();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("the log's key does not sign", e);
        }
        byte[] withId = ByteBuffer.allocate(Integer.BYTES + signature.length)
                .putInt(verifier.keyId())
                .put(signature)
                .array();
        return new SignedNote(text, List.of(new SignedNote.Line(verifier.name(), StrictBase64.encode(withId))));
    }

    @Override
    public String toString() {
        return "SignerKey[" + verifier.vkey() + "]";
    }
}

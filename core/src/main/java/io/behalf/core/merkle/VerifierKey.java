package io.behalf.core.merkle;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.HexFormat;

/**
 * The key that checks a note: C2SP signed-note "Verifier keys", {@code name+hex(keyID)+base64(type‖key)}, for Ed25519 (type 1). The
 * key id binds the name to the key, so that one key cannot be shown under two names.
 */
public record VerifierKey(String name, int keyId, PublicKey key) {
    static final byte ED25519 = 1;
    private static final int ED25519_BYTES = 32;
    private static final byte[] ED25519_SPKI = HexFormat.of().parseHex("302a300506032b6570032100");
    private static final int MAX_NAME = 255;

    /** @throws IllegalArgumentException if the name is not one a note can carry, or the key is not an Ed25519 key */
    public static VerifierKey of(String name, PublicKey key) {
        if (!isName(name)) {
            throw new IllegalArgumentException("not a key name: " + name);
        }
        byte[] encoded = key.getEncoded();
        if (encoded == null || encoded.length != ED25519_SPKI.length + ED25519_BYTES) {
            throw new IllegalArgumentException("not an Ed25519 key");
        }
        return new VerifierKey(name, keyId(name, typed(encoded)), key);
    }

    public static Parsed<VerifierKey> parse(String vkey) {
        int nameEnd = vkey.indexOf('+');
        int idEnd = vkey.indexOf('+', nameEnd + 1);
        if (nameEnd < 0 || idEnd < 0) {
            return Parsed.invalid("a verifier key has the form name+id+key");
        }
        String name = vkey.substring(0, nameEnd);
        String id = vkey.substring(nameEnd + 1, idEnd);
        if (!isName(name)) {
            return Parsed.invalid("the name of a verifier key has no spaces and no +");
        }
        return StrictBase64.decode(vkey.substring(idEnd + 1)).then(typed -> {
            if (typed.length != 1 + ED25519_BYTES || typed[0] != ED25519) {
                return Parsed.invalid("only Ed25519 verifier keys (type 1, 32 bytes) are known");
            }
            int keyId = keyId(name, typed);
            if (!HexFormat.of().toHexDigits(keyId).equals(id)) {
                return Parsed.invalid("the id of the verifier key does not belong to its name and key");
            }
            return key(typed).then(key -> Parsed.valid(new VerifierKey(name, keyId, key)));
        });
    }

    /** The form that {@link #parse} reads. */
    public String vkey() {
        return name + "+" + HexFormat.of().toHexDigits(keyId) + "+" + StrictBase64.encode(typed(key.getEncoded()));
    }

    boolean verifies(byte[] text, byte[] signature) {
        try {
            Signature ed25519 = Signature.getInstance("Ed25519");
            ed25519.initVerify(key);
            ed25519.update(text);
            return ed25519.verify(signature);
        } catch (GeneralSecurityException e) {
            return false; // a signature of the wrong length is refused by throwing
        }
    }

    /** What a line of a note can carry: not empty, no white space, no {@code +}. */
    static boolean isName(String name) {
        return !name.isEmpty()
                && name.length() <= MAX_NAME
                && name.indexOf('+') < 0
                && name.codePoints()
                        .noneMatch(c -> Character.isWhitespace(c)
                                || Character.isSpaceChar(c)
                                || Character.isISOControl(c)
                                || Character.getType(c) == Character.SURROGATE);
    }

    private static byte[] typed(byte[] spki) {
        byte[] typed = new byte[1 + ED25519_BYTES];
        typed[0] = ED25519;
        System.arraycopy(spki, ED25519_SPKI.length, typed, 1, ED25519_BYTES);
        return typed;
    }

    private static int keyId(String name, byte[] typed) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            sha256.update(name.getBytes(StandardCharsets.UTF_8));
            sha256.update((byte) '\n');
            byte[] digest = sha256.digest(typed);
            return ByteBuffer.wrap(digest).getInt();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static Parsed<PublicKey> key(byte[] typed) {
        byte[] spki = new byte[ED25519_SPKI.length + ED25519_BYTES];
        System.arraycopy(ED25519_SPKI, 0, spki, 0, ED25519_SPKI.length);
        System.arraycopy(typed, 1, spki, ED25519_SPKI.length, ED25519_BYTES);
        try {
            return Parsed.valid(KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki)));
        } catch (GeneralSecurityException e) {
            return Parsed.invalid("not a point of Ed25519");
        }
    }
}

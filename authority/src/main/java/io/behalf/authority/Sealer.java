package io.behalf.authority;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Encrypts what the store keeps about people, and keys, with AES-256-GCM. The place of a value (its table, row and
 * column) is authenticated with it: somebody who can write the file but lacks the key cannot move one person's identity
 * into another person's task.
 *
 * <p>Form: a version byte, 12 random bytes of nonce, ciphertext with tag. Thread-safe.
 */
final class Sealer {
    private static final byte VERSION = 1;
    private static final int NONCE = 12;
    private static final int TAG_BITS = 128;

    private final SecretKeySpec key;
    private final byte[] indexKey;
    private final SecureRandom random;

    /** @param master 32 bytes */
    Sealer(byte[] master, SecureRandom random) {
        this.key = new SecretKeySpec(Digests.hmac(master, "behalf store: seal"), "AES");
        this.indexKey = Digests.hmac(master, "behalf store: index");
        this.random = random;
    }

    byte[] seal(String place, byte[] plain) {
        byte[] nonce = new byte[NONCE];
        random.nextBytes(nonce);
        try {
            Cipher cipher = cipher(Cipher.ENCRYPT_MODE, nonce, place);
            byte[] out = new byte[1 + NONCE + cipher.getOutputSize(plain.length)];
            out[0] = VERSION;
            System.arraycopy(nonce, 0, out, 1, NONCE);
            cipher.doFinal(plain, 0, plain.length, out, 1 + NONCE);
            return out;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot encrypt", e);
        }
    }

    /** @throws StoreFault when the value was altered, moved, or sealed under another key */
    byte[] open(String place, byte[] sealed) {
        if (sealed.length < 1 + NONCE || sealed[0] != VERSION) {
            throw new StoreFault("a sealed value of the store has an unknown form", null);
        }
        try {
            byte[] nonce = Arrays.copyOfRange(sealed, 1, 1 + NONCE);
            return cipher(Cipher.DECRYPT_MODE, nonce, place).doFinal(sealed, 1 + NONCE, sealed.length - 1 - NONCE);
        } catch (GeneralSecurityException e) {
            throw new StoreFault("a sealed value of the store does not open: altered, moved, or under another key", e);
        }
    }

    /** A keyed digest to find a person's rows by, without the person's id standing in the file. */
    byte[] index(String subject) {
        return Digests.hmac(indexKey, subject);
    }

    private Cipher cipher(int mode, byte[] nonce, String place) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(mode, key, new GCMParameterSpec(TAG_BITS, nonce));
        cipher.updateAAD(place.getBytes(StandardCharsets.UTF_8));
        return cipher;
    }
}

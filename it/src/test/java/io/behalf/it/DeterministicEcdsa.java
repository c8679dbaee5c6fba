package io.behalf.it;

import io.behalf.core.jose.SigningKey;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * ES256 whose signature depends on key and message alone (RFC 6979), so that vectors made twice are the same bytes. Slow
 * and leaking through its timing: for test vectors only.
 */
final class DeterministicEcdsa {
    private static final BigInteger P = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    /** The order of the curve. */
    static final BigInteger N = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

    private static final BigInteger A = P.subtract(BigInteger.valueOf(3));
    private static final Point G = new Point(
            hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
            hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"));

    private static final List<Point> POWERS = powers();

    private record Point(BigInteger x, BigInteger y) {}

    private DeterministicEcdsa() {}

    static byte[] sign(SigningKey key, byte[] message) {
        Object d = Objects.requireNonNull(key.toPrivateJwk().get("d"));
        return sign(new BigInteger(1, Base64.getUrlDecoder().decode((String) d)), message);
    }

    static byte[] sign(BigInteger d, byte[] message) {
        try {
            BigInteger z =
                    new BigInteger(1, MessageDigest.getInstance("SHA-256").digest(message));
            BigInteger k = nonce(d, z);
            BigInteger r = timesG(k).x().mod(N);
            BigInteger s = k.modInverse(N).multiply(z.add(r.multiply(d))).mod(N);
            byte[] out = new byte[64];
            System.arraycopy(bytes(r), 0, out, 0, 32);
            System.arraycopy(bytes(s), 0, out, 32, 32);
            return out;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** RFC 6979 §3.2. */
    private static BigInteger nonce(BigInteger d, BigInteger z) throws GeneralSecurityException {
        byte[] v = new byte[32];
        Arrays.fill(v, (byte) 1);
        byte[] k = new byte[32];
        byte[] seed = concat(bytes(d), bytes(z.mod(N)));
        k = mac(k, concat(v, new byte[] {0}, seed));
        v = mac(k, v);
        k = mac(k, concat(v, new byte[] {1}, seed));
        v = mac(k, v);
        while (true) {
            v = mac(k, v);
            BigInteger candidate = new BigInteger(1, v);
            if (candidate.signum() > 0 && candidate.compareTo(N) < 0) {
                return candidate;
            }
            k = mac(k, concat(v, new byte[] {0}));
            v = mac(k, v);
        }
    }

    private static Point timesG(BigInteger k) {
        Point sum = null;
        for (int bit = 0; bit < k.bitLength(); bit++) {
            if (k.testBit(bit)) {
                sum = sum == null ? POWERS.get(bit) : add(sum, POWERS.get(bit));
            }
        }
        return Objects.requireNonNull(sum, "zero is no nonce");
    }

    /** G, 2G, 4G and so on: half of the work of each signature, done once. */
    private static List<Point> powers() {
        List<Point> powers = new ArrayList<>();
        for (Point p = G; powers.size() < N.bitLength(); p = add(p, p)) {
            powers.add(p);
        }
        return List.copyOf(powers);
    }

    /** Of two points whose sum is not the point at infinity, which does not come up below the group's order. */
    private static Point add(Point a, Point b) {
        BigInteger slope = a.equals(b)
                ? a.x().pow(2)
                        .multiply(BigInteger.valueOf(3))
                        .add(A)
                        .multiply(a.y().shiftLeft(1).modInverse(P))
                : b.y().subtract(a.y()).multiply(b.x().subtract(a.x()).modInverse(P));
        BigInteger x = slope.pow(2).subtract(a.x()).subtract(b.x()).mod(P);
        return new Point(x, slope.multiply(a.x().subtract(x)).subtract(a.y()).mod(P));
    }

    private static byte[] mac(byte[] key, byte[] message) throws GeneralSecurityException {
        Mac hmac = Mac.getInstance("HmacSHA256");
        hmac.init(new SecretKeySpec(key, "HmacSHA256"));
        return hmac.doFinal(message);
    }

    private static byte[] concat(byte[]... parts) {
        byte[] out = new byte[0];
        for (byte[] part : parts) {
            int at = out.length;
            out = Arrays.copyOf(out, at + part.length);
            System.arraycopy(part, 0, out, at, part.length);
        }
        return out;
    }

    private static byte[] bytes(BigInteger n) {
        byte[] signed = n.toByteArray();
        byte[] out = new byte[32];
        int length = Math.min(32, signed.length);
        System.arraycopy(signed, signed.length - length, out, 32 - length, length);
        return out;
    }

    private static BigInteger hex(String text) {
        return new BigInteger(text, 16);
    }
}

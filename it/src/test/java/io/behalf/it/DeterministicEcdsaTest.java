package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.SigningKey;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

final class DeterministicEcdsaTest {
    @Test
    void signsTheStandardsExample() {
        // RFC 6979 §A.2.5
        BigInteger d = new BigInteger("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", 16);

        assertThat(HexFormat.of().withUpperCase().formatHex(DeterministicEcdsa.sign(d, utf8("sample"))))
                .isEqualTo("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                        + "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
    }

    @Test
    void signsWhatTheVerifiersKeysAccept() {
        SigningKey key = SigningKey.generate();
        for (int i = 0; i < 20; i++) {
            byte[] message = utf8("message " + i);
            assertThat(key.publicKey().verifies(message, DeterministicEcdsa.sign(key, message)))
                    .isTrue();
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

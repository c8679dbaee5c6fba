package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class HashTest {
    @Test
    void keepsEveryByteInItsPlace() {
        byte[] bytes = new byte[40];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (7 * i + 130);
        }

        Hash hash = Hash.at(bytes, 5);

        assertThat(hash.bytes()).isEqualTo(java.util.Arrays.copyOfRange(bytes, 5, 37));
        assertThat(Hash.ofHex(hash.hex())).isEqualTo(hash).hasSameHashCodeAs(hash);
    }

    @Test
    void oneChangedBitIsAnotherHash() {
        byte[] bytes = new byte[32];
        Hash zero = Hash.of(bytes);
        for (int i = 0; i < 256; i++) {
            byte[] changed = new byte[32];
            changed[i / 8] = (byte) (1 << i % 8);
            assertThat(Hash.of(changed)).isNotEqualTo(zero);
        }
    }

    @Test
    void hasThirtyTwoBytes() {
        assertThatThrownBy(() -> Hash.of(new byte[31])).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Hash.ofHex("00")).isInstanceOf(IllegalArgumentException.class);
    }
}

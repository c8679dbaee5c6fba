package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import org.junit.jupiter.api.Test;

class SealerTest {
    private static final byte[] PLAIN = "Alice Doe".getBytes(StandardCharsets.UTF_8);

    private final SecureRandom random = new SecureRandom();
    private final byte[] master = random.generateSeed(32);
    private final Sealer sealer = new Sealer(master, random);

    @Test
    void opensWhatItSealedAlsoInAnotherProcess() {
        byte[] sealed = sealer.seal("task:1:identity", PLAIN);

        assertThat(new Sealer(master, random).open("task:1:identity", sealed)).isEqualTo(PLAIN);
        assertThat(new String(sealed, StandardCharsets.ISO_8859_1)).doesNotContain("Alice");
    }

    @Test
    void sealsTheSameTextDifferentlyEachTime() {
        assertThat(sealer.seal("a", PLAIN)).isNotEqualTo(sealer.seal("a", PLAIN));
    }

    @Test
    void refusesValueMovedToAnotherPlace() {
        byte[] sealed = sealer.seal("task:1:identity", PLAIN);

        assertThatThrownBy(() -> sealer.open("task:2:identity", sealed)).isInstanceOf(StoreFault.class);
    }

    @Test
    void refusesEveryAlteredByte() {
        byte[] sealed = sealer.seal("a", PLAIN);
        for (int i = 0; i < sealed.length; i++) {
            byte[] altered = sealed.clone();
            altered[i] ^= 1;
            assertThatThrownBy(() -> sealer.open("a", altered)).isInstanceOf(StoreFault.class);
        }
    }

    @Test
    void refusesAnotherKeyAndTruncatedValues() {
        byte[] sealed = sealer.seal("a", PLAIN);

        assertThatThrownBy(() -> new Sealer(random.generateSeed(32), random).open("a", sealed))
                .isInstanceOf(StoreFault.class);
        assertThatThrownBy(() -> sealer.open("a", new byte[3])).isInstanceOf(StoreFault.class);
    }
}

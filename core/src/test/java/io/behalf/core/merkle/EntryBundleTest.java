package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class EntryBundleTest {
    private final List<byte[]> entries =
            List.of(new byte[0], new byte[] {1}, new byte[EntryBundle.MAX_ENTRY_BYTES], new byte[300]);

    @Test
    void readsBackWhatItWrote() {
        byte[] bundle = EntryBundle.encode(entries);

        List<byte[]> read = EntryBundle.decode(bundle, 4).orElseThrow();

        assertThat(read).hasSize(4);
        for (int i = 0; i < 4; i++) {
            assertThat(read.get(i)).isEqualTo(entries.get(i));
        }
    }

    @Test
    void lengthsAreTwoBytesBigEndian() {
        assertThat(EntryBundle.encode(List.of(new byte[300]))).startsWith(1, 44).hasSize(302);
    }

    @Test
    void refusesABundleThatIsCutOrHasMore() {
        byte[] bundle = EntryBundle.encode(entries);

        for (int cut : List.of(1, 299, 300, 301, 302, 303)) {
            assertThat(EntryBundle.decode(Arrays.copyOf(bundle, bundle.length - cut), 4))
                    .as("cut by %d", cut)
                    .isInstanceOf(Parsed.Invalid.class);
        }
        assertThat(EntryBundle.decode(Arrays.copyOf(bundle, bundle.length + 1), 4))
                .isInstanceOf(Parsed.Invalid.class);
        assertThat(EntryBundle.decode(bundle, 3)).isInstanceOf(Parsed.Invalid.class);
        assertThat(EntryBundle.decode(bundle, 5)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void anEntryTooLongForItsLengthIsNotWritten() {
        assertThatThrownBy(() -> EntryBundle.encode(List.of(new byte[EntryBundle.MAX_ENTRY_BYTES + 1])))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
    private static final String ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    @Test
    void readsBackWhatItWrote() {
        var checkpoint = new Checkpoint("behalf.example/log", 20852163, new TreeHasher().emptyRoot());

        assertThat(checkpoint.text()).isEqualTo("behalf.example/log\n20852163\n" + ROOT + "\n");
        assertThat(Checkpoint.parse(checkpoint.text())).isEqualTo(Parsed.valid(checkpoint));
    }

    @Test
    void keepsExtensionLinesOfOthers() {
        String text = "o\n0\n" + ROOT + "\nmore\n";

        assertThat(Checkpoint.parse(text).orElseThrow().extensions()).isEqualTo(List.of("more"));
        assertThat(Checkpoint.parse(text).orElseThrow().text()).isEqualTo(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "\n",
                "o\n1\n",
                "o\n1\n" + ROOT,
                "\n1\n" + ROOT + "\n",
                "o o\n1\n" + ROOT + "\n",
                "o\n01\n" + ROOT + "\n",
                "o\n+1\n" + ROOT + "\n",
                "o\n-1\n" + ROOT + "\n",
                "o\n1 \n" + ROOT + "\n",
                "o\n\u0661\n" + ROOT + "\n",
                "o\n9223372036854775808\n" + ROOT + "\n",
                "o\n99999999999999999999\n" + ROOT + "\n",
                "o\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
                "o\n1\n47DEQpj8HBSa\n",
                "o\n1\n" + ROOT + "\n\n",
            })
    void refusesAnyOtherForm(String text) {
        assertThat(Checkpoint.parse(text)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void aSizeIsNeverNegative() {
        assertThatThrownBy(() -> new Checkpoint("o", -1, new TreeHasher().emptyRoot()))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

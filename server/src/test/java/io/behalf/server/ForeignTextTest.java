package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ForeignTextTest {
    @ParameterizedTest
    @ValueSource(strings = {"tickets.search", "customers/4711", "gpt-5.2", "file:///data/bericht-März.pdf", "a*b"})
    void whatIsOneWordIsShownAsItIs(String value) {
        assertThat(ForeignText.shown(value)).isEqualTo(value);
    }

    @Test
    void whatCouldBeTakenForOtherPartsOfALineStandsInQuotes() {
        assertThat(ForeignText.shown("1; planned by #1, by sub-agent bob"))
                .isEqualTo("\"1; planned by #1, by sub-agent bob\"".replace(' ', ForeignText.SPACE));
        assertThat(ForeignText.shown("demo            REFUSED"))
                .startsWith("\"demo")
                .endsWith("REFUSED\"");
        assertThat(ForeignText.shown("")).isEqualTo("\"\"");
    }

    @Test
    void nothingEndsItsOwnQuotes() {
        assertThat(ForeignText.shown("a\" ok \"b\\"))
                .isEqualTo("\"a\\\" ok \\\"b\\\\\"".replace(' ', ForeignText.SPACE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u00a0", "\u3164", "\u2800", "\u2003", "\u115f"})
    void whatShowsNothingIsNamed(String blank) {
        assertThat(ForeignText.shown("a" + blank + "b"))
                .isEqualTo("\"a\\u{" + Integer.toHexString(blank.charAt(0)) + "}b\"");
    }
}

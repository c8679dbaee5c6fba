package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArgumentsTest {
    /** RFC 8785, appendix B, and the edges of each form. */
    @ParameterizedTest
    @CsvSource({
        "0.0, 0",
        "-0.0, 0",
        "1.0, 1",
        "1.50, 1.5",
        "-1.5e3, -1500",
        "4.35, 4.35",
        "0.000001, 0.000001",
        "0.0000001, 1e-7",
        "1e21, 1e+21",
        "1e20, 100000000000000000000",
        "123456789012345680000.0, 123456789012345680000",
        "333333333.3333333, 333333333.3333333",
        "9007199254740993, 9007199254740992",
        "1e23, 1e+23",
        "5e-324, 5e-324",
        "1.7976931348623157e308, 1.7976931348623157e+308",
        "0.00001234, 0.00001234"
    })
    void writesNumbersAsEcmaScriptDoes(String read, String canonical) {
        assertThat(Arguments.canonical("[" + read + "]").toString()).isEqualTo("[" + canonical + "]");
    }

    @Test
    void isTheSameHoweverTheTextIsSpacedAndOrdered() {
        assertThat(Arguments.canonical("{ \"b\" : [1, true, null], \"a\": \"\\u00e9\" }")
                        .toString())
                .isEqualTo("{\"a\":\"é\",\"b\":[1,true,null]}");
    }

    @Test
    void whatIsNoJsonStandsForItself() {
        assertThat(Arguments.canonical("{ not json").toString()).isEqualTo("{ not json");
        assertThat(Arguments.canonical("").toString()).isEqualTo("{}");
    }
}

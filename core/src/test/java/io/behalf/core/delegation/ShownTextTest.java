package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShownTextTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Tidy up\"\nApproved by: alice",
                "Tidy up\rApproved",
                "Tidy up\u0085Approved",
                "Tidy up\u2028Approved",
                "Tidy up\u2029Approved",
                "Tidy\tup",
                "Tidy up\u0000",
                "Tidy up\u001b[2J",
                "\u202eyad eht lla daer",
                "read \u2067tickets\u2069",
                "read\u200f tickets",
                "read\u061ctickets",
                "\ud800",
                "",
                " "
            })
    void refusesWhatCouldLookLikeSomethingElse(String text) {
        assertThat(ShownText.holds(text, 100)).isFalse();
        assertThatIllegalArgumentException().isThrownBy(() -> ShownText.require("description", text, 100));
        assertThatIllegalArgumentException().isThrownBy(() -> new BehalfTask(
                        text, Scope.NONE, Limits.NONE, Optional.of(Duration.ofHours(1)), Optional.empty())
                .requireShown());
    }

    @ParameterizedTest
    @ValueSource(strings = {"c/1\u202e", "c/2\u2028Nothing else."})
    void refusesItInWhatATaskMayDo(String text) {
        for (Permission permission : List.of(
                Permission.of("crm", List.of(text)),
                Permission.of("crm", List.of("read"), List.of(text), Map.of()),
                Permission.of("crm", List.of("read"), List.of(), Map.of(text, List.of("a"))),
                Permission.of("crm", List.of("read"), List.of(), Map.of("a", List.of(text))))) {
            BehalfTask task = new BehalfTask(
                    "Tidy up", Scope.of(permission), Limits.NONE, Optional.of(Duration.ofHours(1)), Optional.empty());
            assertThatIllegalArgumentException().isThrownBy(task::requireShown);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"Summarize the tickets", "Zusammenfassung für März", "תקציר", "👩‍💻 pairs", "a \"quoted\" word"
            })
    void acceptsWhatPeopleWrite(String text) {
        assertThat(ShownText.holds(text, 100)).isTrue();
        assertThatCode(() -> ShownText.require("description", text, 100)).doesNotThrowAnyException();
    }
}

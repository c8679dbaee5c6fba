package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** {@code docs/reasons.md} is about the reasons that there are, in their order, and names a test for each. */
class ReasonsPageTest {
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| \\[`(\\w+)`]\\(#\\1\\) \\| (\\d{3}) \\| `(\\w+)` \\|$");
    private static final Pattern SECTION =
            Pattern.compile("(?m)^## (\\w+)\\n\\n[^\\n]+\\n\\n- Cause: [^\\n]+\\n- Cure: [^\\n]+$");

    @Test
    void listsEveryReasonWithItsStatus() {
        assertThat(ROW.matcher(page()).results().map(row -> row.group(1) + " " + row.group(2)))
                .containsExactlyElementsOf(Arrays.stream(Reason.values())
                        .map(reason -> reason.code() + " " + reason.status())
                        .toList());
    }

    @Test
    void saysOfEveryReasonWhatItMeansItsCauseAndItsCure() {
        assertThat(SECTION.matcher(page()).results().map(section -> section.group(1)))
                .containsExactlyElementsOf(
                        Arrays.stream(Reason.values()).map(Reason::code).toList());
    }

    @Test
    void namesATestOfItsOwnForEach() {
        List<String> tests =
                ROW.matcher(page()).results().map(row -> row.group(3)).toList();

        assertThat(tests).doesNotHaveDuplicates();
        assertThat(Arrays.stream(ReasonsTest.class.getDeclaredMethods())
                        .filter(method -> method.isAnnotationPresent(Test.class))
                        .map(Method::getName))
                .containsExactlyInAnyOrderElementsOf(tests);
    }

    /** The reason for which the page names this test. */
    static Reason reasonOf(String test) {
        return ROW.matcher(page())
                .results()
                .filter(row -> row.group(3).equals(test))
                .map(row -> Reason.of(row.group(1)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("docs/reasons.md does not name " + test));
    }

    private static String page() {
        try {
            return Files.readString(Checkout.file("docs/reasons.md"));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

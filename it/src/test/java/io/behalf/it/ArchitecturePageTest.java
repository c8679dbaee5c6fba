package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * ARCHITECTURE.md names paths ({@code docs/decisions}), types ({@code CallFlow}) and types where they stand
 * ({@code gateway/CallFlow}); each must exist, there.
 */
class ArchitecturePageTest {
    private static final Pattern CODE = Pattern.compile("(?<!`)`([^`\\n]+)`(?!`)");
    private static final Pattern TYPE = Pattern.compile("[A-Z]\\w*[a-z]\\w*");
    private static final Pattern TYPE_IN_MODULE = Pattern.compile("([a-z]+)/([A-Z]\\w*[a-z]\\w*)");
    private static final Pattern PATH = Pattern.compile("\\.?[A-Za-z][\\w.-]*(/[\\w.-]*)+|[A-Z]+\\.md|pom\\.xml");

    @Test
    void namesOnlyWhatExists() throws IOException {
        assertThat(named(Files.readString(Checkout.file("ARCHITECTURE.md"))))
                .isNotEmpty()
                .allSatisfy(name -> assertThat(exists(name)).as(name).isTrue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"NoSuchType", "gateway/Behalf", "docs/no-such-page.md", "NOSUCH.md"})
    void noticesWhatDoesNotExist(String name) throws IOException {
        assertThat(named("See `" + name + "`.")).containsExactly(name);
        assertThat(exists(name)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Behalf", "server/Behalf", "docs/glossary.md", "core/", "pom.xml"})
    void findsWhatExists(String name) throws IOException {
        assertThat(named("See `" + name + "`.")).containsExactly(name);
        assertThat(exists(name)).isTrue();
    }

    private static List<String> named(String page) {
        return CODE.matcher(page)
                .results()
                .map(code -> code.group(1))
                .filter(ArchitecturePageTest::isName)
                .toList();
    }

    /** Commands, addresses, configuration keys, words of a format, a data directory's files are none of this test's business. */
    private static boolean isName(String code) {
        return !code.startsWith("keys/")
                && Stream.of(TYPE, TYPE_IN_MODULE, PATH)
                        .anyMatch(form -> form.matcher(code).matches());
    }

    private static boolean exists(String name) throws IOException {
        var inModule = TYPE_IN_MODULE.matcher(name);
        if (inModule.matches()) {
            return declares(Checkout.file(inModule.group(1)), inModule);
        }
        if (TYPE.matcher(name).matches()) {
            return declares(
                    Checkout.root(), TYPE.matcher(name).results().findFirst().orElseThrow());
        }
        return Files.exists(Checkout.file(name));
    }

    /** Whether a source file below the folder has the type's name, or declares it inside. */
    private static boolean declares(Path folder, MatchResult type) throws IOException {
        if (!Files.isDirectory(folder)) {
            return false;
        }
        var declaration = Pattern.compile("\\b(class|interface|record|enum) " + type.group(type.groupCount()) + "\\b");
        try (Stream<Path> files = Files.walk(folder)) {
            for (var file : (Iterable<Path>) files.filter(ArchitecturePageTest::isSource)::iterator) {
                if (declaration.matcher(Files.readString(file)).find()) {
                    return true;
                }
            }
            return false;
        }
    }

    private static boolean isSource(Path file) {
        return file.toString().endsWith(".java") && file.toString().contains("/src/main/java/");
    }
}

package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The commands that README and docs show, run as they stand there: those of one page one after another, in one folder, by
 * a shell. What a page shows below a command is what the command says; an ellipsis stands for what differs.
 */
@Tag("slow")
class CommandsTest {
    private static final Duration PAGE_ENDS_WITHIN = Duration.ofMinutes(3);
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```console\\n(.*?)^```$");
    private static final String PROMPT = "$ ";
    private static final String MARK = "@@ next command";

    record Shown(String command, List<String> output) {}

    static List<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.walk(Checkout.file("docs"));
                Stream<Path> examples = Files.walk(Checkout.file("examples"))) {
            return Stream.of(Stream.of(Checkout.file("README.md")), docs, examples)
                    .flatMap(paths -> paths)
                    .filter(path ->
                            path.toString().endsWith(".md") && !shownBy(path).isEmpty())
                    .map(Checkout.root()::relativize)
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyCommandSaysWhatThePageShows(Path page, @TempDir Path folder) throws IOException {
        // As in a checkout: pages name files of it, and must not change them.
        Files.createSymbolicLink(folder.resolve("behalf"), Checkout.file("behalf"));
        Files.createSymbolicLink(folder.resolve("examples"), Checkout.file("examples"));
        var shown = shownBy(Checkout.root().resolve(page));
        var script = shown.stream().map(Shown::command).collect(Collectors.joining("\necho '" + MARK + "'\n"));
        var environment = Map.of(
                "BEHALF_JAVA_OPTIONS", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
                "BEHALF_DATA", folder.resolve("behalf-data").toString(),
                "XDG_RUNTIME_DIR", folder.toString(),
                "XDG_STATE_HOME", folder.toString());

        var done = Command.run(List.of("sh", "-e", "-c", script), folder, environment, PAGE_ENDS_WITHIN);

        assertThat(done.exit()).as(done.said()).isZero();
        var said = done.out().split(MARK + "\n", -1);
        for (var i = 0; i < shown.size(); i++) {
            assertThat(said[i])
                    .as(shown.get(i).command())
                    .matches(pattern(shown.get(i).output()));
        }
    }

    private static List<Shown> shownBy(Path page) {
        var shown = new ArrayList<Shown>();
        for (var line : (Iterable<String>) lines(page)::iterator) {
            if (line.startsWith(PROMPT)) {
                shown.add(new Shown(line.substring(PROMPT.length()), new ArrayList<>()));
            } else {
                shown.getLast().output().add(line);
            }
        }
        return shown;
    }

    private static Stream<String> lines(Path page) {
        try {
            return BLOCK.matcher(Files.readString(page)).results().flatMap(block -> block.group(1)
                    .lines());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** A command below which nothing is shown may say anything. */
    private static Pattern pattern(List<String> output) {
        var expected = output.stream()
                .map(line -> Stream.of(line.split("…", -1)).map(Pattern::quote).collect(Collectors.joining(".*")))
                .collect(Collectors.joining("\n"));
        return output.isEmpty() ? Pattern.compile("(?s).*") : Pattern.compile(expected + "\\s*");
    }
}

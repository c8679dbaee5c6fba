import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

/**
 * Prints how many minutes the tests of each tag took, from the reports that Surefire has written since the run began.
 * Exits 1 when the run took longer than the whole suite may, when a test failed, and when none ran.
 *
 * <p>Reports do not carry tags, so these are read from the sources: tags stand on classes, and a class has its own
 * and those of the class it extends. A class of several tags counts under each.
 */
final class TestMinutes {
    private static final Duration WHOLE_SUITE = Duration.ofMinutes(38);
    private static final Pattern TAG = Pattern.compile("@Tag\\(\"([^\"]+)\"\\)");
    private static final Pattern EXTENDS = Pattern.compile("class \\w+(?:<[^{]*>)? extends (\\w+)");

    public static void main(String[] args) throws Exception {
        var root = Path.of(args[0]);
        var started = Instant.ofEpochSecond(Long.parseLong(args[1]));
        var suites = suitesSince(root, started);
        var took = Duration.between(started, Instant.now());

        System.out.println();
        print(byTag(suites, new Tags(sources(root))));
        System.out.printf("whole run: %.1f minutes of %d%n", minutes(took), WHOLE_SUITE.toMinutes());
        var failed = suites.stream().mapToInt(Suite::failed).sum();
        var skipped = suites.stream().mapToInt(Suite::skipped).sum();
        var passed = suites.stream().mapToInt(Suite::tests).sum() - failed - skipped;
        System.out.printf("%d passed, %d failed, %d skipped%n", passed, failed, skipped);
        System.exit(passed > 0 && failed == 0 && took.compareTo(WHOLE_SUITE) <= 0 ? 0 : 1);
    }

    private static List<Suite> suitesSince(Path root, Instant started) throws Exception {
        var parser = DocumentBuilderFactory.newInstance().newDocumentBuilder();
        var suites = new ArrayList<Suite>();
        for (var report : files(root, "target/surefire-reports", ".xml")) {
            if (!Files.getLastModifiedTime(report).toInstant().isBefore(started)) {
                suites.add(Suite.of(parser.parse(report.toFile()).getDocumentElement()));
            }
        }
        return suites;
    }

    private static SortedMap<String, Sum> byTag(List<Suite> suites, Tags tags) {
        var sums = new TreeMap<String, Sum>();
        for (var suite : suites) {
            for (var tag : tags.of(suite.className())) {
                sums.merge(tag, new Sum(suite.tests(), suite.seconds()), Sum::plus);
            }
        }
        return sums;
    }

    private static void print(SortedMap<String, Sum> sums) {
        System.out.printf("%-16s %6s %8s%n", "tag", "tests", "minutes");
        sums.forEach((tag, sum) -> System.out.printf("%-16s %6d %8.1f%n", tag, sum.tests(), sum.seconds() / 60));
    }

    private static Map<String, Path> sources(Path root) throws IOException {
        var sources = new TreeMap<String, Path>();
        for (var file : files(root, "src/test/java", ".java")) {
            sources.put(file.getFileName().toString().replace(".java", ""), file);
        }
        return sources;
    }

    /** Files of every module below a folder of it; modules are the root's own folders. */
    private static List<Path> files(Path root, String folder, String suffix) throws IOException {
        var found = new ArrayList<Path>();
        try (Stream<Path> modules = Files.list(root)) {
            for (var below : modules.map(module -> module.resolve(folder)).filter(Files::isDirectory).toList()) {
                try (Stream<Path> all = Files.walk(below)) {
                    all.filter(file -> file.toString().endsWith(suffix)).forEach(found::add);
                }
            }
        }
        return found;
    }

    private static double minutes(Duration duration) {
        return duration.toMillis() / 60_000.0;
    }

    /** One report: the tests of one class. */
    record Suite(String className, int tests, int failed, int skipped, double seconds) {
        static Suite of(Element suite) {
            return new Suite(
                    suite.getAttribute("name"),
                    number(suite, "tests"),
                    number(suite, "failures") + number(suite, "errors"),
                    number(suite, "skipped"),
                    Double.parseDouble(suite.getAttribute("time").replace(",", "")));
        }

        private static int number(Element suite, String name) {
            return Integer.parseInt(suite.getAttribute(name));
        }
    }

    record Sum(int tests, double seconds) {
        Sum plus(Sum other) {
            return new Sum(tests + other.tests, seconds + other.seconds);
        }
    }

    /** The tags of test classes, by simple name. */
    record Tags(Map<String, Path> sources) {
        TreeSet<String> of(String className) {
            var outermost = className.replaceFirst("\\$.*", "");
            var tags = declared(outermost.substring(outermost.lastIndexOf('.') + 1));
            if (tags.isEmpty()) {
                tags.add("(none)");
            }
            return tags;
        }

        private TreeSet<String> declared(String simpleName) {
            var tags = new TreeSet<String>();
            for (var name = Optional.of(simpleName); name.isPresent(); ) {
                var source = text(name.get());
                TAG.matcher(source).results().forEach(found -> tags.add(found.group(1)));
                var parent = EXTENDS.matcher(source);
                name = parent.find() ? Optional.of(parent.group(1)) : Optional.empty();
            }
            return tags;
        }

        private String text(String simpleName) {
            try {
                return sources.containsKey(simpleName) ? Files.readString(sources.get(simpleName)) : "";
            } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable);
            }
        }
    }
}

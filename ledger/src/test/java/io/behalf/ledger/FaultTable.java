package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.ledger.FaultDisk.Fault;
import io.behalf.ledger.FaultStory.Told;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** One table of {@code docs/durability.md}: operations that fail in the same way with the same effect share a row. */
final class FaultTable {
    private static final String PAGE = "docs/durability.md";
    private static final String HEAD = """
            | operation | on | when | what became of it | the caller is told | the ledger | refused record after a kill | after a power loss |
            |---|---|---|---|---|---|---|---|
            """;

    /** What is seen of a failure from the outside. */
    record Seen(String told, String ledger, String killed, String powerLost) {
        static Seen of(Told told, Recovered killed, Recovered powerLost) {
            return new Seen(
                    told.opening()
                            .map(code -> "`" + code + "`, at its start")
                            .or(() -> told.refusal().map(code -> "`" + code + "`"))
                            .orElse("all is confirmed"),
                    ledger(told),
                    there(told, killed),
                    there(told, powerLost));
        }

        private static String ledger(Told told) {
            if (told.opening().isPresent()) {
                return "does not start";
            }
            if (!told.stopped()) {
                return "goes on";
            }
            return told.refusal().isPresent() ? "stops" : "stops, closing";
        }

        private static String there(Told told, Recovered recovered) {
            return told.refused()
                    .map(record -> recovered.records().contains(record) ? "is there" : "is not there")
                    .orElse("–");
        }
    }

    /** What an operation does to one thing, as far as it has the same effect. */
    private record Effect(String on, String when, String became, Seen seen) {}

    private final String title;
    private final Map<FaultOperation, Map<String, Map<Fault, Seen>>> seen = new TreeMap<>();

    FaultTable(String title) {
        this.title = title;
    }

    /** @param before how often it went well before, of so many times in all */
    void add(FaultOperation operation, int before, int times, Fault fault, Seen what) {
        String when = before == 0 ? "first" : before == times - 1 ? "last" : "middle";
        seen.computeIfAbsent(operation, _ -> new LinkedHashMap<>())
                .computeIfAbsent(when, _ -> new LinkedHashMap<>())
                .put(fault, what);
    }

    /** With {@code -Dbehalf.pages=write} it is there afterwards. */
    void assertIsOnThePage() throws IOException {
        Path file = page();
        String page = Files.readString(file);
        String begin = "### " + title + "\n\n";
        int from = page.indexOf(begin + HEAD);
        assertThat(from).as("%s has the table \"%s\"", PAGE, title).isNotNegative();
        int start = from + begin.length();
        int end = page.indexOf("\n\n", start) + 1;
        String rows = HEAD + rows();
        if ("write".equals(System.getProperty("behalf.pages"))) {
            Files.writeString(file, page.substring(0, start) + rows + page.substring(end));
        } else {
            assertThat(page.substring(start, end))
                    .as("%s, \"%s\": -Dbehalf.pages=write writes it", PAGE, title)
                    .isEqualTo(rows);
        }
    }

    private static Path page() {
        return Stream.iterate(Path.of("").toAbsolutePath(), Path::getParent)
                .map(folder -> folder.resolve(PAGE))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow();
    }

    private String rows() {
        var kinds = new LinkedHashMap<Effect, Set<String>>();
        seen.forEach((operation, byTime) -> effects(operation, byTime)
                .forEach(effect -> kinds.computeIfAbsent(effect, _ -> new LinkedHashSet<>())
                        .add(operation.kind())));
        var rows = new StringBuilder();
        kinds.forEach((effect, operations) -> rows.append("| ")
                .append(String.join(
                        " | ",
                        String.join(", ", operations),
                        effect.on(),
                        effect.when(),
                        effect.became(),
                        effect.seen().told(),
                        effect.seen().ledger(),
                        effect.seen().killed(),
                        effect.seen().powerLost()))
                .append(" |\n"));
        return rows.toString();
    }

    /** One for each thing that is seen, naming all the times and both kinds of failure that it was seen with. */
    private static List<Effect> effects(FaultOperation operation, Map<String, Map<Fault, Seen>> byTime) {
        var times = new LinkedHashMap<Map<Seen, Set<String>>, List<String>>();
        byTime.forEach((when, byFault) -> {
            var became = new LinkedHashMap<Seen, Set<String>>();
            byFault.forEach((fault, what) -> became.computeIfAbsent(what, _ -> new LinkedHashSet<>())
                    .add(fault == Fault.LOST ? "lost" : "stored"));
            times.computeIfAbsent(became, _ -> new ArrayList<>()).add(when);
        });
        var effects = new ArrayList<Effect>();
        times.forEach((became, when) -> became.forEach((what, how) -> effects.add(new Effect(
                operation.on(),
                when.size() == byTime.size() ? "always" : String.join(", ", when),
                String.join(" or ", how),
                what))));
        return effects;
    }
}

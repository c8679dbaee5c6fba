package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The bytes in {@code vectors/presentations.json} are what its recipes make. */
class VectorFilesTest {
    private static final String PRESENTATIONS = "presentations.json";

    /** What is made of a recipe, and not written by anybody. */
    private static final List<String> MADE = List.of("token", "before", "proofs");

    /** A row of the README's table of files. */
    private static final Pattern COUNTED =
            Pattern.compile("\\| `([a-z-]+\\.json)` \\| ([0-9]+)(?:, of which ([0-9]+) are to be refused)? \\|");

    /** With {@code -Dbehalf.vectors=write} it writes the file instead of comparing it. */
    @Test
    void fileIsWhatItsRecipesMake() throws IOException {
        var file = VectorFile.read(PRESENTATIONS);
        var place = VectorForge.Place.of(VectorFile.object(file.get("at")));
        var forge = new VectorForge(
                VectorFile.keys(), VectorFile.object(file.get("honest")), VectorForge.Signer.DETERMINISTIC);
        var made = VectorFile.vectors(file).stream()
                .map(vector -> line(vector, forge, place))
                .toList();
        var text = "{\"at\":%s,\n\"honest\":%s,\n\"vectors\":[\n%s\n]}\n"
                .formatted(
                        VectorFile.json(file.get("at")), VectorFile.json(file.get("honest")), String.join(",\n", made));
        if ("write".equals(System.getProperty("behalf.vectors"))) {
            Files.writeString(VectorFile.path(PRESENTATIONS), text);
        }

        assertThat(VectorFile.path(PRESENTATIONS)).content().isEqualTo(text);
    }

    @Test
    void everyVectorHasANameOfItsOwn() {
        var names = new HashSet<String>();
        for (var vector : VectorFile.vectors(VectorFile.read(PRESENTATIONS))) {
            assertThat(names.add(VectorFile.text(vector, "name")))
                    .as("%s", vector.get("name"))
                    .isTrue();
        }
    }

    @Test
    void readmeCountsThem() throws IOException {
        var counted = new HashSet<String>();
        var rows = COUNTED.matcher(Files.readString(VectorFile.path("README.md")));
        while (rows.find()) {
            var file = VectorFile.read(rows.group(1));
            counted.add(rows.group(1));
            assertThat(vectors(file)).as(rows.group(1)).isEqualTo(Integer.parseInt(rows.group(2)));
            if (rows.group(3) != null) {
                assertThat(hostile(file)).as(rows.group(1)).isEqualTo(Integer.parseInt(rows.group(3)));
            }
        }
        try (var files = Files.list(VectorFile.path(""))) {
            assertThat(files.map(file -> file.getFileName().toString())
                            .filter(name -> name.endsWith(".json") && !name.equals("keys.json")))
                    .hasSameElementsAs(counted);
        }
    }

    private static int vectors(Map<String, @Nullable Object> file) {
        return file.values().stream()
                .mapToInt(member -> member instanceof List<?> list ? list.size() : 0)
                .sum();
    }

    private static int hostile(Map<String, @Nullable Object> file) {
        return (int) VectorFile.vectors(file).stream()
                .filter(vector -> !"passed".equals(vector.get("expect")))
                .count();
    }

    /** What somebody wrote first, then the recipe, then what is made of it: an edit shows as one. */
    private static String line(Map<String, @Nullable Object> vector, VectorForge forge, VectorForge.Place place) {
        var recipe = VectorFile.object(vector.get("made"));
        var made = forge.make(recipe, place.with("vector", VectorFile.text(vector, "name")));
        var members = new LinkedHashMap<String, @Nullable Object>(vector);
        members.keySet().removeAll(MADE);
        members.remove("made");
        var lines = new ArrayList<String>();
        lines.add(members(members));
        lines.add(members(Map.of("made", recipe)));
        made.token().ifPresent(token -> lines.add(members(Map.of("token", token))));
        if (!made.before().isEmpty()) {
            lines.add(members(Map.of("before", made.before())));
        }
        lines.add(members(Map.of("proofs", made.proofs())));
        return "{" + String.join(",\n ", lines) + "}";
    }

    private static String members(Map<String, @Nullable Object> members) {
        return String.join(
                ",",
                members.entrySet().stream()
                        .map(member -> VectorFile.json(member.getKey()) + ":" + VectorFile.json(member.getValue()))
                        .toList());
    }
}

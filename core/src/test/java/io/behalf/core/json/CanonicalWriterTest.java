package io.behalf.core.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Strings, RFC 8785 §3.2.2.2: written many at a time or one by one, they are the same bytes. */
class CanonicalWriterTest {
    private static final int LONGEST = 41;

    /** What stands for itself, what is escaped, what has several bytes; each with its form in JSON. */
    private static final Map<String, String> FORMS = Map.ofEntries(
            Map.entry("\"", "\\\""),
            Map.entry("\\", "\\\\"),
            Map.entry("\n", "\\n"),
            Map.entry("\u0000", "\\u0000"),
            Map.entry("\u001f", "\\u001f"),
            Map.entry(" ", " "),
            Map.entry("!", "!"),
            Map.entry("#", "#"),
            Map.entry("?", "?"),
            Map.entry("[", "["),
            Map.entry("\u007f", "\u007f"),
            Map.entry("\u0080", "\u0080"),
            Map.entry("é", "é"),
            Map.entry("\u2028", "\u2028"),
            Map.entry("\ud83d\ude00", "\ud83d\ude00"));

    static Stream<String> characters() {
        return FORMS.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("characters")
    void aCharacterHasItsFormWhereverItStands(String character) {
        everywhere(character).forEach(text -> {
            String written = new String(written(text), StandardCharsets.UTF_8);
            assertThat(written).isEqualTo('"' + text.replace(character, FORMS.get(character)) + '"');
        });
    }

    @ParameterizedTest
    @MethodSource("characters")
    void aBoundCountsTheBytesOfThatForm(String character) {
        everywhere(character).forEach(text -> {
            int bytes = written(text).length - 2;
            assertThat(new CanonicalWriter().stringWithin(text, bytes)).isTrue();
            assertThat(new CanonicalWriter().stringWithin(text, bytes - 1)).isFalse();
        });
    }

    @Test
    void aWriterUsedAgainWritesEachNameAsAFreshOneDoes() {
        var again = new CanonicalWriter();
        // two of them have one hash
        List<String> names = List.of("Aa", "BB", "\"", "é", "a".repeat(80), "Aa", "BB");
        for (int time = 0; time < 2; time++) {
            for (String name : names) {
                again.reset();
                again.beginObject().key(name).number(1).endObject();
                assertThat(again.toByteArray()).isEqualTo(Json.canonical(Map.of(name, 1)));
            }
        }
    }

    /** Or the two are written anew in each record. */
    @Test
    void noTwoNamesOfRecordsShareAPlaceAmongThoseRemembered() throws Exception {
        var names = new TreeSet<String>();
        Map<String, @Nullable Object> vectors =
                Json.readObject(Files.readAllBytes(Path.of("..", "vectors", "records.json")));
        for (Object vector : (List<?>) Objects.requireNonNull(vectors.get("records"))) {
            String record = (String) Objects.requireNonNull(((Map<?, ?>) vector).get("text"));
            collect(Json.readObject(record.getBytes(StandardCharsets.UTF_8)), names);
        }

        assertThat(names).hasSizeGreaterThan(60);
        assertThat(names.stream()
                        .collect(Collectors.groupingBy(CanonicalWriter::slot))
                        .values())
                .allSatisfy(sharing -> assertThat(sharing).hasSize(1));
    }

    private static void collect(@Nullable Object value, Set<String> names) {
        if (value instanceof Map<?, ?> object) {
            object.forEach((name, member) -> {
                names.add((String) name);
                if (!name.equals("data")) { // its names are the event's own
                    collect(member, names);
                }
            });
        } else if (value instanceof List<?> array) {
            array.forEach(element -> collect(element, names));
        }
    }

    @Test
    void halfACharacterIsRefusedWhereverItStands() {
        Stream.of("\ud83d", "\ude00").flatMap(CanonicalWriterTest::everywhere).forEach(text -> {
            assertThatThrownBy(() -> written(text)).isInstanceOf(IllegalArgumentException.class);
            assertThat(new CanonicalWriter().stringWithin(text, 1_000)).isFalse();
        });
    }

    @Test
    void halfACharacterIsRefusedBesideAQuestionMark() {
        String text = "what about this one? \ud83d and more";
        assertThatThrownBy(() -> written(text)).isInstanceOf(IllegalArgumentException.class);
    }

    /** The character at each place of texts of each length. */
    private static Stream<String> everywhere(String character) {
        String others = "abcdefghijklmnopqrstuvwxyz0123456789-_.:/ABC";
        return IntStream.range(0, LONGEST).boxed().flatMap(length -> IntStream.rangeClosed(0, length)
                .mapToObj(at -> others.substring(0, at) + character + others.substring(at, length)));
    }

    private static byte[] written(String text) {
        return new CanonicalWriter().string(text).toByteArray();
    }
}

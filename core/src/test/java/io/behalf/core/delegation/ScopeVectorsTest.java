package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs {@code vectors/scopes.json} as a verifier in any language would. */
final class ScopeVectorsTest {
    @ParameterizedTest
    @MethodSource
    void covers(Map<String, Object> vector) throws Exception {
        Map<String, Object> asked = object(vector.get("ask"));
        Map<String, String> attributes = new HashMap<>();
        if (asked.containsKey("attributes")) {
            object(asked.get("attributes")).forEach((name, value) -> attributes.put(name, (String) value));
        }
        Ask ask = new Ask(
                string(asked.get("service")), string(asked.get("action")), strings(asked.get("resources")), attributes);

        assertThat(scope(vector.get("scope")).covers(ask)).as("%s", vector).isEqualTo(vector.get("covered"));
    }

    @ParameterizedTest
    @MethodSource
    void narrow(Map<String, Object> vector) throws Exception {
        Scope a = scope(vector.get("a"));
        Scope b = scope(vector.get("b"));

        assertThat(a.narrow(b).permissions())
                .as("%s", vector)
                .containsExactlyInAnyOrderElementsOf(scope(vector.get("both")).permissions());
    }

    @ParameterizedTest
    @MethodSource
    void words(Map<String, Object> vector) throws Exception {
        assertThat(scope(vector.get("scope")).shadow()).isEqualTo(vector.get("words"));
        assertThat(ScopeWords.parse(string(vector.get("words"))).shadow()).isEqualTo(vector.get("words"));
    }

    @ParameterizedTest
    @MethodSource
    void malformed(Map<String, Object> vector) {
        assertThatThrownBy(() -> scope(vector.get("scope"))).as("%s", vector).isInstanceOf(Json.Malformed.class);
    }

    static List<Map<String, Object>> covers() throws Exception {
        return vectors("covers");
    }

    static List<Map<String, Object>> narrow() throws Exception {
        return vectors("narrow");
    }

    static List<Map<String, Object>> words() throws Exception {
        return vectors("words");
    }

    static List<Map<String, Object>> malformed() throws Exception {
        return vectors("malformed");
    }

    private static List<Map<String, Object>> vectors(String kind) throws Exception {
        Map<String, @Nullable Object> file =
                Json.readObject(Files.readAllBytes(Path.of("..", "vectors", "scopes.json")));
        List<Map<String, Object>> vectors = new ArrayList<>();
        for (Object vector : (List<?>) Objects.requireNonNull(file.get(kind))) {
            vectors.add(object(vector));
        }
        return vectors;
    }

    private static Scope scope(@Nullable Object permissions) throws Json.Malformed {
        Map<String, @Nullable Object> task = new HashMap<>();
        task.put("type", BehalfTask.TYPE);
        task.put("description", "vector");
        task.put("permissions", permissions);
        return BehalfTask.fromJson(task).scope();
    }

    private static List<String> strings(@Nullable Object value) {
        List<String> strings = new ArrayList<>();
        Optional.ofNullable((List<?>) value).orElse(List.of()).forEach(item -> strings.add((String) item));
        return strings;
    }

    private static String string(@Nullable Object value) {
        return (String) Objects.requireNonNull(value);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(@Nullable Object value) {
        return (Map<String, Object>) Objects.requireNonNull(value);
    }
}

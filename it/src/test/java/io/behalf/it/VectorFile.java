package io.behalf.it;

import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Named;

/** The files in {@code vectors/}, and their JSON. */
final class VectorFile {
    private VectorFile() {}

    static Path path(String name) {
        return Checkout.file("vectors").resolve(name);
    }

    /** Private keys by their names, known to everybody. */
    static Map<String, SigningKey> keys() {
        var keys = new LinkedHashMap<String, SigningKey>();
        read("keys.json").forEach((name, jwk) -> {
            try {
                keys.put(name, SigningKey.fromJwk(object(jwk)));
            } catch (Json.Malformed malformed) {
                throw new IllegalStateException(name, malformed);
            }
        });
        return keys;
    }

    static Map<String, @Nullable Object> read(String name) {
        try {
            return Json.readObject(Files.readAllBytes(path(name)));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (Json.Malformed malformed) {
            throw new IllegalStateException(name, malformed);
        }
    }

    static List<Map<String, @Nullable Object>> vectors(Map<String, @Nullable Object> file) {
        return list(file.get("vectors")).stream().map(VectorFile::object).toList();
    }

    /** The same under their names, for tests that run one after the other. */
    static Stream<Named<Map<String, @Nullable Object>>> named(Map<String, @Nullable Object> file) {
        return vectors(file).stream().map(vector -> Named.of(text(vector, "name"), vector));
    }

    static String json(@Nullable Object value) {
        return new String(Json.canonical(value), StandardCharsets.UTF_8);
    }

    static String text(Map<String, @Nullable Object> object, String member) {
        return (String) Objects.requireNonNull(object.get(member), member);
    }

    static String text(Map<String, @Nullable Object> object, String member, String usually) {
        return object.get(member) instanceof String text ? text : usually;
    }

    @SuppressWarnings("unchecked")
    static Map<String, @Nullable Object> object(@Nullable Object value) {
        return (Map<String, @Nullable Object>) Objects.requireNonNull(value);
    }

    @SuppressWarnings("unchecked")
    static List<Object> list(@Nullable Object value) {
        return (List<Object>) Objects.requireNonNull(value);
    }
}

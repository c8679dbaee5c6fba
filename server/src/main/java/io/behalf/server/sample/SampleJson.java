package io.behalf.server.sample;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON that the pretend parts read without caring about what is missing. */
final class SampleJson {
    private SampleJson() {}

    static byte[] bytes(@Nullable Object value) {
        return Json.canonical(value);
    }

    static String text(@Nullable Object value) {
        return new String(bytes(value), StandardCharsets.UTF_8);
    }

    /** The member, if {@code object} is an object that has it. */
    static @Nullable Object member(@Nullable Object object, String name) {
        return object instanceof Map<?, ?> map ? map.get(name) : null;
    }

    static String string(@Nullable Object object, String name) {
        return member(object, name) instanceof String text ? text : "";
    }

    static List<@Nullable Object> list(@Nullable Object object, String name) {
        return member(object, name) instanceof List<?> items ? new ArrayList<>(items) : List.of();
    }

    static boolean flag(@Nullable Object object, String name) {
        return Boolean.TRUE.equals(member(object, name));
    }
}

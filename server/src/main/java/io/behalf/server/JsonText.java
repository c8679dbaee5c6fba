package io.behalf.server;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** JSON as the commands print it and the API answers it: one line, members sorted. */
final class JsonText {
    private JsonText() {}

    static String of(@Nullable Object value) {
        return new String(Json.canonical(value), StandardCharsets.UTF_8);
    }
}

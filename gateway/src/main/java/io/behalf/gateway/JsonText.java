package io.behalf.gateway;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.vertx.core.buffer.Buffer;
import org.jspecify.annotations.Nullable;

/** Writes JSON for readers on the wire: members in the order given. What is hashed has its own form, in core. */
public final class JsonText {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    private JsonText() {}

    /** @param value made of maps, lists, strings, numbers, booleans and nulls */
    public static byte[] bytes(@Nullable Object value) {
        try {
            return MAPPER.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("no JSON form", e);
        }
    }

    public static Buffer buffer(@Nullable Object value) {
        return Buffer.buffer(bytes(value));
    }
}

package io.behalf.gateway;

import io.behalf.core.json.Json;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Members of foreign JSON, which may have any type: absent where they have another than the one asked for. */
public final class Fields {
    private Fields() {}

    /** The object, or an empty one: for answers, whose form is not ours to judge. */
    public static Map<?, ?> objectOrNothing(byte[] json) {
        try {
            return Json.readObject(json);
        } catch (Json.Malformed foreign) {
            return Map.of();
        }
    }

    public static Optional<String> string(Map<?, ?> object, String name) {
        return object.get(name) instanceof String s ? Optional.of(s) : Optional.empty();
    }

    public static Map<?, ?> object(Map<?, ?> object, String name) {
        return object.get(name) instanceof Map<?, ?> inner ? inner : Map.of();
    }

    public static List<?> list(Map<?, ?> object, String name) {
        return object.get(name) instanceof List<?> inner ? inner : List.of();
    }

    /** A whole number, or {@code otherwise}. */
    public static long number(Map<?, ?> object, String name, long otherwise) {
        return object.get(name) instanceof Long n ? n : otherwise;
    }

    /** Stands for a value of which two readers would find different ones. */
    enum Unclear {
        OTHER_CASE,
        ANOTHER_NAME
    }

    /**
     * Whether a reader that does not tell capitals from small letters, as JSON libraries of several languages do not, may
     * take another member for one of these names.
     */
    public static boolean unclear(Map<?, ?> object, Set<String> names) {
        for (Object key : object.keySet()) {
            if (key instanceof String other
                    && !names.contains(other)
                    && names.stream().anyMatch(other::equalsIgnoreCase)) {
                return true;
            }
        }
        return false;
    }

    /** The member, null where there is none; an {@link Unclear} where it is not the only one that could be meant. */
    public static @Nullable Object member(Map<?, ?> object, String name) {
        return unclear(object, Set.of(name)) ? Unclear.OTHER_CASE : object.get(name);
    }

    /** The parameter of a query or form, null where there is none; an {@link Unclear} where another may be taken for it. */
    public static @Nullable Object parameter(Map<?, ?> query, String name) {
        String folded = Parameters.folded(name);
        for (Object key : query.keySet()) {
            if (!key.equals(name) && Parameters.folded((String) key).equals(folded)) {
                return Unclear.ANOTHER_NAME;
            }
        }
        return query.get(name);
    }

    /** The value at an RFC 6901 pointer; null where there is none, an {@link Unclear} where two readers may differ. */
    public static @Nullable Object at(@Nullable Object root, String pointer) {
        Object here = root;
        if (pointer.isEmpty()) {
            return here;
        }
        for (String token : pointer.substring(1).split("/", -1)) {
            String name = token.replace("~1", "/").replace("~0", "~");
            if (here instanceof Map<?, ?> object) {
                here = member(object, name);
            } else if (here instanceof List<?> list && name.matches("0|[1-9][0-9]{0,8}")) {
                int index = Integer.parseInt(name);
                here = index < list.size() ? list.get(index) : null;
            } else {
                return null;
            }
        }
        return here;
    }
}

package io.behalf.gateway.mcp;

import io.behalf.gateway.Fields;
import io.behalf.gateway.JsonText;
import io.behalf.gateway.Piece;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code tools/list}.
 *
 * @param action what a tool counts as
 */
record ToolList(Map<?, ?> message, UnaryOperator<String> action) implements Piece.Listing {
    @Override
    public Piece.Kept keep(Predicate<Piece.Item> visible) {
        Map<?, ?> result = Fields.object(message, "result");
        List<@Nullable Object> kept = new ArrayList<>();
        for (Object entry : Fields.list(result, "tools")) {
            if (entry instanceof Map<?, ?> tool
                    && tool.get("name") instanceof String name
                    && visible.test(new Piece.Item(action.apply(name), Map.of()))) {
                kept.add(tool);
            }
        }
        Map<String, @Nullable Object> filtered = new LinkedHashMap<>();
        result.forEach((name, value) -> filtered.put((String) name, value));
        filtered.put("tools", kept);
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        message.forEach((name, value) -> out.put((String) name, value));
        out.put("result", filtered);
        return new Piece.Kept(JsonText.buffer(out), kept.size());
    }
}

package io.behalf.gateway.llm;

import io.behalf.gateway.Fields;
import io.behalf.gateway.JsonText;
import io.behalf.gateway.Piece;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** {@code GET /v1/models} of both providers: {@code data} holds objects with an {@code id}. */
record ModelList(Map<?, ?> answer, List<String> actions) implements Piece.Listing {
    @Override
    public Piece.Kept keep(Predicate<Piece.Item> visible) {
        List<@Nullable Object> kept = new ArrayList<>();
        for (Object entry : Fields.list(answer, "data")) {
            if (entry instanceof Map<?, ?> model
                    && model.get("id") instanceof String id
                    && actions.stream().anyMatch(action -> visible.test(new Piece.Item(action, Map.of("model", id))))) {
                kept.add(model);
            }
        }
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        answer.forEach((name, value) -> out.put((String) name, value));
        out.put("data", kept);
        // cursors over the whole list would name models that are not shown
        out.keySet().removeAll(List.of("first_id", "last_id"));
        return new Piece.Kept(JsonText.buffer(out), kept.size());
    }
}

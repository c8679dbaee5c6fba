package io.behalf.gateway.llm;

import io.behalf.gateway.Arguments;
import io.behalf.gateway.Asked;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Inbound;
import io.behalf.gateway.JsonText;
import io.behalf.gateway.Tally;
import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Anthropic messages. */
public final class AnthropicCodec extends ModelCodec {
    private static final Set<String> ASKS = Set.of("/v1/messages", "/v1/messages/count_tokens");

    @Override
    Set<String> asks() {
        return ASKS;
    }

    @Override
    String action() {
        return "messages";
    }

    @Override
    public boolean forwards(String header) {
        return super.forwards(header) || header.equals("anthropic-version") || header.equals("anthropic-beta");
    }

    @Override
    Tally whole(Map<?, ?> answer) {
        List<Tally.Planned> planned = new ArrayList<>();
        for (Object block : Fields.list(answer, "content")) {
            if (block instanceof Map<?, ?> one && "tool_use".equals(one.get("type"))) {
                planned.add(new Tally.Planned(
                        Fields.string(one, "id").orElse(""),
                        Fields.string(one, "name").orElse(""),
                        Optional.of(Arguments.canonical(one.get("input")))));
            }
        }
        return usage(answer, 0).plus(Tally.planned(planned));
    }

    /** @param inputBefore told earlier in the same reply, as later totals leave the input out */
    static Tally usage(Map<?, ?> holder, long inputBefore) {
        Map<?, ?> usage = Fields.object(holder, "usage");
        return usage.isEmpty()
                ? Tally.NONE
                : Tally.used(
                        Fields.number(usage, "input_tokens", inputBefore), Fields.number(usage, "output_tokens", 0));
    }

    @Override
    Reading streamed() {
        return new AnthropicStream();
    }

    @Override
    public Rendered refuse(Note note, Optional<Asked> asked) {
        return new Rendered(note.refusal().httpStatus(), "application/json", JsonText.buffer(error(note)));
    }

    @Override
    public Optional<Buffer> cut(Note note, Inbound call) {
        String event =
                "event: error\ndata: " + new String(JsonText.bytes(error(note)), StandardCharsets.UTF_8) + "\n\n";
        return Optional.of(Buffer.buffer(event));
    }

    private static Map<String, @Nullable Object> error(Note note) {
        Map<String, @Nullable Object> error = new LinkedHashMap<>();
        error.put("type", type(note.refusal().httpStatus()));
        error.put("message", note.refusal().sentence());
        error.putAll(facts(note));
        Map<String, @Nullable Object> body = new LinkedHashMap<>();
        body.put("type", "error");
        body.put("error", error);
        return body;
    }

    private static String type(int status) {
        return switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 404 -> "not_found_error";
            case 413 -> "request_too_large";
            case 429 -> "rate_limit_error";
            default -> status < 500 ? "invalid_request_error" : "api_error";
        };
    }
}

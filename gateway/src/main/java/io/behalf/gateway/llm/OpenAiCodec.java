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

/** OpenAI chat completions, as OpenAI and everybody who copies it speaks it. */
public final class OpenAiCodec extends ModelCodec {
    private static final Set<String> ASKS = Set.of("/v1/chat/completions");
    /** Types of tools; any other is the provider's. */
    private static final Set<String> BY_AGENT = Set.of("function", "custom");

    @Override
    Set<String> asks() {
        return ASKS;
    }

    @Override
    String action() {
        return "chat";
    }

    @Override
    boolean carriedOutByAgent(Map<?, ?> tool) {
        return tool.get("type") instanceof String type && BY_AGENT.contains(type);
    }

    @Override
    public boolean forwards(String header) {
        return super.forwards(header) || header.equals("openai-beta");
    }

    @Override
    Tally whole(Map<?, ?> answer) {
        List<Tally.Planned> planned = new ArrayList<>();
        for (Object choice : Fields.list(answer, "choices")) {
            if (choice instanceof Map<?, ?> one) {
                for (Object call : Fields.list(Fields.object(one, "message"), "tool_calls")) {
                    if (call instanceof Map<?, ?> toolCall) {
                        planned.add(planned(toolCall));
                    }
                }
            }
        }
        return usage(answer).plus(Tally.planned(planned));
    }

    private static Tally.Planned planned(Map<?, ?> call) {
        // a "custom" tool has free text where a "function" has JSON
        Map<?, ?> function = Fields.object(call, call.containsKey("custom") ? "custom" : "function");
        String arguments = Fields.string(function, "arguments")
                .or(() -> Fields.string(function, "input"))
                .orElse("");
        return new Tally.Planned(
                Fields.string(call, "id").orElse(""),
                Fields.string(function, "name").orElse(""),
                Optional.of(Arguments.canonical(arguments)),
                byProvider(call));
    }

    /** Some servers tell of what they called themselves among the calls, under a type of their own. */
    static boolean byProvider(Map<?, ?> call) {
        return call.get("type") instanceof String type && !type.isEmpty() && !BY_AGENT.contains(type);
    }

    static Tally usage(Map<?, ?> answer) {
        Map<?, ?> usage = Fields.object(answer, "usage");
        return usage.isEmpty()
                ? Tally.NONE
                : used(
                        Fields.number(usage, "prompt_tokens", 0),
                        Fields.number(usage, "completion_tokens", 0),
                        Fields.number(usage, "total_tokens", 0));
    }

    /** Cached input is part of {@code prompt_tokens}; there are servers that count reasoning in the total alone. */
    private static Tally used(long prompt, long completion, long total) {
        return Tally.used(prompt, total > 0 && prompt > 0 ? Math.max(completion, total - prompt) : completion);
    }

    @Override
    Reading streamed() {
        return new OpenAiStream();
    }

    @Override
    public Rendered refuse(Note note, Optional<Asked> asked) {
        int status = note.refusal().httpStatus();
        return new Rendered(status, "application/json", JsonText.buffer(error(note, sentence(note, asked))));
    }

    @Override
    public Optional<Buffer> cut(Note note, Inbound call) {
        String event = "data: "
                + new String(JsonText.bytes(error(note, note.refusal().sentence())), StandardCharsets.UTF_8) + "\n\n";
        return Optional.of(Buffer.buffer(event));
    }

    private static Map<String, @Nullable Object> error(Note note, String sentence) {
        Map<String, @Nullable Object> error = new LinkedHashMap<>();
        error.put("message", sentence);
        error.put("type", type(note.refusal().httpStatus()));
        error.put("param", null);
        error.put("code", note.refusal().reason().code());
        error.putAll(facts(note));
        Map<String, @Nullable Object> body = new LinkedHashMap<>();
        body.put("error", error);
        return body;
    }

    private static String type(int status) {
        return switch (status) {
            case 401 -> "authentication_error";
            case 403 -> "permission_error";
            case 429 -> "rate_limit_error";
            default -> status < 500 ? "invalid_request_error" : "server_error";
        };
    }
}

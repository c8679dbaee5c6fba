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
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Anthropic messages. */
public final class AnthropicCodec extends ModelCodec {
    private static final Set<String> ASKS = Set.of("/v1/messages", "/v1/messages/count_tokens");
    /** Tools that the provider describes, and the agent's side carries out. The date keeps out what only begins alike. */
    private static final Pattern BY_AGENT =
            Pattern.compile("(bash|computer|computer_toolset|memory|text_editor)_[0-9]{8}");

    @Override
    Set<String> asks() {
        return ASKS;
    }

    @Override
    String action() {
        return "messages";
    }

    @Override
    boolean carriedOutByAgent(Map<?, ?> tool) {
        Object type = tool.get("type");
        return type == null
                || type.equals("custom")
                || (type instanceof String known && BY_AGENT.matcher(known).matches());
    }

    /** {@code anthropic-beta} allows members of the body, all of which are seen; by itself it makes the provider do nothing. */
    @Override
    public boolean forwards(String header) {
        return super.forwards(header) || header.equals("anthropic-version") || header.equals("anthropic-beta");
    }

    @Override
    Tally whole(Map<?, ?> answer) {
        List<Tally.Planned> planned = new ArrayList<>();
        for (Object block : Fields.list(answer, "content")) {
            if (block instanceof Map<?, ?> one && callsATool(one)) {
                planned.add(new Tally.Planned(
                        Fields.string(one, "id").orElse(""),
                        toolName(one),
                        Optional.of(Arguments.canonical(one.get("input"))),
                        byProvider(one)));
            }
        }
        return new AnthropicUsage().told(answer).plus(Tally.planned(planned));
    }

    static boolean callsATool(Map<?, ?> block) {
        return block.get("type") instanceof String type && type.endsWith("tool_use");
    }

    /** {@code server_tool_use}, {@code mcp_tool_use}: the provider has made the call before its reply is here. */
    static boolean byProvider(Map<?, ?> block) {
        return !"tool_use".equals(block.get("type"));
    }

    /** With the server's name before it, where the provider called one. */
    static String toolName(Map<?, ?> block) {
        return Fields.string(block, "server_name").map(server -> server + "/").orElse("")
                + Fields.string(block, "name").orElse("");
    }

    @Override
    Reading streamed() {
        return new AnthropicStream();
    }

    @Override
    public Rendered refuse(Note note, Optional<Asked> asked) {
        return new Rendered(
                note.refusal().httpStatus(), "application/json", JsonText.buffer(error(note, sentence(note, asked))));
    }

    @Override
    public Optional<Buffer> cut(Note note, Inbound call) {
        String event = "event: error\ndata: "
                + new String(JsonText.bytes(error(note, note.refusal().sentence())), StandardCharsets.UTF_8) + "\n\n";
        return Optional.of(Buffer.buffer(event));
    }

    private static Map<String, @Nullable Object> error(Note note, String sentence) {
        Map<String, @Nullable Object> error = new LinkedHashMap<>();
        error.put("type", type(note.refusal().httpStatus()));
        error.put("message", sentence);
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

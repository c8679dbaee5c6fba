package io.behalf.gateway.mcp;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.json.Json;
import io.behalf.gateway.Arguments;
import io.behalf.gateway.Asked;
import io.behalf.gateway.Asked.CallKey;
import io.behalf.gateway.Asked.Loss;
import io.behalf.gateway.Asked.Reach;
import io.behalf.gateway.Codec;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Gathered;
import io.behalf.gateway.Head;
import io.behalf.gateway.Inbound;
import io.behalf.gateway.JsonText;
import io.behalf.gateway.Piece;
import io.behalf.gateway.Route;
import io.behalf.gateway.Tally;
import io.behalf.gateway.Touched;
import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * MCP over streamable HTTP, as of 2025-06-18 and 2025-11-25: one JSON-RPC message a POST, answered by JSON or a stream; a
 * GET stream on which a server speaks by itself and answers may be fetched again; DELETE ends a session.
 */
public final class McpCodec implements Codec {
    /** Where a tool's call tells which of a model's tool calls it carries out. */
    public static final String TOOL_CALL_META = "io.behalf/tool_call_id";

    private static final String LIST_TOOLS = "tools/list";
    private static final String CANCELLED = "notifications/cancelled";

    static final String REFUSAL_META = "io.behalf/refusal";
    /** JSON-RPC: a refusal, and a part that failed. */
    static final int REFUSED = -32001;

    static final int FAILED = -32603;
    private static final int INVALID = -32600;

    /** How long a stream that broke may be taken up again before its call is recorded as lost. */
    private static final Duration RESUMABLE = Duration.ofSeconds(30);

    private static final Set<String> VERSIONS = Set.of("2025-11-25", "2025-06-18", "2025-03-26");
    /** Methods that do nothing by themselves; the list of tools is filtered, and names of other lists are no content. */
    private static final Set<String> GREETINGS = Set.of(
            "initialize",
            "ping",
            LIST_TOOLS,
            "resources/list",
            "resources/templates/list",
            "prompts/list",
            "logging/setLevel");

    private static final Set<String> ENVELOPE = Set.of("jsonrpc", "id", "method", "params", "result", "error");
    private static final Set<String> PARAMS = Set.of("name", "arguments", "uri", "requestId", "_meta");

    private static final Set<String> HEADERS = Set.of("mcp-session-id", "mcp-protocol-version", "last-event-id");

    private final Map<String, Route.Tool> tools = new HashMap<>();

    public McpCodec(Route.Mcp mcp) {
        mcp.tools().forEach(tool -> tools.put(tool.tool(), tool));
    }

    @Override
    public Checked<Expect> head(Head head) {
        Optional<String> version = head.header("mcp-protocol-version");
        if (version.isPresent() && !VERSIONS.contains(version.get())) {
            return malformed("this version of MCP is not spoken here");
        }
        if (!head.path().isEmpty()) {
            return Checked.refused(
                    Refusal.of(Reason.ROUTE_UNKNOWN, "An MCP server has one address, without a path below."));
        }
        if (!head.query().isEmpty()) {
            return malformed("what follows the question mark would reach the server, and no rule knows it");
        }
        return switch (head.method()) {
            case "POST" -> Checked.passed(Expect.JSON);
            case "GET", "DELETE" -> Checked.passed(Expect.NO_BODY);
            case String other ->
                Checked.refused(Refusal.of(Reason.ROUTE_UNKNOWN, "MCP has no " + other + "; it has POST, GET, DELETE.")
                        .withStatus(405));
        };
    }

    @Override
    public Checked<Asked> read(Head head, Buffer body) {
        Optional<String> session = head.header("mcp-session-id");
        if (!head.method().equals("POST")) {
            String action = head.method().equals("GET") ? "stream" : "end";
            return Checked.passed(Asked.action(action).reaching(Reach.SERVICE).inSession(session));
        }
        try {
            return message(Json.readObject(body.getBytes()), head)
                    .then(asked -> Checked.passed(asked.inSession(session)));
        } catch (Json.Malformed notOne) {
            // a batch is an array, and an array could hide a call among others
            return malformed("its body is not one JSON-RPC message with each member once");
        }
    }

    private Checked<Asked> message(Map<String, @Nullable Object> message, Head head) {
        if (Fields.unclear(message, ENVELOPE) || Fields.unclear(Fields.object(message, "params"), PARAMS)) {
            return malformed("it has a member whose name differs from the protocol's in capitals only");
        }
        if (!"2.0".equals(message.get("jsonrpc"))) {
            return malformed("its body is no JSON-RPC 2.0");
        }
        boolean named = message.containsKey("id");
        Object id = message.get("id");
        if (named && !(id instanceof String) && !(id instanceof Long)) {
            return malformed("its id is neither a string nor a whole number");
        }
        if (!message.containsKey("method")) {
            boolean answers = named && (message.containsKey("result") || message.containsKey("error"));
            return answers
                    ? Checked.passed(Asked.action("answer").reaching(Reach.SERVICE))
                    : malformed("it neither asks nor answers");
        }
        if (!(message.get("method") instanceof String method) || message.containsKey("result")) {
            return malformed("its method is no name, or it also answers");
        }
        return asked(method, Fields.object(message, "params"), head)
                .then(asked -> Checked.passed(
                        named
                                ? asked.answeredUnder(
                                        key(head.header("mcp-session-id").orElse(""), id), new Loss(RESUMABLE))
                                : asked));
    }

    private Checked<Asked> asked(String method, Map<?, ?> params, Head head) {
        if (method.equals("tools/call")) {
            return toolCall(params, head);
        }
        if (method.equals(CANCELLED)) {
            return cancelled(params, head);
        }
        if (method.equals("resources/read") || method.equals("resources/subscribe")) {
            Route.Value uri = new Route.Value.Pointer("/uri");
            return Touched.by(List.of(new Route.Resource("", uri)), Map.of(), _ -> params.get("uri"))
                    .then(touched -> Checked.passed(Asked.action(method).touching(touched)));
        }
        if (GREETINGS.contains(method) || method.startsWith("notifications/")) {
            return Checked.passed(Asked.action(method).reaching(Reach.SERVICE));
        }
        return Checked.passed(Asked.action(method));
    }

    /** MCP 2025-11-25, cancellation: a request of the same sender and session; of none where it is a task's matter. */
    private static Checked<Asked> cancelled(Map<?, ?> params, Head head) {
        Asked notice = Asked.action(CANCELLED).reaching(Reach.SERVICE);
        if (!params.containsKey("requestId")) {
            return Checked.passed(notice);
        }
        Object id = params.get("requestId");
        return id instanceof String || id instanceof Long
                ? Checked.passed(
                        notice.cancelling(key(head.header("mcp-session-id").orElse(""), id)))
                : malformed("the id of what it cancels is neither a string nor a whole number");
    }

    private Checked<Asked> toolCall(Map<?, ?> params, Head head) {
        if (!(params.get("name") instanceof String name) || name.isBlank()) {
            return malformed("it calls a tool without a name");
        }
        Object given = params.get("arguments");
        if (given != null && !(given instanceof Map<?, ?>)) {
            return malformed("a tool's arguments are no object");
        }
        Map<?, ?> arguments = given instanceof Map<?, ?> members ? members : Map.of();
        Optional<String> callId =
                Fields.string(Fields.object(params, "_meta"), TOOL_CALL_META).or(() -> head.header("behalf-tool-call"));
        Route.Tool rule = tools.get(name);
        Asked plain = Asked.action(rule == null ? name : rule.action())
                .ofTool(name, callId, Optional.of(Arguments.canonical(arguments)));
        if (rule == null) {
            return Checked.passed(plain);
        }
        return Touched.by(rule.resources(), rule.attributes(), where -> value(where, arguments))
                .then(touched -> Checked.passed(plain.touching(touched)));
    }

    private static @Nullable Object value(Route.Value where, Map<?, ?> arguments) {
        return switch (where) {
            case Route.Value.Pointer(String pointer) -> Fields.at(arguments, pointer);
            case Route.Value.PathPart(String name) -> Fields.member(arguments, name);
            case Route.Value.QueryPart(String name) -> Fields.member(arguments, name);
        };
    }

    /** Ids that JSON tells apart are told apart: {@code 1} is not {@code "1"}. */
    static CallKey key(String session, @Nullable Object id) {
        return new CallKey(session, new String(JsonText.bytes(id), StandardCharsets.UTF_8));
    }

    @Override
    public Reading answerTo(Inbound call, AnswerHead upstream) {
        if (upstream.streams()) {
            return new McpStream(this, call.asked().session().orElse(""));
        }
        boolean filtered = call.asked().action().equals(LIST_TOOLS) && upstream.status() == 200;
        return new Gathered(filtered ? Gathered.TooLarge.FAILS : Gathered.TooLarge.PASSES, answer -> {
            Map<?, ?> message = filtered ? Gathered.object(answer) : Fields.objectOrNothing(answer.getBytes());
            return new Piece.Last(
                    Optional.empty(), answer, Tally.NONE, listing(message).map(list -> list));
        });
    }

    /** The list of tools is known by its form, as it may be fetched again on another request than its own. */
    Optional<ToolList> listing(Map<?, ?> message) {
        return Fields.object(message, "result").get("tools") instanceof List<?>
                ? Optional.of(new ToolList(message, this::action))
                : Optional.empty();
    }

    private String action(String tool) {
        Route.Tool rule = tools.get(tool);
        return rule == null ? tool : rule.action();
    }

    @Override
    public Rendered refuse(Note note, Optional<Asked> asked) {
        Refusal refusal = note.refusal();
        Optional<CallKey> key = asked.flatMap(Asked::key);
        boolean answerable = key.isPresent()
                && !refusal.reason().challenges()
                && refusal.reason().compareTo(Reason.ACTOR_MISMATCH) >= 0;
        if (!answerable) {
            return new Rendered(refusal.httpStatus(), "application/json", JsonText.buffer(error(note, key)));
        }
        return new Rendered(200, "application/json", JsonText.buffer(reply(note, asked.orElseThrow(), key)));
    }

    @Override
    public Optional<Buffer> cut(Note note, Inbound call) {
        Optional<CallKey> key = call.asked().key();
        if (key.isEmpty()) {
            return Optional.of(Buffer.buffer(": stopped\n\n")); // nobody waits on it; its client will ask again
        }
        String reply = new String(JsonText.bytes(reply(note, call.asked(), key)), StandardCharsets.UTF_8);
        return Optional.of(Buffer.buffer("event: message\ndata: " + reply + "\n\n"));
    }

    /** To a tool's call a result that the model reads, so that the program goes on; to anything else an error. */
    private static Map<String, @Nullable Object> reply(Note note, Asked asked, Optional<CallKey> key) {
        if (asked.tool().isEmpty()) {
            return error(note, key);
        }
        Map<String, @Nullable Object> text = new LinkedHashMap<>();
        text.put("type", "text");
        text.put("text", note.refusal().sentence());
        Map<String, @Nullable Object> result = new LinkedHashMap<>();
        result.put("content", List.of(text));
        result.put("isError", true);
        result.put("_meta", Map.of(REFUSAL_META, data(note)));
        Map<String, @Nullable Object> reply = envelope(key);
        reply.put("result", result);
        return reply;
    }

    private static Map<String, @Nullable Object> error(Note note, Optional<CallKey> key) {
        Refusal refusal = note.refusal();
        Map<String, @Nullable Object> error = new LinkedHashMap<>();
        error.put(
                "code",
                refusal.httpStatus() >= 500
                        ? FAILED
                        : refusal.reason() == Reason.REQUEST_MALFORMED ? INVALID : REFUSED);
        error.put("message", refusal.sentence());
        error.put("data", data(note));
        Map<String, @Nullable Object> reply = envelope(key);
        reply.put("error", error);
        return reply;
    }

    private static Map<String, @Nullable Object> envelope(Optional<CallKey> key) {
        Map<String, @Nullable Object> reply = new LinkedHashMap<>();
        reply.put("jsonrpc", "2.0");
        reply.put("id", key.map(McpCodec::id).orElse(null));
        return reply;
    }

    private static @Nullable Object id(CallKey key) {
        try {
            return Json.read(key.id().getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed e) {
            throw new IllegalStateException("a key's id is JSON", e);
        }
    }

    private static Map<String, @Nullable Object> data(Note note) {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("reason", note.refusal().reason().code());
        note.record().ifPresent(id -> data.put("record", id));
        note.task().ifPresent(id -> data.put("task", id));
        return data;
    }

    @Override
    public boolean forwards(String header) {
        return HEADERS.contains(header);
    }

    @Override
    public boolean returns(String header) {
        return header.equals("mcp-session-id") || header.equals("allow");
    }

    private static <T> Checked<T> malformed(String why) {
        return Checked.refused(Refusal.of(Reason.REQUEST_MALFORMED, "This request cannot be decided on: " + why + "."));
    }
}

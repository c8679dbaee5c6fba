package io.behalf.gateway.http;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.json.Json;
import io.behalf.gateway.Arguments;
import io.behalf.gateway.Asked;
import io.behalf.gateway.Codec;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Head;
import io.behalf.gateway.Inbound;
import io.behalf.gateway.Parameters;
import io.behalf.gateway.ProblemDetails;
import io.behalf.gateway.Route;
import io.behalf.gateway.Touched;
import io.vertx.core.buffer.Buffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Plain HTTP services: method and path template name the action, parts of the request its resources. A body of JSON is
 * read strictly even where no rule looks into it, because the service will.
 */
public final class HttpCodec implements Codec {
    private static final Set<String> REQUEST =
            Set.of("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range", "idempotency-key");
    private static final Set<String> ANSWER = Set.of(
            "content-disposition",
            "content-encoding",
            "content-range",
            "x-request-id",
            "link",
            "allow",
            "last-event-id");

    private static final String METHOD_OVERRIDDEN = "a method cannot be overridden";

    private final List<OperationPath> operations;

    public HttpCodec(Route.Http http) {
        operations = http.operations().stream().map(OperationPath::new).toList();
    }

    @Override
    public Checked<Expect> head(Head head) {
        if (match(head).isEmpty()) {
            return Checked.refused(Refusal.of(
                    Reason.ROUTE_UNKNOWN, "No operation of this service is known under this method and path."));
        }
        boolean bodiless = head.method().equals("GET") || head.method().equals("HEAD");
        return Checked.passed(bodiless ? Expect.NO_BODY : Expect.ANY);
    }

    @Override
    public Checked<Asked> read(Head head, Buffer body) {
        Matched matched = match(head).orElseThrow();
        @Nullable Map<String, String> query = PercentDecoding.query(head.query());
        if (query == null) {
            return malformed("its query has a parameter twice, or one that is not well-formed");
        }
        Set<String> decisive = matched.operation.decisive();
        if (head.query().indexOf(';') >= 0 && !decisive.isEmpty()) {
            return malformed("some take a semicolon in its query for the beginning of another parameter");
        }
        if (body.length() == 0) {
            return asked(head, matched, query, null);
        }
        if (!head.saysJson()) {
            if (matched.operation.decidesByBody()) {
                return malformed("its body must be application/json, as what it names is decided on");
            }
            if (head.saysMultipart() && Parameters.overrideMethodInParts(body)) {
                return malformed(METHOD_OVERRIDDEN);
            }
            Stream<String> names = head.saysForm() ? PercentDecoding.names(body.toString()) : Stream.empty();
            return misread(names, decisive).orElseGet(() -> asked(head, matched, query, null));
        }
        try {
            @Nullable Object json = Json.read(body.getBytes());
            Stream<String> names = json instanceof Map<?, ?> members
                    ? members.keySet().stream().map(String.class::cast)
                    : Stream.empty();
            return misread(names, decisive).orElseGet(() -> asked(head, matched, query, json));
        } catch (Json.Malformed notJson) {
            return malformed("its body is not JSON with each member once");
        }
    }

    /** Whether the body has a name that services take for something other than the body's. */
    private static Optional<Checked<Asked>> misread(Stream<String> names, Set<String> decisive) {
        Set<String> folded = names.map(Parameters::folded).collect(Collectors.toSet());
        if (folded.stream().anyMatch(Parameters::overrideMethod)) {
            return Optional.of(malformed(METHOD_OVERRIDDEN));
        }
        folded.retainAll(decisive);
        return folded.isEmpty()
                ? Optional.empty()
                : Optional.of(malformed("its body has a parameter again that is decided on in its query"));
    }

    private static Checked<Asked> asked(Head head, Matched matched, Map<String, String> query, @Nullable Object json) {
        Route.Operation operation = matched.operation.operation();
        Map<String, @Nullable Object> arguments = new HashMap<>(matched.parts);
        arguments.putAll(query);
        if (json instanceof Map<?, ?> members) {
            members.forEach((name, value) -> arguments.put((String) name, value));
        }
        return Touched.by(
                        operation.resources(),
                        operation.attributes(),
                        where -> value(where, matched.parts, query, json))
                .then(touched -> Checked.passed(Asked.action(operation.action())
                        .touching(touched)
                        .ofTool(
                                operation.action(),
                                head.header("behalf-tool-call"),
                                Optional.of(Arguments.canonical(arguments)))));
    }

    private static @Nullable Object value(
            Route.Value where, Map<String, String> parts, Map<String, String> query, @Nullable Object json) {
        return switch (where) {
            case Route.Value.PathPart(String name) -> parts.get(name);
            case Route.Value.QueryPart(String name) -> Fields.parameter(query, name);
            case Route.Value.Pointer(String pointer) -> Fields.at(json, pointer);
        };
    }

    @Override
    public Reading answerTo(Inbound call, AnswerHead upstream) {
        return new PlainReading(upstream.headers().get("content-length"));
    }

    @Override
    public Rendered refuse(Note note, Optional<Asked> asked) {
        return ProblemDetails.of(note);
    }

    @Override
    public Optional<Buffer> cut(Note note, Inbound call) {
        return Optional.empty();
    }

    @Override
    public boolean forwards(String header) {
        return REQUEST.contains(header);
    }

    @Override
    public boolean returns(String header) {
        return ANSWER.contains(header);
    }

    private record Matched(OperationPath operation, Map<String, String> parts) {}

    private Optional<Matched> match(Head head) {
        for (OperationPath operation : operations) {
            @Nullable Map<String, String> parts = operation.match(head.method(), head.path());
            if (parts != null) {
                return Optional.of(new Matched(operation, parts));
            }
        }
        return Optional.empty();
    }

    private static <T> Checked<T> malformed(String why) {
        return Checked.refused(Refusal.of(Reason.REQUEST_MALFORMED, "This request cannot be decided on: " + why + "."));
    }
}

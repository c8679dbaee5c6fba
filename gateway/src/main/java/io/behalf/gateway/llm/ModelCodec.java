package io.behalf.gateway.llm;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.json.Json;
import io.behalf.gateway.Asked;
import io.behalf.gateway.Codec;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Gathered;
import io.behalf.gateway.Head;
import io.behalf.gateway.Inbound;
import io.behalf.gateway.Piece;
import io.behalf.gateway.Tally;
import io.behalf.gateway.Touched;
import io.vertx.core.buffer.Buffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the model providers' protocols share: one JSON object asks, one object or a stream of events answers. */
abstract sealed class ModelCodec implements Codec permits OpenAiCodec, AnthropicCodec {
    private static final String MODELS = "/v1/models";
    /** What an official client says there; anything else would reach the model, and no rule knows it. */
    private static final Set<String> QUERIES = Set.of("", "beta=true");

    private static final Set<Reason> ABOUT_THE_ACTION =
            Set.of(Reason.SCOPE_EXCEEDED, Reason.APPROVAL_REQUIRED, Reason.POLICY_DENIED, Reason.POLICY_UNAVAILABLE);

    private static final Set<String> RETURNED = Set.of(
            "x-request-id",
            "request-id",
            "retry-after",
            "retry-after-ms",
            "x-should-retry",
            "openai-processing-ms",
            "openai-version",
            "openai-model");

    /** Paths that ask a model, under the provider's one action where it does nothing but answer. */
    abstract Set<String> asks();

    /** The action that a permission names: {@code chat}, {@code messages}. */
    abstract String action();

    /** Whether a tool that a request offers is one that the agent's side carries out. */
    abstract boolean carriedOutByAgent(Map<?, ?> tool);

    abstract Tally whole(Map<?, ?> answer);

    abstract Reading streamed();

    @Override
    public Checked<Expect> head(Head head) {
        if (head.method().equals("POST") && asks().contains(head.path())) {
            return QUERIES.contains(head.query())
                    ? Checked.passed(Expect.JSON)
                    : malformed("a model is asked without a query");
        }
        if (head.method().equals("GET") && head.path().equals(MODELS)) {
            return Checked.passed(Expect.NO_BODY);
        }
        return Checked.refused(Refusal.of(
                Reason.ROUTE_UNKNOWN,
                "There is no " + head.method() + " " + head.path() + " at this model; there are POST "
                        + String.join(", ", asks()) + " and GET " + MODELS + "."));
    }

    @Override
    public Checked<Asked> read(Head head, Buffer body) {
        if (head.path().equals(MODELS)) {
            return Checked.passed(Asked.action("models").reaching(Asked.Reach.SERVICE));
        }
        try {
            Map<String, @Nullable Object> request = Json.readObject(body.getBytes());
            if (!(Fields.member(request, "model") instanceof String model) || model.isBlank()) {
                return malformed("the body names no model, or not once");
            }
            ProviderActions provider = ProviderActions.in(request, this::carriedOutByAgent);
            if (!provider.clear()) {
                return malformed("the body has a member that differs from a known one in capitals alone");
            }
            // without the attribute, no permission that names models covers it
            Map<String, String> attributes = provider.otherModels() ? Map.of() : Map.of("model", model);
            return Checked.passed(provider.because()
                    .map(member -> Asked.action(ProviderActions.ACTION).because(member))
                    .orElseGet(() -> Asked.action(action()))
                    .ofModel(model)
                    .touching(Touched.with(attributes)));
        } catch (Json.Malformed notJson) {
            return malformed("the body is not one JSON object with each member once");
        }
    }

    @Override
    public Reading answerTo(Inbound call, AnswerHead upstream) {
        if (upstream.streams()) {
            return streamed();
        }
        boolean list = call.head().path().equals(MODELS) && upstream.status() == 200;
        return new Gathered(Gathered.TooLarge.FAILS, list ? this::models : this::message);
    }

    private Piece.Last message(Buffer answer) {
        return Piece.Last.of(answer, whole(Fields.objectOrNothing(answer.getBytes())));
    }

    private Piece.Last models(Buffer answer) {
        return new Piece.Last(
                Optional.empty(),
                answer,
                Tally.NONE,
                Optional.of(new ModelList(Gathered.object(answer), List.of(action(), ProviderActions.ACTION))));
    }

    @Override
    public boolean forwards(String header) {
        return header.startsWith("x-stainless-") || header.equals("idempotency-key");
    }

    @Override
    public boolean returns(String header) {
        return RETURNED.contains(header)
                || header.startsWith("x-ratelimit-")
                || header.startsWith("anthropic-ratelimit-");
    }

    private static <T> Checked<T> malformed(String why) {
        return Checked.refused(Refusal.of(Reason.REQUEST_MALFORMED, "This request cannot be decided on: " + why + "."));
    }

    /** What the program is told: of an action that is not its request's plain one, what makes it that, too. */
    static String sentence(Note note, Optional<Asked> asked) {
        String sentence = note.refusal().sentence();
        return asked.flatMap(Asked::because)
                .filter(_ -> ABOUT_THE_ACTION.contains(note.refusal().reason()))
                .map(member -> sentence + " What makes it \"" + ProviderActions.ACTION + "\": " + member + ".")
                .orElse(sentence);
    }

    /** The members by which a program finds its refusal in the record, the same in every protocol. */
    static Map<String, @Nullable Object> facts(Note note) {
        Map<String, @Nullable Object> facts = new LinkedHashMap<>();
        facts.put("reason", note.refusal().reason().code());
        note.record().ifPresent(id -> facts.put("record", id));
        note.task().ifPresent(id -> facts.put("task", id));
        return facts;
    }
}

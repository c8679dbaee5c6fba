package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** Authorization codes: what an approval gives to the agent, and what the agent changes for its first delegation, once. */
final class Codes {
    private static final String NOT_VALID = "The code is not valid for this request.";

    private final Parts parts;
    private final Starts starts;
    private final Stops stops;

    Codes(Parts parts, Starts starts, Stops stops) {
        this.parts = parts;
        this.starts = starts;
        this.stops = stops;
    }

    /** Within the transaction of the approval. */
    void put(Handle sql, String code, TaskId task, PushedRequest request) {
        Map<String, @Nullable Object> redeemable = new LinkedHashMap<>();
        redeemable.put("task", task.value());
        redeemable.put("request", request.toJson());
        Instant until = parts.now().plus(Approvals.CODE_LIFE);
        parts.shelf().put(sql, Shelf.Kind.CODE, code, redeemable, until);
    }

    /** RFC 6749 §4.1.3. */
    Answer<Granted> redeem(TokenRequest request) {
        Answer<String> shown = request.form().required("code");
        if (!(shown instanceof Answer.Ok<String>(var code))) {
            return shown.refused();
        }
        Optional<Map<String, @Nullable Object>> found =
                parts.store().transaction(sql -> parts.shelf().look(sql, Shelf.Kind.CODE, code, request.now()));
        if (found.isEmpty()) {
            return usedBefore(code, request);
        }
        PushedRequest pushed = PushedRequest.fromJson(Shelf.object(found.get(), "request"));
        Optional<KnownTask> known =
                parts.store().transaction(sql -> parts.tasks().find(sql, new TaskId(Shelf.text(found.get(), "task"))));
        if (known.isEmpty() || known.get().over(request.now()).isPresent()) {
            return Answer.no(Code.INVALID_GRANT, "The task is over.");
        }
        Optional<String> wrong = wrong(pushed, request);
        if (wrong.isPresent()) {
            // whoever shows a code without being able to use it has taken it from somewhere: it is gone for everybody
            parts.store().transaction(sql -> parts.shelf().take(sql, Shelf.Kind.CODE, code, request.now()));
            return Answer.no(Code.INVALID_GRANT, NOT_VALID, wrong.get());
        }
        KnownTask task = known.get();
        Answer<Starts.First> first =
                starts.first(request.agent(), request.binding(), task, pushed.audienceIn(parts.config()));
        if (!(first instanceof Answer.Ok<Starts.First>(var made))) {
            return first.refused();
        }
        Answer<Granted> answer = parts.changes().commit(List.of(made.record()), sql -> {
            // with what it brings about, or not at all: a crash must not cost the person's approval
            if (parts.shelf().take(sql, Shelf.Kind.CODE, code, request.now()).isEmpty()) {
                return Answer.no(Code.INVALID_GRANT, NOT_VALID, "another request was faster");
            }
            parts.shelf()
                    .put(
                            sql,
                            Shelf.Kind.USED_CODE,
                            code,
                            Map.of("task", task.id().value()),
                            task.end());
            made.insert(sql, parts, request.now());
            return Answer.ok(made.granted());
        });
        return answer instanceof Answer.No<Granted> ? usedBefore(code, request) : answer;
    }

    private static Optional<String> wrong(PushedRequest pushed, TokenRequest request) {
        if (!pushed.agent().equals(request.agent().id())) {
            return Optional.of("another agent");
        }
        if (!request.form().one("redirect_uri").equals(Optional.of(pushed.redirectUri()))) {
            return Optional.of("redirect_uri");
        }
        String verifier = request.form().one("code_verifier").orElse("");
        if (verifier.length() < 43
                || verifier.length() > 128
                || !Digests.challenge(verifier).equals(pushed.challenge())) {
            return Optional.of("code_verifier"); // RFC 7636 §4.6
        }
        return pushed.jkt().isPresent() && !pushed.jkt().equals(request.jkt())
                ? Optional.of("dpop_jkt") // RFC 9449 §10
                : Optional.empty();
    }

    /** RFC 6749 §4.1.2: a code that is used twice was stolen by one of the two, so what it started ends. */
    private Answer<Granted> usedBefore(String code, TokenRequest request) {
        parts.store()
                .transaction(sql -> parts.shelf().look(sql, Shelf.Kind.USED_CODE, code, request.now()))
                .ifPresent(used -> stops.stop(new RevokeRequest(
                        new RevokeRequest.What.Task(new TaskId(Shelf.text(used, "task"))),
                        "system",
                        "an authorization code was used twice",
                        false)));
        return Answer.no(Code.INVALID_GRANT, NOT_VALID, "unknown or used");
    }
}

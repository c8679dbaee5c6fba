package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Authorization codes: what an approval gives to the agent, and what the agent changes for its first delegation, once.
 *
 * <p>A code is used when its redemption is answered. A crash or a failure before that leaves one that was begun: the same
 * agent may redeem it again, with the same PKCE secret and the same key, while the code lives. Whoever shows it without one
 * of these, or after the answer, has a copy, or is not the only one who has one: the task ends.
 */
final class Codes {
    private static final String NOT_VALID = "The code is not valid for this request.";

    private final Parts parts;
    private final Starts starts;
    private final Stops stops;
    /** By digest of all that makes two requests the same: the second one gets the first one's answer. */
    private final Map<String, CompletableFuture<Answer<Granted>>> underWay = new ConcurrentHashMap<>();

    Codes(Parts parts, Starts starts, Stops stops) {
        this.parts = parts;
        this.starts = starts;
        this.stops = stops;
    }

    /** Within the transaction of the approval. */
    void put(Handle sql, String code, TaskId task, PushedRequest request) {
        Instant until = parts.now().plus(Approvals.CODE_LIFE);
        parts.shelf()
                .put(sql, Shelf.Kind.CODE, code, new Approved(task, request, until, Optional.empty()).toJson(), until);
    }

    /** @param begun the redemption that was begun with it */
    private record Approved(TaskId task, PushedRequest request, Instant until, Optional<Begun> begun) {
        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("task", task.value());
            out.put("request", request.toJson());
            out.put("until", until.toEpochMilli());
            begun.ifPresent(b -> {
                out.put("jkt", b.jkt().orElse(null));
                out.put("renewal_sha256", b.renewal());
                out.put("answered", b.answered());
            });
            return out;
        }

        static Approved fromJson(Map<String, @Nullable Object> json, boolean begun) {
            return new Approved(
                    new TaskId(Shelf.text(json, "task")),
                    PushedRequest.fromJson(Shelf.object(json, "request")),
                    json.get("until") instanceof Long millis ? Instant.ofEpochMilli(millis) : Instant.EPOCH,
                    begun
                            ? Optional.of(new Begun(
                                    Optional.ofNullable((String) json.get("jkt")),
                                    Shelf.text(json, "renewal_sha256"),
                                    Boolean.TRUE.equals(json.get("answered"))))
                            : Optional.empty());
        }

        Approved with(Begun redemption) {
            return new Approved(task, request, until, Optional.of(redemption));
        }

        boolean isUsed() {
            return begun.isPresent() && begun.get().answered();
        }
    }

    /**
     * @param jkt the key that made its proof
     * @param renewal digest of the renewal token that it was, or would have been, answered with
     */
    private record Begun(Optional<String> jkt, String renewal, boolean answered) {}

    /** RFC 6749 §4.1.3. */
    Answer<Granted> redeem(TokenRequest request) {
        Answer<String> shown = request.form().required("code");
        if (!(shown instanceof Answer.Ok<String>(var code))) {
            return shown.refused();
        }
        String same = same(code, request);
        CompletableFuture<Answer<Granted>> mine = new CompletableFuture<>();
        CompletableFuture<Answer<Granted>> other = underWay.putIfAbsent(same, mine);
        if (other != null) {
            return answerOf(other);
        }
        try {
            Answer<Granted> answer = redeem(code, request);
            mine.complete(answer);
            return answer;
        } catch (RuntimeException e) {
            mine.completeExceptionally(e);
            throw e;
        } finally {
            underWay.remove(same);
        }
    }

    private static String same(String code, TokenRequest request) {
        String all = String.join(
                "\n",
                code,
                request.agent().id(),
                request.form().one("redirect_uri").orElse(""),
                request.form().one("code_verifier").orElse(""),
                request.jkt().orElse(""));
        return Digests.hex(all);
    }

    private static Answer<Granted> answerOf(CompletableFuture<Answer<Granted>> other) {
        try {
            return other.get(Changes.APPEND_WAIT.multipliedBy(2).toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new Changes.Unrecorded(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Changes.Unrecorded(e);
        }
    }

    private Answer<Granted> redeem(String code, TokenRequest request) {
        Optional<Approved> found = parts.store().transaction(sql -> find(sql, code, request.now()));
        if (found.isEmpty()) {
            return Answer.no(Code.INVALID_GRANT, NOT_VALID, "unknown or over");
        }
        Approved approved = found.get();
        if (approved.isUsed()) {
            return stolen(approved, "used");
        }
        Optional<KnownTask> known =
                parts.store().transaction(sql -> parts.tasks().find(sql, approved.task()));
        if (known.isEmpty() || known.get().over(request.now()).isPresent()) {
            return Answer.no(Code.INVALID_GRANT, "The task is over.");
        }
        Optional<String> wrong = wrong(approved, request);
        if (wrong.isPresent()) {
            return taken(code, approved, request.now(), wrong.get());
        }
        if (!request.now().isBefore(approved.until())) {
            return Answer.no(Code.INVALID_GRANT, NOT_VALID, "over");
        }
        return redeem(code, approved, known.get(), request);
    }

    /** In the code's own place, or, once a redemption was begun, in that of used ones, which lasts as long as the task. */
    private Optional<Approved> find(Handle sql, String code, Instant now) {
        return parts.shelf()
                .look(sql, Shelf.Kind.CODE, code, now)
                .map(json -> Approved.fromJson(json, false))
                .or(() -> parts.shelf()
                        .look(sql, Shelf.Kind.USED_CODE, code, now)
                        .map(json -> Approved.fromJson(json, true)));
    }

    private Answer<Granted> redeem(String code, Approved approved, KnownTask task, TokenRequest request) {
        Answer<Starts.First> first = starts.first(
                request.agent(), request.binding(), task, approved.request().audienceIn(parts.config()));
        if (!(first instanceof Answer.Ok<Starts.First>(var made))) {
            return first.refused();
        }
        Begun begun = new Begun(request.jkt(), made.renewal().digest(), false);
        Answer<Granted> answer = parts.changes()
                .commit(
                        List.of(made.record()),
                        sql -> {
                            if (!find(sql, code, request.now())
                                    .map(Approved::begun)
                                    .equals(Optional.of(approved.begun()))) {
                                return Answer.no(Code.INVALID_GRANT, NOT_VALID, "another request was faster");
                            }
                            // with what it brings about, or not at all: a crash must not cost the person's approval
                            parts.shelf().take(sql, Shelf.Kind.CODE, code, request.now());
                            approved.begun()
                                    .ifPresent(before -> parts.renewals().remove(sql, before.renewal()));
                            putBegun(sql, code, approved.with(begun), task);
                            made.insert(sql, parts, request.now());
                            return Answer.ok(made.granted());
                        },
                        sql -> putBegun(sql, code, approved.with(new Begun(begun.jkt(), begun.renewal(), true)), task));
        return answer instanceof Answer.No<Granted> ? stolen(approved, "another request was faster") : answer;
    }

    private void putBegun(Handle sql, String code, Approved approved, KnownTask task) {
        parts.shelf().put(sql, Shelf.Kind.USED_CODE, code, approved.toJson(), task.end());
    }

    private static Optional<String> wrong(Approved approved, TokenRequest request) {
        PushedRequest pushed = approved.request();
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
        if (pushed.jkt().isPresent() && !pushed.jkt().equals(request.jkt())) {
            return Optional.of("dpop_jkt"); // RFC 9449 §10
        }
        return approved.begun().isPresent() && !approved.begun().get().jkt().equals(request.jkt())
                ? Optional.of("another key than at first")
                : Optional.empty();
    }

    /** Whoever shows a code without being able to use it has taken it from somewhere: it is gone for everybody. */
    private Answer<Granted> taken(String code, Approved approved, Instant now, String wrong) {
        if (approved.begun().isPresent()) {
            return stolen(approved, wrong);
        }
        parts.store().transaction(sql -> parts.shelf().take(sql, Shelf.Kind.CODE, code, now));
        return Answer.no(Code.INVALID_GRANT, NOT_VALID, wrong);
    }

    /** RFC 6749 §4.1.2: a code that is used twice was stolen by one of the two, so what it started ends. */
    private Answer<Granted> stolen(Approved approved, String detail) {
        stops.stop(new RevokeRequest(
                new RevokeRequest.What.Task(approved.task()), "system", "an authorization code was used twice", false));
        return Answer.no(Code.INVALID_GRANT, NOT_VALID, detail);
    }
}

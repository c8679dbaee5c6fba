package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a request asks for: {@code authorization_details} (RFC 9396), which decides, {@code scope}, which can only narrow
 * it, and one audience (RFC 8707, RFC 8693 §2.1).
 */
record Wish(Optional<BehalfTask> details, Optional<Scope> words, Audience audience) {
    /** Longest {@code authorization_details} read. */
    static final int MAX_DETAILS = 32 * 1024;

    static Answer<Wish> read(Form form, AuthorityConfig config) {
        Answer<Audience> audience = audience(form, config);
        if (!(audience instanceof Answer.Ok<Audience>(var one))) {
            return audience.refused();
        }
        Optional<BehalfTask> details = Optional.empty();
        Optional<String> text = form.one("authorization_details");
        if (text.isPresent()) {
            if (text.get().length() > MAX_DETAILS) {
                return Answer.no(Code.INVALID_AUTHORIZATION_DETAILS, "authorization_details is too long.");
            }
            try {
                @Nullable Object json = Json.read(text.get().getBytes(StandardCharsets.UTF_8));
                BehalfTask task = BehalfTask.fromDetails(json).requireShown();
                if (task.limits().spend().isPresent()) {
                    return Answer.no(
                            Code.INVALID_AUTHORIZATION_DETAILS,
                            "limits.spend would not be held to, as nothing here knows what a call costs: limit calls or"
                                    + " tokens.");
                }
                details = Optional.of(task);
            } catch (Json.Malformed | IllegalArgumentException e) {
                return Answer.no(Code.INVALID_AUTHORIZATION_DETAILS, sentence(e));
            }
        }
        try {
            return Answer.ok(new Wish(details, form.one("scope").map(ScopeWords::parse), one));
        } catch (IllegalArgumentException e) {
            return Answer.no(Code.INVALID_SCOPE, sentence(e));
        }
    }

    /** The task asked for; without any wish, all that the agent is registered for. */
    Answer<BehalfTask> task(Agent agent) {
        Optional<Scope> asked = details.map(BehalfTask::scope).or(() -> words).or(agent::scope);
        if (asked.isEmpty()) {
            return Answer.no(Code.INVALID_SCOPE, "Say what the task may do: authorization_details or scope.");
        }
        BehalfTask task = details.orElseGet(() -> new BehalfTask(
                agent.displayName() + " gave no description.",
                asked.get(),
                Limits.NONE,
                Optional.empty(),
                Optional.empty()));
        return narrowed(task, words);
    }

    /** A part of what is held already; asking for more is refused, not cut, so that nobody believes to have got it. */
    Answer<BehalfTask> within(BehalfTask held) {
        if (details.isPresent() && !held.scope().covers(details.get().scope())) {
            return more();
        }
        if (details.isEmpty() && words.isPresent() && !unlimited(held.scope()).covers(words.get())) {
            return more();
        }
        BehalfTask part = details.isPresent()
                ? held.withScope(details.get().scope())
                        .withLimits(held.limits().narrow(details.get().limits()))
                : held;
        return narrowed(part, words);
    }

    private static <T> Answer<T> more() {
        return Answer.no(
                Code.INVALID_SCOPE, "This is more than the task was given. More needs a new approval of the person.");
    }

    /**
     * Words name no resources and no constraints, so they ask for what the held scope has at these actions, whatever its
     * limits there. Only ever compared with words: what is granted is narrowed from the held scope itself.
     */
    private static Scope unlimited(Scope held) {
        return new Scope(held.permissions().stream()
                .map(p -> Permission.of(p.service(), List.copyOf(p.actions())))
                .toList());
    }

    private static Answer<BehalfTask> narrowed(BehalfTask task, Optional<Scope> words) {
        try {
            Scope scope = Rights.narrow(task.scope(), words);
            return scope.permissions().isEmpty()
                    ? Answer.no(Code.INVALID_SCOPE, "scope and authorization_details have nothing in common.")
                    : Answer.ok(task.withScope(scope));
        } catch (IllegalArgumentException e) {
            return Answer.no(Code.INVALID_SCOPE, sentence(e));
        }
    }

    private static Answer<Audience> audience(Form form, AuthorityConfig config) {
        // either may name it (RFC 8707, RFC 8693 §2.1); where both do and disagree, no reading is better than the other
        List<String> named = Stream.concat(form.all("resource").stream(), form.all("audience").stream())
                .distinct()
                .toList();
        if (named.isEmpty()) {
            return Answer.ok(config.audiences().getFirst());
        }
        if (named.size() > 1) {
            return Answer.no(Code.INVALID_TARGET, "A token is for one resource: name exactly one.");
        }
        Optional<Audience> known = config.audiences().stream()
                .filter(a -> a.uri().equals(named.getFirst()))
                .findFirst();
        if (known.isEmpty()) {
            return Answer.no(Code.INVALID_TARGET, "This authority issues no tokens for that resource.");
        }
        return known.get().minted()
                ? Answer.no(
                        Code.INVALID_TARGET,
                        "Only the gateway gets tokens for that resource: ask for its route, and call that.")
                : Answer.ok(known.get());
    }

    /** The core's messages name rules and never quote what was sent. */
    private static String sentence(Exception e) {
        return "The request asks for something malformed: " + e.getMessage() + ".";
    }
}

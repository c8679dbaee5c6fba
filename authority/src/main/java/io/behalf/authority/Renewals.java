package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * New tokens under the same task, also after the person has logged out. Each one decides anew on the person's rights, the
 * registrations of all actors and the stops, can only narrow, and never moves the task's end.
 *
 * <p>A renewal token that is bound to a key does not rotate: who finds it can do nothing without the key. Any other one
 * rotates, and the one before answers the same while its successor is unused, because an answer can be lost on its way.
 * One that is shown later was copied, by the agent or by somebody else, and nobody can tell by whom: the task ends.
 */
final class Renewals {
    private static final String REUSED = "a renewal token was used again after its successor";

    private final Parts parts;
    private final Stops stops;

    Renewals(Parts parts, Stops stops) {
        this.parts = parts;
        this.stops = stops;
    }

    /** RFC 6749 §6. */
    Answer<Granted> renew(TokenRequest request) {
        Answer<String> token = request.form().required("refresh_token");
        if (!(token instanceof Answer.Ok<String>(var presented))) {
            return token.refused();
        }
        Answer<Held> looked = parts.store().transaction(sql -> {
            Optional<RenewalTable.Renewal> renewal = parts.renewals().find(sql, presented);
            Optional<KnownTask> task = renewal.flatMap(r -> parts.tasks().find(sql, r.task()));
            return renewal.isPresent() && task.isPresent()
                    ? Answer.ok(new Held(renewal.get(), task.get()))
                    : Renewals.<Held>unknown();
        });
        if (!(looked instanceof Answer.Ok<Held>(var held))) {
            return looked.refused();
        }
        Optional<OAuthError> no = notHis(held, request).or(() -> over(held, request.now()));
        if (no.isPresent()) {
            return Answer.no(no.get());
        }
        Answer<BehalfTask> now = allowedNow(held);
        if (!(now instanceof Answer.Ok<BehalfTask>(var ceiling))) {
            return now.refused();
        }
        Answer<Wish> wish = Wish.read(request.form(), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> part = asked.within(ceiling);
        if (!(part instanceof Answer.Ok<BehalfTask>(var granted))) {
            return part.refused();
        }
        Answer<Issuer.Issued> issued = parts.issuer()
                .issue(
                        held.task(),
                        held.renewal().actors(),
                        granted,
                        asked.audience(),
                        request.binding(),
                        Optional.empty());
        if (!(issued instanceof Answer.Ok<Issuer.Issued>(var fresh))) {
            return issued.refused();
        }
        return answer(request, presented, held, fresh);
    }

    private record Held(RenewalTable.Renewal renewal, KnownTask task) {}

    private Answer<Granted> answer(TokenRequest request, String presented, Held held, Issuer.Issued fresh) {
        Parts.Facts facts = parts.facts(
                Starts.facts(parts, held.task(), registrations(held.renewal().actors())));
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("facts_sha256", facts.sha256());
        Lifecycle record = parts.issuer().record(Event.RENEWED, held.task(), fresh, data);
        String successor = parts.handle();
        Answer<Granted> answer = parts.changes().commit(List.of(record), sql -> {
            // read again: another request may have rotated it meanwhile, or a stop may have voided it
            RenewalTable.Renewal current = parts.renewals().find(sql, presented).orElseThrow();
            Optional<String> next =
                    switch (current.state()) {
                        case CURRENT -> {
                            if (current.jkt().isPresent()) {
                                yield Optional.of(presented);
                            }
                            parts.renewals().succeed(sql, current, successor);
                            parts.renewals().insert(sql, successor, current, request.now());
                            yield Optional.of(successor);
                        }
                        case PREVIOUS -> current.successor();
                        case VOID -> Optional.empty();
                    };
            if (next.isEmpty()) {
                return unknown();
            }
            facts.insert(
                    sql, parts.sealer(), record.header().id(), held.task().id().value());
            return Answer.ok(new Granted(fresh, next));
        });
        boolean reused =
                answer instanceof Answer.No<Granted> && held.renewal().state() == RenewalTable.Renewal.State.VOID;
        if (reused) {
            stops.stop(new RevokeRequest(new RevokeRequest.What.Task(held.task().id()), "system", REUSED, false));
        }
        return answer;
    }

    /** Another agent, or another key, learns no more than that the token is not its own. */
    private static Optional<OAuthError> notHis(Held held, TokenRequest request) {
        boolean agent =
                held.renewal().actors().getFirst().equals(request.agent().id());
        boolean key = held.renewal().jkt().equals(request.jkt());
        return agent && key ? Optional.empty() : Optional.of(unknownError(agent ? "another key" : "another agent"));
    }

    private Optional<OAuthError> over(Held held, Instant now) {
        Optional<Reason> over = held.task().over(now);
        return over.map(reason -> new OAuthError(
                Code.INVALID_GRANT,
                switch (reason) {
                    case TASK_EXPIRED -> "The task's approved time is over, and no renewal goes beyond it.";
                    case TASK_ENDED -> "The task was ended.";
                    default -> "The task was stopped.";
                },
                Optional.of(reason.code())));
    }

    /** What this hold still amounts to: what was handed to it ∩ the person's rights ∩ every actor's registration, today. */
    private Answer<BehalfTask> allowedNow(Held held) {
        List<Agent> actors = registrations(held.renewal().actors());
        if (actors.size() != held.renewal().actors().size()) {
            return Answer.no(Code.INVALID_GRANT, "An agent of this task is not registered any more.");
        }
        Scope scope = held.renewal().ceiling().scope();
        for (Agent actor : actors) {
            scope = Rights.narrow(scope, actor.scope());
        }
        Optional<KnownTask.Identity> identity = held.task().identity();
        if (identity.isPresent()) {
            Optional<AuthorityConfig.Provider> provider =
                    parts.providers().named(identity.get().person().provider());
            if (provider.isEmpty()) {
                return Answer.no(Code.INVALID_GRANT, "The person's provider is not trusted any more.");
            }
            scope = Rights.narrow(
                    scope, Rights.of(provider.get(), identity.get().claims()));
        }
        return scope.permissions().isEmpty()
                ? Answer.no(Code.INVALID_GRANT, "Nothing of this task is allowed any more.")
                : Answer.ok(held.renewal().ceiling().withScope(scope));
    }

    private List<Agent> registrations(List<String> ids) {
        List<Agent> out = new ArrayList<>();
        ids.forEach(id -> parts.agents().find(id).ifPresent(out::add));
        return out;
    }

    private static <T> Answer<T> unknown() {
        return Answer.no(unknownError("unknown, void or of an erased person"));
    }

    private static OAuthError unknownError(String detail) {
        return new OAuthError(
                Code.INVALID_GRANT,
                "The renewal token is not valid for this agent and key. Start a new task.",
                Optional.of(detail));
    }
}

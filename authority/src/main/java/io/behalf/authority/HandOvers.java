package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A delegation made from another one, which only narrows: for a sub-agent, for another audience, for a service behind a
 * gateway.
 *
 * <p>A sub-agent needs two steps, so that neither agent can pull the other into a task: the holder obtains a hand-over
 * token for one named child, with proof of its key; the child, with its own authentication, exchanges that token once and
 * within a minute. The child's own key is bound, its part shares the task's limits, and it falls with its parent.
 */
final class HandOvers {
    static final String HANDOVER = "urn:behalf:token-type:handover";
    static final Duration HANDOVER_LIFE = Duration.ofSeconds(60);

    private static final String TYPE = "handover+jwt";

    private final Parts parts;

    HandOvers(Parts parts) {
        this.parts = parts;
    }

    /** What a hand-over answers: a token that is no access token (RFC 8693 §2.2.1, {@code N_A}). */
    record HandOver(String token, BehalfTask part, TaskId task) {
        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("access_token", token);
            out.put("issued_token_type", HANDOVER);
            out.put("token_type", "N_A");
            out.put("expires_in", HANDOVER_LIFE.toSeconds());
            out.put("scope", part.scope().shadow());
            out.put("authorization_details", List.of(part.toJson()));
            out.put("task_id", task.value());
            return out;
        }
    }

    /** The holder's step. */
    Answer<HandOver> handOver(TokenRequest request) {
        Answer<Held> own = heldBy(request);
        if (!(own instanceof Answer.Ok<Held>(var held))) {
            return own.refused();
        }
        List<String> named = request.form().all("audience");
        if (named.size() != 1) {
            return Answer.no(Code.INVALID_TARGET, "Name the sub-agent in audience, by its client id.");
        }
        Optional<Agent> child = parts.agents().find(named.getFirst());
        if (child.isEmpty()
                || !request.agent().mayHandOverTo().contains(child.get().id())) {
            return Answer.no(Code.INVALID_TARGET, "This agent may not hand over to that one (may-hand-over-to).");
        }
        Delegation d = held.delegation();
        int depth =
                parts.agents().find(held.task().agent()).map(Agent::maxDepth).orElse(1);
        if (d.actors().size() >= depth) {
            return Answer.no(Code.INVALID_REQUEST, "The chain of agents may not grow longer than " + depth + ".");
        }
        Answer<Wish> wish = Wish.read(request.form().without("audience"), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> part = asked.within(d.task());
        if (!(part instanceof Answer.Ok<BehalfTask>(var handed))) {
            return part.refused();
        }
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("iss", parts.config().issuer());
        claims.put("aud", parts.config().issuer());
        claims.put("jti", Ids.next("hnd", request.now(), parts.random()));
        claims.put("iat", request.now().getEpochSecond());
        claims.put("exp", request.now().plus(HANDOVER_LIFE).getEpochSecond());
        claims.put("task_id", d.taskId().value());
        claims.put("may_act", Map.of("sub", child.get().id())); // RFC 8693 §4.4
        claims.put("actors", d.actors());
        claims.put("authorization_details", List.of(handed.toJson()));
        claims.put("from", d.jti());
        claims.put("from_iat", d.issuedAt().getEpochSecond());
        return Answer.ok(new HandOver(parts.keys().sign(TYPE, claims), handed, d.taskId()));
    }

    /** The child's step. */
    Answer<Granted> take(TokenRequest request) {
        Answer<Taken> token = handed(request);
        if (!(token instanceof Answer.Ok<Taken>(var taken))) {
            return token.refused();
        }
        Answer<KnownTask> going = going(taken.task(), request.now());
        if (!(going instanceof Answer.Ok<KnownTask>(var task))) {
            return going.refused();
        }
        if (parts.stops()
                .stopped(taken.task(), taken.from(), taken.actors(), taken.fromIssuedAt())
                .isPresent()) {
            return Answer.no(Code.INVALID_REQUEST, "The delegation that was handed over has been stopped.");
        }
        Answer<Wish> wish = Wish.read(request.form(), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> part = asked.within(taken.part());
        if (!(part instanceof Answer.Ok<BehalfTask>(var wanted))) {
            return part.refused();
        }
        Scope scope = Rights.narrow(wanted.scope(), request.agent().scope());
        if (scope.permissions().isEmpty()) {
            return Answer.no(Code.INVALID_SCOPE, "Nothing of what was handed over is allowed to this agent.");
        }
        BehalfTask ceiling = wanted.withScope(scope);
        List<String> actors = new ArrayList<>();
        actors.add(request.agent().id());
        actors.addAll(taken.actors());
        Answer<Issuer.Issued> issued =
                parts.issuer().issue(task, actors, ceiling, asked.audience(), request.binding(), Optional.empty());
        if (!(issued instanceof Answer.Ok<Issuer.Issued>(var fresh))) {
            return issued.refused();
        }
        Parts.Facts facts = parts.facts(Starts.facts(parts, task, List.of(request.agent())));
        Lifecycle record = parts.issuer()
                .record(
                        Event.NARROWED,
                        task,
                        fresh,
                        Map.of("from", taken.from(), "for", "agent", "facts_sha256", facts.sha256()));
        String renewal = parts.handle();
        return parts.changes().commit(List.of(record), sql -> {
            if (!parts.shelf()
                    .firstTime(sql, "handover " + taken.jti(), taken.expires().plusSeconds(1))) {
                return Answer.no(Code.INVALID_REQUEST, "The hand-over token was used already.", "replayed");
            }
            facts.insert(sql, parts.sealer(), record.header().id(), task.id().value());
            parts.renewals()
                    .insert(
                            sql,
                            renewal,
                            new RenewalTable.Renewal(
                                    Digests.hex(renewal),
                                    Ids.next("fam", request.now(), parts.random()),
                                    task.id(),
                                    actors,
                                    ceiling,
                                    request.jkt(),
                                    RenewalTable.Renewal.State.CURRENT,
                                    Optional.empty()),
                            request.now());
            return Answer.ok(new Granted(fresh, Optional.of(renewal)));
        });
    }

    /** The holder wants a token for another audience. It lives no longer than the one it is made from. */
    Answer<Granted> otherAudience(TokenRequest request) {
        Answer<Held> own = heldBy(request);
        if (!(own instanceof Answer.Ok<Held>(var held))) {
            return own.refused();
        }
        Answer<Wish> wish = Wish.read(request.form(), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> part = asked.within(held.delegation().task());
        if (!(part instanceof Answer.Ok<BehalfTask>(var wanted))) {
            return part.refused();
        }
        return narrowed(held, wanted, asked.audience(), request.binding(), "audience");
    }

    /** A token for one service, bound to the gateway's own key: the agent's token goes no further than the gateway. */
    Answer<Granted> forService(Delegation delegation, Audience service, Binding.Key gateway) {
        Answer<KnownTask> going = going(delegation.taskId(), parts.now());
        if (!(going instanceof Answer.Ok<KnownTask>(var task))) {
            return going.refused();
        }
        return narrowed(new Held(delegation, task), delegation.task(), service, gateway, "service");
    }

    private Answer<Granted> narrowed(
            Held held, BehalfTask ceiling, Audience audience, Binding binding, String purpose) {
        Delegation from = held.delegation();
        Answer<Issuer.Issued> issued = parts.issuer()
                .issue(held.task(), from.actors(), ceiling, audience, binding, Optional.of(from.expires()));
        if (!(issued instanceof Answer.Ok<Issuer.Issued>(var fresh))) {
            return issued.refused();
        }
        Lifecycle record =
                parts.issuer().record(Event.NARROWED, held.task(), fresh, Map.of("from", from.jti(), "for", purpose));
        Delegation made = fresh.delegation();
        MadeFrom origin = new MadeFrom(made.jti(), from.jti(), made.expires());
        return parts.changes()
                .commit(List.of(record), sql -> {
                    origin.insert(sql);
                    return Answer.ok(new Granted(fresh, Optional.empty()));
                })
                .map(granted -> {
                    parts.stops().made(origin);
                    return granted;
                });
    }

    private record Held(Delegation delegation, KnownTask task) {}

    /** A delegation as subject token comes from its holder: the authenticated actor, with the key of {@code cnf}. */
    private Answer<Held> heldBy(TokenRequest request) {
        Answer<String> token = request.form().required("subject_token");
        if (!(token instanceof Answer.Ok<String>(var presented))) {
            return token.refused();
        }
        return switch (parts.verifier().genuine(presented, request.now())) {
            case Checked.Refused<Delegation>(var refusal) ->
                Answer.no(Code.INVALID_REQUEST, "The subject token is not accepted: " + refusal.sentence());
            case Checked.Passed<Delegation>(var d) -> {
                if (!d.actor().equals(request.agent().id())) {
                    yield Answer.no(Code.INVALID_REQUEST, "The subject token is not this agent's.", "actor");
                }
                if (!(d.binding() instanceof Binding.Key key) || !key.equals(request.binding())) {
                    yield Answer.no(
                            Code.INVALID_REQUEST,
                            "The subject token's key must make the DPoP proof of this request.",
                            "cnf");
                }
                Answer<KnownTask> going = going(d.taskId(), request.now());
                yield going instanceof Answer.Ok<KnownTask>(var task) ? Answer.ok(new Held(d, task)) : going.refused();
            }
        };
    }

    private record Taken(
            String jti,
            TaskId task,
            List<String> actors,
            BehalfTask part,
            String from,
            Instant fromIssuedAt,
            Instant expires) {}

    private Answer<Taken> handed(TokenRequest request) {
        Answer<String> token = request.form().required("subject_token");
        if (!(token instanceof Answer.Ok<String>(var presented))) {
            return token.refused();
        }
        try {
            CompactJws jws = CompactJws.parse(presented);
            boolean signed = TYPE.equals(jws.header().get("typ"))
                    && jws.headerString("kid")
                            .map(kid -> parts.keys().published().get(kid))
                            .filter(jws::signedBy)
                            .isPresent();
            if (!signed) {
                return notHanded("signature or typ");
            }
            long expires = jws.claims().get("exp") instanceof Long exp ? exp : 0;
            if (expires <= request.now().getEpochSecond()) {
                return Answer.no(Code.INVALID_REQUEST, "The hand-over token has expired: hand over again.");
            }
            if (!(jws.claims().get("may_act") instanceof Map<?, ?> mayAct)
                    || !request.agent().id().equals(mayAct.get("sub"))) {
                return notHanded("may_act names another agent"); // RFC 8693 §4.4
            }
            return Answer.ok(new Taken(
                    jws.claim("jti").orElseThrow(),
                    new TaskId(jws.claim("task_id").orElseThrow()),
                    Providers.strings(jws.claims().get("actors")),
                    BehalfTask.fromDetails(jws.claims().get("authorization_details")),
                    jws.claim("from").orElseThrow(),
                    Instant.ofEpochSecond(jws.claims().get("from_iat") instanceof Long iat ? iat : 0),
                    Instant.ofEpochSecond(expires)));
        } catch (Json.Malformed e) {
            return notHanded("malformed");
        }
    }

    private Answer<KnownTask> going(TaskId id, Instant now) {
        Optional<KnownTask> task =
                parts.store().transaction(sql -> parts.tasks().find(sql, id));
        return task.isPresent() && task.get().over(now).isEmpty()
                ? Answer.ok(task.get())
                : Answer.no(Code.INVALID_REQUEST, "The task is over.");
    }

    private static <T> Answer<T> notHanded(String detail) {
        return Answer.no(Code.INVALID_REQUEST, "The hand-over token is not one for this agent.", detail);
    }
}

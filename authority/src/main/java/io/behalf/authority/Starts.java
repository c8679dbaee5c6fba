package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * The beginning of a task: by exchange of a provider's token ({@code asserted}: an application's word), with no subject,
 * or with a person's approval, which {@link Approvals} leads to. What may be done is always the person's rights, the
 * agent's registration and the request, all three together.
 */
final class Starts {
    static final String ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";

    private final Parts parts;

    Starts(Parts parts) {
        this.parts = parts;
    }

    /** RFC 8693 with a provider's token as subject token. */
    Answer<Granted> byExchange(TokenRequest request) {
        Answer<Providers.Signed> subject = subjectToken(request);
        if (!(subject instanceof Answer.Ok<Providers.Signed>(var signed))) {
            return subject.refused();
        }
        Answer<Wish> wish = Wish.read(request.form(), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> allowed = allowed(asked, request.agent(), Optional.of(signed));
        if (!(allowed instanceof Answer.Ok<BehalfTask>(var task))) {
            return allowed.refused();
        }
        Person person = person(signed);
        KnownTask known = draft(request.agent(), task, ApprovalKind.ASSERTED, Optional.of(signed));
        String once = "provider token " + signed.provider().issuer() + " "
                + signed.text("jti")
                        .orElseGet(() -> "sha256 "
                                + signedText(request.form().one("subject_token").orElseThrow()));
        List<Lifecycle> before = List.of(approved(known, person, Map.of()));
        return begin(
                request,
                known,
                asked.audience(),
                before,
                Optional.empty(),
                sql -> parts.shelf().firstTime(sql, once, signed.expires().plus(Providers.MAX_SKEW))
                        ? Optional.empty()
                        : Optional.of(new OAuthError(
                                Code.INVALID_REQUEST,
                                "The subject token has started a task already: get a new one from the provider.",
                                Optional.of("replayed subject token"))));
    }

    /**
     * The digest of what its provider signed, without the signature: whoever holds a token with an ECDSA signature (r, s)
     * can write another good one, (r, n − s), and it would be a new token.
     */
    private static String signedText(String token) {
        return Digests.hex(token.substring(0, token.lastIndexOf('.')));
    }

    /** Nobody stands behind it: the registration says so, and what kind of nobody. */
    Answer<Granted> withNoSubject(TokenRequest request) {
        Agent agent = request.agent();
        if (agent.noSubject().isEmpty()) {
            return Answer.no(
                    Code.UNAUTHORIZED_CLIENT,
                    "This agent is not registered for tasks with no person behind them (no-subject).");
        }
        Answer<Wish> wish = Wish.read(request.form(), parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> allowed = allowed(asked, agent, Optional.empty());
        if (!(allowed instanceof Answer.Ok<BehalfTask>(var task))) {
            return allowed.refused();
        }
        KnownTask known = draft(agent, task, ApprovalKind.NONE, Optional.empty());
        return begin(request, known, asked.audience(), List.of(), Optional.empty(), sql -> Optional.empty());
    }

    /**
     * What of the wish may be given: rights ∩ registration ∩ request.
     *
     * @param subject the person's token; empty where there is no person
     */
    Answer<BehalfTask> allowed(Wish wish, Agent agent, Optional<Providers.Signed> subject) {
        Answer<BehalfTask> asked = wish.task(agent);
        if (!(asked instanceof Answer.Ok<BehalfTask>(var task))) {
            return asked.refused();
        }
        Optional<Duration> duration = task.duration();
        if (duration.isPresent()
                && duration.get().compareTo(parts.config().lifetimes().longestTask()) > 0) {
            return Answer.no(
                    Code.INVALID_AUTHORIZATION_DETAILS,
                    "No task may last longer than " + parts.config().lifetimes().longestTask() + ".");
        }
        Optional<Scope> rights = subject.flatMap(s -> Rights.of(s.provider(), s.claims()));
        try {
            Scope scope = Rights.narrow(Rights.narrow(task.scope(), agent.scope()), rights);
            return scope.permissions().isEmpty()
                    ? Answer.no(
                            Code.INVALID_SCOPE,
                            "Nothing of what was asked for is allowed to both this agent and this person.")
                    : Answer.ok(task.withScope(scope));
        } catch (IllegalArgumentException e) {
            return Answer.no(Code.INVALID_SCOPE, "The request asks for too many different permissions.");
        }
    }

    Person person(Providers.Signed signed) {
        return new Person(
                signed.provider().name(),
                signed.provider().issuer(),
                signed.sub(),
                signed.text("name").or(() -> signed.text("preferred_username")),
                signed.text("email"));
    }

    /** A task that nobody knows yet, with its text as it will be hashed. */
    KnownTask draft(Agent agent, BehalfTask task, ApprovalKind kind, Optional<Providers.Signed> subject) {
        Instant now = parts.now();
        Duration duration = task.duration().orElse(parts.config().lifetimes().task());
        return draft(agent, task, kind, subject, now.plus(duration).truncatedTo(ChronoUnit.SECONDS));
    }

    KnownTask draft(Agent agent, BehalfTask task, ApprovalKind kind, Optional<Providers.Signed> subject, Instant end) {
        Instant now = parts.now();
        OnBehalfOf onBehalfOf = subject.<OnBehalfOf>map(s -> new OnBehalfOf.Subject(
                        s.provider().name() + ":" + s.sub(),
                        s.provider().issuer(),
                        Ids.next("sbj", now, parts.random())))
                .orElseGet(() -> agent.noSubject().orElseThrow());
        ApprovedTask approved = new ApprovedTask(
                Ids.next("apr", now, parts.random()),
                agent.id(),
                task.scope(),
                task.limits(),
                end,
                parts.text().whole(agent.displayName(), task, end),
                ApprovalText.LOCALE,
                parts.handle());
        return new KnownTask(
                parts.issuer().newTask(),
                agent.id(),
                onBehalfOf,
                task,
                approved,
                kind,
                subject.flatMap(Starts::login),
                subject.map(
                        s -> new KnownTask.Identity(person(s), parts.handle(), Rights.facts(s.provider(), s.claims()))),
                now,
                KnownTask.State.PENDING,
                Optional.empty());
    }

    /** The task that a person approved and their provider signed for. */
    KnownTask approvedTask(
            Agent agent,
            TaskId id,
            String pseudonym,
            BehalfTask task,
            ApprovedTask approved,
            Providers.Signed confirmed) {
        Person person = person(confirmed);
        return new KnownTask(
                id,
                agent.id(),
                new OnBehalfOf.Subject(person.subjectId(), person.issuer(), pseudonym),
                task,
                approved,
                ApprovalKind.INTERACTIVE,
                login(confirmed),
                Optional.of(new KnownTask.Identity(
                        person, parts.handle(), Rights.facts(confirmed.provider(), confirmed.claims()))),
                parts.now(),
                KnownTask.State.PENDING,
                Optional.empty());
    }

    /** The record that opens a person's task: a commitment to who it is, and what was approved. */
    Lifecycle approved(KnownTask task, Person person, Map<String, ? extends @Nullable Object> more) {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("approval_id", task.approved().approvalId());
        data.put("approval_kind", task.kind().code());
        data.put("task_s256", task.approved().s256());
        data.put("agent", task.agent());
        data.put("permissions", task.task().toJson().get("permissions"));
        if (task.task().toJson().get("limits") != null) {
            data.put("limits", task.task().toJson().get("limits"));
        }
        data.put("end", task.end().toString());
        data.put(
                "subject_commitment",
                Digests.committed(task.identity().orElseThrow().salt(), person.canonical()));
        data.putAll(more);
        String by = task.kind().byPerson() && task.onBehalfOf() instanceof OnBehalfOf.Subject subject
                ? subject.pseudonym()
                : task.agent();
        return parts.issuer().record(Event.APPROVED, task, by, data);
    }

    /** A check, within the transaction, that may still say no. */
    @FunctionalInterface
    interface Guard {
        Optional<OAuthError> refuses(Handle sql);
    }

    /** Writes task and token as one change, and answers with them. */
    private Answer<Granted> begin(
            TokenRequest request,
            KnownTask task,
            Audience audience,
            List<Lifecycle> before,
            Optional<Map<String, @Nullable Object>> evidence,
            Guard guard) {
        Answer<First> first = first(request.agent(), request.binding(), task, audience);
        if (!(first instanceof Answer.Ok<First>(var made))) {
            return first.refused();
        }
        List<Lifecycle> changes = new ArrayList<>(before);
        changes.add(made.record());
        return parts.changes().commit(changes, sql -> {
            Optional<OAuthError> no = guard.refuses(sql);
            if (no.isPresent()) {
                return Answer.no(no.get());
            }
            parts.tasks().insert(sql, task, parts.randomBytes(32), evidence);
            made.insert(sql, parts, request.now());
            return Answer.ok(made.granted());
        });
    }

    /** The first token of a task, with its record, its facts and its renewal token. */
    Answer<First> first(Agent agent, Binding binding, KnownTask task, Audience audience) {
        Answer<Issuer.Issued> issued =
                parts.issuer().issue(task, List.of(agent.id()), task.task(), audience, binding, Optional.empty());
        if (!(issued instanceof Answer.Ok<Issuer.Issued>(var token))) {
            return issued.refused();
        }
        Parts.Facts facts = parts.facts(facts(parts, task, List.of(agent)));
        Lifecycle record = parts.issuer().record(Event.ISSUED, task, token, Map.of("facts_sha256", facts.sha256()));
        String renewal = parts.handle();
        return Answer.ok(new First(
                new Granted(token, Optional.of(renewal)),
                record,
                facts,
                new RenewalTable.Renewal(
                        Digests.hex(renewal),
                        Ids.next("fam", parts.now(), parts.random()),
                        task.id(),
                        List.of(agent.id()),
                        task.task(),
                        binding instanceof Binding.Key(var jkt) ? Optional.of(jkt) : Optional.empty(),
                        RenewalTable.Renewal.State.CURRENT,
                        Optional.empty())));
    }

    record First(Granted granted, Lifecycle record, Parts.Facts facts, RenewalTable.Renewal renewal) {
        void insert(Handle sql, Parts parts, Instant now) {
            facts.insert(
                    sql, parts.sealer(), record.header().id(), renewal.task().value());
            parts.renewals().insert(sql, granted.renewal().orElseThrow(), renewal, now);
        }
    }

    /** What a token is decided on: the person's claims, and the registrations of all its actors. */
    static Map<String, @Nullable Object> facts(Parts parts, KnownTask task, List<Agent> actors) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        task.identity().ifPresent(identity -> {
            out.put("provider", identity.person().provider());
            out.put("claims", identity.claims());
            parts.providers()
                    .named(identity.person().provider())
                    .flatMap(provider -> Rights.of(provider, identity.claims()))
                    .ifPresent(
                            rights -> out.put("rights", AgentTable.task(rights).toJson()));
        });
        out.put("agents", actors.stream().map(AgentTable::toJson).toList());
        return out;
    }

    /** What contract and RFC 8693 ask of the token that starts a task. */
    private Answer<Providers.Signed> subjectToken(TokenRequest request) {
        Answer<String> token = request.form().required("subject_token");
        if (!(token instanceof Answer.Ok<String>(var presented))) {
            return token.refused();
        }
        Answer<Providers.Signed> checked = parts.providers().signed(presented, "subject token");
        if (!(checked instanceof Answer.Ok<Providers.Signed>(var signed))) {
            return checked;
        }
        return boundToAnother(signed, request)
                ? Answer.no(
                        Code.INVALID_REQUEST,
                        "The subject token is bound to another key than the one that made the DPoP proof.",
                        "cnf")
                : ofItsClient(signed, request);
    }

    /**
     * RFC 9449 §7.1, RFC 8705 §3: who has found such a token has not found its key. One that says that it is bound and not
     * to what (RFC 7800 §3.1), be it by {@code null}, is bound to nothing that could be proved here.
     */
    private static boolean boundToAnother(Providers.Signed signed, TokenRequest request) {
        return signed.claims().containsKey("cnf")
                && !(signed.claims().get("cnf") instanceof Map<?, ?> cnf
                        && cnf.size() == 1
                        && request.jkt().isPresent()
                        && request.jkt().get().equals(cnf.get("jkt")));
    }

    private Answer<Providers.Signed> ofItsClient(Providers.Signed signed, TokenRequest request) {
        AuthorityConfig.Provider provider = signed.provider();
        Set<String> clients = request.agent().providerClients().getOrDefault(provider.name(), Set.of());
        // the one it was issued to; a claim that is there and cannot be read is not passed over for another one
        Optional<String> client = signed.text(signed.claims().containsKey("azp") ? "azp" : "client_id");
        String type = request.form().one("subject_token_type").orElse("");
        boolean idToken = type.equals(ID_TOKEN);
        if (idToken) {
            // exactly the agent's client: an ID token for several audiences says nothing about who holds it, and one
            // that another client asked for was given to that one (OpenID Connect Core 1.0 §3.1.3.7)
            return signed.audience().size() == 1
                            && clients.contains(signed.audience().getFirst())
                            && (!signed.claims().containsKey("azp")
                                    || client.equals(
                                            Optional.of(signed.audience().getFirst())))
                    ? Answer.ok(signed)
                    : wrongClient("aud or azp of the ID token");
        }
        boolean looksLikeIdToken = signed.text("nonce").isPresent()
                || signed.claims().containsKey("at_hash")
                || signed.text("typ").filter("ID"::equals).isPresent();
        if (looksLikeIdToken) {
            return Answer.no(
                    Code.INVALID_REQUEST, "The subject token is an ID token: say so in subject_token_type.", "typ");
        }
        if (signed.audience().stream().noneMatch(provider.audiences()::contains)) {
            return Answer.no(
                    Code.INVALID_REQUEST,
                    "The subject token is not for this authority: ask the provider for one whose audience it is.",
                    "aud");
        }
        return client.filter(clients::contains).isPresent() ? Answer.ok(signed) : wrongClient("azp");
    }

    private static <T> Answer<T> wrongClient(String detail) {
        return Answer.no(
                Code.INVALID_REQUEST, "The subject token was issued to another application than this agent's.", detail);
    }

    private static Optional<Delegation.Login> login(Providers.Signed signed) {
        if (!(signed.claims().get("auth_time") instanceof Long seconds) || seconds < 0) {
            return Optional.empty();
        }
        return Optional.of(new Delegation.Login(
                Instant.ofEpochSecond(seconds),
                signed.text("acr").filter(acr -> acr.length() <= 256),
                Providers.strings(signed.claims().get("amr")).stream().limit(16).toList()));
    }
}

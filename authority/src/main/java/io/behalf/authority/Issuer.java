package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Lifetimes;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Makes delegation tokens and the lifecycle records that speak of them. Decides nothing. */
final class Issuer {
    private final AuthorityConfig config;
    private final Keys keys;
    private final Clock clock;
    private final SecureRandom random;

    Issuer(AuthorityConfig config, Keys keys, Clock clock, SecureRandom random) {
        this.config = config;
        this.keys = keys;
        this.clock = clock;
        this.random = random;
    }

    record Issued(String token, Delegation delegation) {
        String sha256() {
            return Digests.hex(token);
        }

        boolean bound() {
            return !(delegation.binding() instanceof Binding.Unbound);
        }
    }

    /**
     * @param actors current first
     * @param ceiling what this actor holds; the token carries what of it is for the audience
     * @param latest no token made from another outlives it
     */
    Answer<Issued> issue(
            KnownTask task,
            List<String> actors,
            BehalfTask ceiling,
            Audience audience,
            Binding binding,
            Optional<Instant> latest) {
        BehalfTask granted = ceiling.withScope(audience.of(ceiling.scope()));
        if (granted.scope().permissions().isEmpty()) {
            return Answer.no(Code.INVALID_SCOPE, "Nothing of what may be granted is for " + audience.uri() + ".");
        }
        Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
        Instant expires = earliest(now.plus(life(binding)), earliest(task.end(), latest.orElse(task.end())));
        if (!expires.isAfter(now)) {
            return Answer.no(Code.INVALID_GRANT, "The task's approved time is over.");
        }
        Delegation delegation = new Delegation(
                config.issuer(),
                audience.uri(),
                Ids.next("dlg", now, random),
                task.onBehalfOf(),
                actors,
                granted,
                task.id(),
                task.end(),
                task.approved().s256(),
                task.approved().approvalId(),
                task.kind(),
                task.login(),
                binding,
                now,
                Optional.empty(),
                expires,
                Optional.empty());
        String token = keys.sign(DelegationClaims.TYPE, DelegationClaims.toJson(delegation));
        if (token.length() > CompactJws.MAX_LENGTH) {
            return Answer.no(Code.INVALID_SCOPE, "The scope is too large for a token: ask for fewer permissions.");
        }
        return Answer.ok(new Issued(token, delegation));
    }

    /** A lifecycle record about a token: {@code issued}, {@code renewed} or {@code narrowed}. */
    Lifecycle record(Event event, KnownTask task, Issued issued, Map<String, ? extends @Nullable Object> more) {
        Delegation d = issued.delegation();
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("audience", d.audience());
        data.put("permissions", d.task().toJson().get("permissions"));
        data.putAll(more);
        return new Lifecycle(
                header(
                        task,
                        d.actors(),
                        Optional.of(new AuditRecord.Held(
                                d.jti(),
                                d.approvalId(),
                                d.approvalKind().code(),
                                d.expires(),
                                issued.sha256(),
                                issued.bound()))),
                event,
                d.actor(),
                data);
    }

    /** A lifecycle record about the task as a whole. */
    Lifecycle record(Event event, KnownTask task, String by, Map<String, ? extends @Nullable Object> data) {
        return new Lifecycle(
                header(task, List.of(task.agent()), Optional.empty()), event, by, new LinkedHashMap<>(data));
    }

    /** A lifecycle record about this server, which no task knows of. */
    Lifecycle record(Event event, Map<String, ? extends @Nullable Object> data) {
        Instant now = clock.instant();
        AuditRecord.Header header = new AuditRecord.Header(
                Ids.next("rec", now, random),
                now,
                config.node(),
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                false);
        return new Lifecycle(header, event, "operator", new LinkedHashMap<>(data));
    }

    private AuditRecord.Header header(KnownTask task, List<String> actors, Optional<AuditRecord.Held> held) {
        Instant now = clock.instant();
        Basis basis =
                switch (task.onBehalfOf()) {
                    case OnBehalfOf.Subject person -> new Basis.Person(person.pseudonym());
                    case OnBehalfOf.NoSubject(var category, var reasonCode) -> new Basis.Nobody(category, reasonCode);
                };
        return new AuditRecord.Header(
                Ids.next("rec", now, random),
                now,
                config.node(),
                Optional.of(task.id()),
                Optional.of(basis),
                actors,
                held,
                Optional.empty(),
                false);
    }

    TaskId newTask() {
        return new TaskId(Ids.next("tsk", clock.instant(), random));
    }

    private Duration life(Binding binding) {
        Duration life = config.lifetimes().token();
        return binding instanceof Binding.Unbound && life.compareTo(Lifetimes.LONGEST_UNBOUND) > 0
                ? Lifetimes.LONGEST_UNBOUND
                : life;
    }

    private static Instant earliest(Instant a, Instant b) {
        return a.isBefore(b) ? a : b;
    }
}

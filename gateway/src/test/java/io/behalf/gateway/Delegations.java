package io.behalf.gateway;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import java.time.Instant;
import java.util.List;

/** Delegations that differ from another in one thing. */
final class Delegations {
    private Delegations() {}

    /** The task, and with it the token, ends then. */
    static Delegation ending(Delegation d, Instant end) {
        return with(d, d.audience(), d.actors(), d.task(), end, d.binding(), d.issuedAt(), end);
    }

    static Delegation expiring(Delegation d, Instant issued, Instant expires) {
        return with(d, d.audience(), d.actors(), d.task(), d.taskEnd(), d.binding(), issued, expires);
    }

    static Delegation forAudience(Delegation d, String audience) {
        return with(d, audience, d.actors(), d.task(), d.taskEnd(), d.binding(), d.issuedAt(), d.expires());
    }

    static Delegation by(Delegation d, List<String> actors) {
        return with(d, d.audience(), actors, d.task(), d.taskEnd(), d.binding(), d.issuedAt(), d.expires());
    }

    static Delegation of(Delegation d, BehalfTask task) {
        return with(d, d.audience(), d.actors(), task, d.taskEnd(), d.binding(), d.issuedAt(), d.expires());
    }

    static Delegation bound(Delegation d, Binding binding) {
        return with(d, d.audience(), d.actors(), d.task(), d.taskEnd(), binding, d.issuedAt(), d.expires());
    }

    private static Delegation with(
            Delegation d,
            String audience,
            List<String> actors,
            BehalfTask task,
            Instant taskEnd,
            Binding binding,
            Instant issued,
            Instant expires) {
        return new Delegation(
                d.issuer(),
                audience,
                d.jti(),
                d.onBehalfOf(),
                actors,
                task,
                d.taskId(),
                taskEnd,
                d.taskS256(),
                d.approvalId(),
                d.approvalKind(),
                d.login(),
                binding,
                issued,
                d.notBefore(),
                expires,
                d.status());
    }
}

package io.behalf.server;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A token whose audience is a service: what a record about it may say.
 *
 * @param from {@code jti} of the delegation that the gateway was shown, where the token was made for its calls; empty for
 *     one that an agent holds, to call the service itself
 */
record ServiceToken(
        String audience,
        Optional<String> from,
        TaskId task,
        AuditRecord.Basis basis,
        List<String> actors,
        AuditRecord.Held held) {
    private static final Set<Event> MAKING = Set.of(Event.ISSUED, Event.RENEWED, Event.NARROWED);

    ServiceToken {
        actors = List.copyOf(actors);
    }

    /** As the record tells it with which the authority wrote down that it made the token. */
    static Optional<ServiceToken> of(AuditRecord record, String jti) {
        if (!(record instanceof AuditRecord.Lifecycle made)
                || !MAKING.contains(made.event())
                || !(made.data().get("audience") instanceof String audience)) {
            return Optional.empty();
        }
        Optional<String> from =
                "service".equals(made.data().get("for")) && made.data().get("from") instanceof String id
                        ? Optional.of(id)
                        : Optional.empty();
        AuditRecord.Header h = made.header();
        return h.delegation().filter(held -> held.jti().equals(jti)).flatMap(held -> h.task()
                .flatMap(task ->
                        h.basis().map(basis -> new ServiceToken(audience, from, task, basis, h.actors(), held))));
    }

    /**
     * Whether a record says of task, person, agents and token what the token said. A service that could say otherwise
     * could put its record among those of another task, person or agent.
     */
    boolean saidBy(AuditRecord.Header record) {
        return record.task().equals(Optional.of(task))
                && record.basis().equals(Optional.of(basis))
                && record.actors().equals(actors)
                && record.delegation().equals(Optional.of(held));
    }
}

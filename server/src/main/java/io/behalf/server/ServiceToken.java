package io.behalf.server;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import java.util.List;
import java.util.Optional;

/**
 * A token that was made for one service: what a record about it may say.
 *
 * @param audience the service's
 * @param from {@code jti} of the delegation that it was made from, under which the calls stand in the ledger
 */
record ServiceToken(
        String audience,
        String from,
        TaskId task,
        AuditRecord.Basis basis,
        List<String> actors,
        AuditRecord.Held held) {
    ServiceToken {
        actors = List.copyOf(actors);
    }

    /** As the {@code narrowed} record tells it, with which the authority wrote down that it made the token. */
    static Optional<ServiceToken> of(AuditRecord record, String jti) {
        if (!(record instanceof AuditRecord.Lifecycle made)
                || made.event() != AuditRecord.Event.NARROWED
                || !"service".equals(made.data().get("for"))
                || !(made.data().get("audience") instanceof String audience)
                || !(made.data().get("from") instanceof String from)) {
            return Optional.empty();
        }
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

package io.behalf.gateway;

import io.behalf.core.delegation.Refusal;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.policy.Decision;
import java.util.Optional;

/** Whether a call goes on: another question than whether it may, which is {@link Decision}'s. */
sealed interface Judged {
    /** @param decision a denial where nobody enforces it */
    record Admitted(Inbound call, Basis basis, Decision decision, Mode mode) implements Judged {}

    /**
     * @param call empty where it was stopped before its body was read
     * @param basis empty where the credential failed
     */
    record Stopped(Optional<Inbound> call, Optional<Basis> basis, Refusal refusal) implements Judged {}

    /** The only place that knows what {@code observe} means. */
    static Judged in(Mode mode, Inbound call, Basis basis, Decision decision) {
        return switch (decision) {
            case Decision.Permit _ -> new Admitted(call, basis, decision, mode);
            case Decision.Denied(Refusal no) ->
                mode == Mode.OBSERVE && no.reason().tolerable()
                        ? new Admitted(call, basis, decision, mode)
                        : new Stopped(Optional.of(call), Optional.of(basis), no);
        };
    }
}

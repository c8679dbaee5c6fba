package io.behalf.gateway;

import io.behalf.verifier.VerifiedDelegation;
import java.util.Optional;

/** On whose authority a call comes. Only an observed route makes {@link Unattributed}; the verifier cannot. */
sealed interface Basis {
    /** The key under which this call's content is recorded. */
    Macs macs();

    /** @param agent whose key came along, where one did */
    record Delegated(VerifiedDelegation shown, TaskState task, Optional<String> agent) implements Basis {
        @Override
        public Macs macs() {
            return task.macs();
        }
    }

    /** @param credential names who called: an agent by its listed key, or an address; never the credential itself */
    record Unattributed(String credential, Macs macs) implements Basis {}
}

package io.behalf.policy;

import io.behalf.core.delegation.Refusal;
import java.util.List;

/** The answer to "may it?". Whether the call then goes on is the mode's matter, not the policy's. */
public sealed interface Decision {
    /** @param rules ids of all rules that permit it, never empty */
    record Permit(List<String> rules) implements Decision {
        public Permit {
            rules = List.copyOf(rules);
        }
    }

    /** @param refusal names the rules that refused in {@link Refusal#rules} */
    record Denied(Refusal refusal) implements Decision {}
}

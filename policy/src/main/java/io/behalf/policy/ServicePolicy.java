package io.behalf.policy;

import java.util.Map;
import java.util.Optional;

/**
 * What the policy knows of a service.
 *
 * @param regulated whether a person must have approved what is done with it
 * @param label what people call it, such as {@code customer records}
 * @param actions by action name
 */
public record ServicePolicy(String service, boolean regulated, String label, Map<String, ActionLabel> actions) {
    public ServicePolicy {
        actions = Map.copyOf(actions);
    }

    /**
     * What people read about an action.
     *
     * @param label such as {@code search tickets}
     * @param risk such as {@code high}
     * @param data which data it touches, in plain words
     */
    public record ActionLabel(String label, Optional<String> risk, Optional<String> data) {
        public static ActionLabel of(String label) {
            return new ActionLabel(label, Optional.empty(), Optional.empty());
        }
    }
}

package io.behalf.core.delegation;

import java.util.List;
import java.util.Map;

/**
 * What people call services and actions, so that a refusal reads like a sentence. Names without a label stand for
 * themselves.
 *
 * @param services service to its label, such as {@code customer records}
 * @param actions {@code service:action} to its label, such as {@code search tickets}
 */
public record Wording(Map<String, String> services, Map<String, String> actions) {
    /** Every name stands for itself. */
    public static final Wording PLAIN = new Wording(Map.of(), Map.of());

    /** Most names listed in one sentence. */
    private static final int MAX_LISTED = 5;

    public Wording {
        services = Map.copyOf(services);
        actions = Map.copyOf(actions);
    }

    public String service(String service) {
        return services.getOrDefault(service, service);
    }

    public String action(String service, String action) {
        String label = actions.get(service + ":" + action);
        if (label != null) {
            return label;
        }
        return action.equals(Permission.ANY) ? "anything" : action;
    }

    /** {@code a, b and c}; the rest of a long list as a number. */
    static String list(List<String> names) {
        List<String> distinct = names.stream().distinct().toList();
        if (distinct.size() > MAX_LISTED) {
            return String.join(", ", distinct.subList(0, MAX_LISTED)) + " and " + (distinct.size() - MAX_LISTED)
                    + " more";
        }
        if (distinct.size() < 2) {
            return String.join("", distinct);
        }
        int last = distinct.size() - 1;
        return String.join(", ", distinct.subList(0, last)) + " and " + distinct.get(last);
    }
}

package io.behalf.policy;

import java.util.Collections;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * A configured rule.
 *
 * @param id named in decisions and records: {@code [a-z0-9-]+}
 * @param services to which services it applies; empty means all
 * @param actions to which actions; empty means all
 * @param when CEL expression over {@link RuleVariables}; {@code true} where the selectors say it all
 */
public record Rule(String id, Effect effect, SortedSet<String> services, SortedSet<String> actions, String when) {
    public enum Effect {
        PERMIT,
        FORBID
    }

    public Rule {
        services = Collections.unmodifiableSortedSet(new TreeSet<>(services));
        actions = Collections.unmodifiableSortedSet(new TreeSet<>(actions));
    }

    public static Rule of(String id, Effect effect, Set<String> services, Set<String> actions, String when) {
        return new Rule(id, effect, new TreeSet<>(services), new TreeSet<>(actions), when);
    }
}

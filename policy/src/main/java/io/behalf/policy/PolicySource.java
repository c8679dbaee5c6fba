package io.behalf.policy;

import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import io.behalf.core.json.Json;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A policy as it is written down.
 *
 * @param scopePermits whether {@code within-scope} permits by itself what the person approved; otherwise a rule must
 *     permit it too
 * @param maxActors longest actor chain
 * @param services what is known of services, by which sentences are worded and regulated services found
 * @param knownServices all services there are: a rule that names another is a mistake; empty where that is not known
 */
public record PolicySource(
        List<Rule> rules,
        List<ServicePolicy> services,
        Set<String> knownServices,
        boolean scopePermits,
        int maxActors) {
    /** The built-in rules alone, every service a general one. */
    public static final PolicySource BUILT_IN =
            new PolicySource(List.of(), List.of(), Set.of(), true, WithinDelegation.DEFAULT_MAX_ACTORS);

    public PolicySource {
        rules = List.copyOf(rules);
        services = List.copyOf(services);
        knownServices = Set.copyOf(knownServices);
    }

    /** All that decides or words a decision; {@link Policy#sha256} is the hash of its canonical form. */
    public Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("max_actors", maxActors);
        out.put("rules", rules.stream().map(PolicySource::toJson).toList());
        out.put("scope_permits", scopePermits);
        Map<String, @Nullable Object> known = new TreeMap<>();
        services.forEach(service -> known.put(service.service(), toJson(service)));
        out.put("services", known);
        return out;
    }

    byte[] canonical() {
        return Json.canonical(toJson());
    }

    Wording wording() {
        Map<String, String> names = new HashMap<>();
        Map<String, String> actions = new HashMap<>();
        for (ServicePolicy service : services) {
            names.put(service.service(), service.label());
            service.actions().forEach((action, label) -> actions.put(service.service() + ":" + action, label.label()));
        }
        return new Wording(names, actions);
    }

    private static Map<String, @Nullable Object> toJson(Rule rule) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", rule.id());
        out.put("effect", rule.effect().name().toLowerCase(Locale.ROOT));
        out.put("services", List.copyOf(rule.services()));
        out.put("actions", List.copyOf(rule.actions()));
        out.put("when", rule.when());
        return out;
    }

    private static Map<String, @Nullable Object> toJson(ServicePolicy service) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("label", service.label());
        out.put("regulated", service.regulated());
        Map<String, @Nullable Object> actions = new TreeMap<>();
        service.actions().forEach((action, label) -> actions.put(action, label.label()));
        out.put("actions", actions);
        return out;
    }
}

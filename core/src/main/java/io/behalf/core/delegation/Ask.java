package io.behalf.core.delegation;

import java.util.List;
import java.util.Map;

/**
 * What one call wants to do: the left side of the question that {@link Scope#covers(Ask)} answers.
 *
 * @param resources the resources it touches; empty when the route cannot tell, which only an unlimited permission covers
 * @param complete whether it touches no others; where it may, only an unlimited permission covers it
 * @param attributes what the route knows of the call for constraints, by attribute name
 */
public record Ask(
        String service, String action, List<String> resources, boolean complete, Map<String, String> attributes) {
    public Ask {
        resources = List.copyOf(resources);
        attributes = Map.copyOf(attributes);
    }

    public Ask(String service, String action, List<String> resources, Map<String, String> attributes) {
        this(service, action, resources, true, attributes);
    }

    public static Ask of(String service, String action) {
        return new Ask(service, action, List.of(), Map.of());
    }
}

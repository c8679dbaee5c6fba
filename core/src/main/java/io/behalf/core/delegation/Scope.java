package io.behalf.core.delegation;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A union of permissions, and the two operations on it: {@code covers} and {@code narrow}. Nothing else may compare
 * scopes. {@code narrow} is never wider than either side; {@code covers} of two scopes errs towards no, as it looks for
 * one permission that covers each action at each resource with all its constraint values.
 */
public record Scope(List<Permission> permissions) {
    /** Most permissions in one scope. */
    public static final int MAX_PERMISSIONS = 128;

    public static final Scope NONE = new Scope(List.of());

    public Scope {
        if (permissions.size() > MAX_PERMISSIONS) {
            throw new IllegalArgumentException("at most " + MAX_PERMISSIONS + " permissions");
        }
        permissions = List.copyOf(new LinkedHashSet<>(permissions));
    }

    public static Scope of(Permission... permissions) {
        return new Scope(List.of(permissions));
    }

    /** Whether one call is within this scope: one permission must cover it whole, for every resource that it touches. */
    public boolean covers(Ask ask) {
        for (Permission p : permissions) {
            if (p.service().equals(ask.service())
                    && p.coversAction(ask.action())
                    && coversResources(p, ask)
                    && coversAttributes(p, ask)) {
                return true;
            }
        }
        return false;
    }

    /** Whether all that {@code other} allows is allowed here too. */
    public boolean covers(Scope other) {
        for (Permission asked : other.permissions) {
            for (String action : asked.actions()) {
                for (String resource : asked.resources().isEmpty() ? Set.of("") : asked.resources()) {
                    if (!coversAtom(asked, action, resource)) {
                        return false;
                    }
                }
            }
        }
        return true;
    }

    /**
     * What both scopes allow; empty when they share nothing.
     *
     * @throws IllegalArgumentException when what they share is more than a scope or permission can hold
     */
    public Scope narrow(Scope other) {
        List<Permission> shared = new ArrayList<>();
        for (Permission mine : permissions) {
            for (Permission theirs : other.permissions) {
                narrow(mine, theirs, shared);
            }
        }
        return new Scope(shared);
    }

    /** Whether any permission names this service; for lists of what an agent may reach at all. */
    public boolean names(String service) {
        return permissions.stream().anyMatch(p -> p.service().equals(service));
    }

    /** Only the permissions for one service: what a token minted for that audience carries. */
    public Scope at(Set<String> services) {
        return new Scope(
                permissions.stream().filter(p -> services.contains(p.service())).toList());
    }

    /** {@code service:action} strings: the shadow of this scope for software that reads only {@code scope}. */
    public String shadow() {
        Set<String> words = new LinkedHashSet<>();
        for (Permission p : permissions) {
            for (String action : p.actions()) {
                words.add(p.service() + ":" + ScopeWords.encode(action));
            }
        }
        return String.join(" ", words);
    }

    static boolean coversResources(Permission p, Ask ask) {
        if (p.resources().isEmpty()) {
            return true;
        }
        return ask.complete()
                && !ask.resources().isEmpty()
                && ask.resources().stream().allMatch(r -> Permission.staysBelow(r) && p.coversResource(r));
    }

    private static boolean coversAttributes(Permission p, Ask ask) {
        for (var constraint : p.constraints().entrySet()) {
            String value = ask.attributes().get(constraint.getKey());
            if (value == null || !constraint.getValue().contains(value)) {
                return false; // a constraint that nobody can check here refuses
            }
        }
        return true;
    }

    /** {@code resource} is empty where {@code asked} does not limit resources. */
    private boolean coversAtom(Permission asked, String action, String resource) {
        for (Permission p : permissions) {
            boolean reach = p.resources().isEmpty() || (!resource.isEmpty() && p.coversResource(resource));
            if (p.service().equals(asked.service()) && p.coversAction(action) && reach && coversConstraints(p, asked)) {
                return true;
            }
        }
        return false;
    }

    private static boolean coversConstraints(Permission wide, Permission asked) {
        for (var constraint : wide.constraints().entrySet()) {
            NavigableSet<String> values = asked.constraints().get(constraint.getKey());
            if (values == null || !constraint.getValue().containsAll(values)) {
                return false;
            }
        }
        return true;
    }

    private static void narrow(Permission a, Permission b, List<Permission> into) {
        if (!a.service().equals(b.service())) {
            return;
        }
        NavigableSet<String> actions = new TreeSet<>();
        a.actions().stream().filter(b::coversAction).forEach(actions::add);
        b.actions().stream().filter(a::coversAction).forEach(actions::add);
        NavigableSet<String> resources = new TreeSet<>();
        a.resources().stream().filter(b::coversResource).forEach(resources::add);
        b.resources().stream().filter(a::coversResource).forEach(resources::add);
        boolean limited = !a.resources().isEmpty() || !b.resources().isEmpty();
        NavigableMap<String, NavigableSet<String>> constraints = new TreeMap<>(a.constraints());
        for (var theirs : b.constraints().entrySet()) {
            NavigableSet<String> values = new TreeSet<>(theirs.getValue());
            NavigableSet<String> mine = a.constraints().get(theirs.getKey());
            if (mine != null) {
                values.retainAll(mine);
            }
            constraints.put(theirs.getKey(), values);
        }
        boolean contradiction = constraints.values().stream().anyMatch(NavigableSet::isEmpty);
        if (actions.isEmpty() || (limited && resources.isEmpty()) || contradiction) {
            return; // an empty set of resources would read as "not limited"
        }
        into.add(new Permission(a.service(), actions, resources, constraints));
    }
}

package io.behalf.core.delegation;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What may be done at one service. All sets are unions of what they list; the four parts are a conjunction.
 *
 * @param service {@code [a-z0-9-]+}; {@code task} and {@code agent} are reserved
 * @param actions exact names, or {@code *} alone for any
 * @param resources slash-separated patterns with {@code *} as last segment only, meaning one or more further segments;
 *     empty means that resources are not limited
 * @param constraints attribute name to the values allowed; a call whose attribute is unknown is not covered
 */
public record Permission(
        String service,
        NavigableSet<String> actions,
        NavigableSet<String> resources,
        NavigableMap<String, NavigableSet<String>> constraints) {
    static final String ANY = "*";

    /** Bounds of one permission; what exceeds them is malformed. */
    public static final int MAX_ACTIONS = 256;

    public static final int MAX_RESOURCES = 256;
    public static final int MAX_CONSTRAINTS = 16;
    public static final int MAX_VALUES = 64;
    public static final int MAX_NAME = 256;
    public static final int MAX_RESOURCE = 1024;

    private static final Pattern SERVICE = Pattern.compile("[a-z0-9-]{1,64}");

    /** An encoded dot, slash, backslash or percent: many who resolve a name take "%2e%2e" for "..". */
    private static final Pattern ENCODED = Pattern.compile("%(?:2e|2f|5c|25)", Pattern.CASE_INSENSITIVE);

    public Permission {
        if (!SERVICE.matcher(service).matches() || service.equals("task") || service.equals("agent")) {
            throw new IllegalArgumentException("a service name is [a-z0-9-]+, and neither task nor agent");
        }
        bounded("actions", actions.size(), 1, MAX_ACTIONS);
        actions.forEach(a -> name("action", a, MAX_NAME));
        bounded("resources", resources.size(), 0, MAX_RESOURCES);
        resources.forEach(Permission::pattern);
        bounded("constraints", constraints.size(), 0, MAX_CONSTRAINTS);
        TreeMap<String, NavigableSet<String>> copy = new TreeMap<>();
        constraints.forEach((key, values) -> {
            name("constraint", key, MAX_NAME);
            bounded("values of a constraint", values.size(), 1, MAX_VALUES);
            values.forEach(v -> text("constraint value", v, MAX_NAME));
            copy.put(key, Collections.unmodifiableNavigableSet(new TreeSet<>(values)));
        });
        actions = Collections.unmodifiableNavigableSet(new TreeSet<>(actions));
        resources = Collections.unmodifiableNavigableSet(new TreeSet<>(resources));
        constraints = Collections.unmodifiableNavigableMap(copy);
    }

    public static Permission of(String service, List<String> actions) {
        return new Permission(service, new TreeSet<>(actions), new TreeSet<>(), new TreeMap<>());
    }

    public static Permission of(
            String service, List<String> actions, List<String> resources, Map<String, List<String>> constraints) {
        TreeMap<String, NavigableSet<String>> limits = new TreeMap<>();
        constraints.forEach((key, values) -> limits.put(key, new TreeSet<>(values)));
        return new Permission(service, new TreeSet<>(actions), new TreeSet<>(resources), limits);
    }

    boolean coversAction(String action) {
        return actions.contains(ANY) || actions.contains(action);
    }

    boolean coversResource(String resource) {
        if (resources.isEmpty()) {
            return true;
        }
        for (String pattern : resources) {
            if (covers(pattern, resource)) {
                return true;
            }
        }
        return false;
    }

    /** Whether every resource that {@code narrow} matches is matched by {@code wide}; a plain resource is a pattern too. */
    static boolean covers(String wide, String narrow) {
        if (wide.equals(ANY) || wide.equals(narrow)) {
            return true;
        }
        // "a/*" matches below "a/", and "a/b/*" too; it does not match "a" nor "a/"
        return wide.endsWith("/*")
                && narrow.length() > wide.length() - 1
                && narrow.startsWith(wide.substring(0, wide.length() - 1));
    }

    private static void pattern(String resource) {
        text("resource", resource, MAX_RESOURCE);
        if (resource.equals(ANY)) {
            return;
        }
        String plain = resource.endsWith("/*") ? resource.substring(0, resource.length() - 2) : resource;
        if (plain.indexOf('*') >= 0) {
            throw new IllegalArgumentException("* stands only as the last segment of a resource");
        }
        if (!staysBelow(plain)) {
            throw new IllegalArgumentException(
                    "a resource has no . or .. segment, and no encoded dot, slash, backslash or percent");
        }
    }

    /** Whether a resource is where its text says: "a/../b" begins like what lies below "a/", and is not there. */
    public static boolean staysBelow(String resource) {
        if (ENCODED.matcher(resource).find()) {
            return false;
        }
        for (String segment : resource.split("/", -1)) {
            if (segment.equals("..") || segment.equals(".")) {
                return false;
            }
        }
        return true;
    }

    private static void name(String what, String value, int max) {
        text(what, value, max);
        if (value.indexOf('*') >= 0 && !value.equals(ANY)) {
            throw new IllegalArgumentException("* stands only as a whole " + what);
        }
    }

    private static void text(String what, String value, int max) {
        if (value.isEmpty() || value.length() > max) {
            throw new IllegalArgumentException(what + " is empty or longer than " + max);
        }
        if (value.chars().anyMatch(c -> c < 0x20 || c == 0x7f)) {
            throw new IllegalArgumentException(what + " holds a control character");
        }
    }

    private static void bounded(String what, int size, int min, int max) {
        if (size < min || size > max) {
            throw new IllegalArgumentException("between " + min + " and " + max + " " + what);
        }
    }
}

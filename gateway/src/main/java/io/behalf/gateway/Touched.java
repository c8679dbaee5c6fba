package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.json.Json;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a call touches, by the rules of its route: resources, and the attributes that constraints ask about.
 *
 * @param complete false as soon as one rule finds nothing: the service would fill in a value that nobody here knows
 */
public record Touched(List<String> resources, boolean complete, Map<String, String> attributes) {
    static final Touched NOTHING = with(Map.of());

    /** Most values of one rule. */
    private static final int MAX_VALUES = 64;

    private static final int MAX_VALUE = 1_024;

    /** A path from the root, on a drive, or an address: put together with what stands before it, it is itself. */
    private static final Pattern ABSOLUTE = Pattern.compile("/|[A-Za-z][A-Za-z0-9+.-]*:/");

    /** What follows a semicolon in a segment is a parameter to some (RFC 3986 §3.3). */
    private static final Pattern PARAMETER = Pattern.compile(";[^/]*");

    public Touched {
        resources = List.copyOf(resources);
        attributes = Map.copyOf(attributes);
    }

    /** No resource that a rule names. */
    public static Touched with(Map<String, String> attributes) {
        return new Touched(List.of(), true, attributes);
    }

    /** @param lookup finds a value in the request: a string, number, boolean or a list of them; null where there is none */
    public static Checked<Touched> by(
            List<Route.Resource> rules,
            Map<String, Route.Value> attributes,
            Function<Route.Value, @Nullable Object> lookup) {
        List<String> resources = new ArrayList<>();
        boolean complete = true;
        for (Route.Resource rule : rules) {
            List<String> values = new ArrayList<>();
            if (!collect(lookup.apply(rule.value()), values)
                    || values.stream()
                            .anyMatch(value -> readTwoWays(value, !rule.prefix().isEmpty()))) {
                return unclear("a resource");
            }
            complete &= !values.isEmpty();
            values.forEach(value -> resources.add(rule.prefix() + value));
        }
        Map<String, String> told = new LinkedHashMap<>();
        for (Map.Entry<String, Route.Value> attribute : attributes.entrySet()) {
            List<String> values = new ArrayList<>();
            if (!collect(lookup.apply(attribute.getValue()), values) || values.size() > 1) {
                return unclear(attribute.getKey()); // a rule that forbids by it would not see it
            }
            if (!values.isEmpty()) {
                told.put(attribute.getKey(), values.getFirst());
            }
        }
        return Checked.passed(new Touched(resources, complete, told));
    }

    private static Checked<Touched> unclear(String what) {
        return Checked.refused(Refusal.of(
                Reason.REQUEST_MALFORMED,
                "This request cannot be decided on: it names " + what + " in a way that can be read in two ways."));
    }

    private static boolean collect(@Nullable Object value, List<String> into) {
        return switch (value) {
            case null -> true;
            case String text -> into.add(text);
            case Number number -> exact(number) && into.add(Arguments.ecmaScript(number));
            case Boolean is -> into.add(is.toString());
            case List<?> list -> {
                boolean simple = list.size() <= MAX_VALUES;
                for (Object item : list) {
                    simple &= !(item instanceof List<?>) && item != null && collect(item, into);
                }
                yield simple;
            }
            case Object _ -> false;
        };
    }

    /** Whether every service reads the same number: many know no others than IEEE doubles, and act on the next one. */
    private static boolean exact(Number number) {
        double read = number.doubleValue();
        return !Double.isInfinite(read)
                && Math.abs(read) <= Json.MAX_EXACT
                && BigDecimal.valueOf(read).compareTo(new BigDecimal(number.toString())) == 0;
    }

    /**
     * A name that a service may resolve to another than the one that was decided on.
     *
     * @param below whether it is taken to lie below a prefix, which an absolute one replaces
     */
    private static boolean readTwoWays(String value, boolean below) {
        if (value.isEmpty() || value.length() > MAX_VALUE || value.indexOf('\\') >= 0 || value.indexOf('*') >= 0) {
            return true;
        }
        if (value.chars().anyMatch(c -> c < 0x20 || c == 0x7f)
                || !Permission.staysBelow(value)
                || !Permission.staysBelow(PARAMETER.matcher(value).replaceAll(""))) {
            return true;
        }
        if (below && ABSOLUTE.matcher(value).lookingAt()) {
            return true;
        }
        boolean first = true;
        int scheme = value.indexOf("://");
        for (String segment : value.substring(scheme < 0 ? 0 : scheme + 3).split("/", -1)) {
            if (segment.isEmpty() && !first) {
                return true;
            }
            first = false;
        }
        return false;
    }
}

package io.behalf.core.delegation;

import io.behalf.core.json.Json;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The {@code authorization_details} object (RFC 9396) of type {@code behalf_task}: what a task may do, in plain words and
 * as permissions.
 *
 * @param description what a wish says has passed {@link #requireShown}; what was kept before there was that rule may not
 * @param retention class of the ledger that keeps the task's records, empty for the default
 */
public record BehalfTask(
        String description, Scope scope, Limits limits, Optional<Duration> duration, Optional<String> retention) {
    public static final String TYPE = "behalf_task";
    public static final int MAX_DESCRIPTION = 2_000;
    /** The longest task that can be asked for. */
    public static final Duration MAX_DURATION = Duration.ofDays(90);

    private static final Set<String> MEMBERS =
            Set.of("type", "description", "permissions", "limits", "duration", "retention");
    private static final Set<String> PERMISSION_MEMBERS = Set.of("service", "actions", "resources", "constraints");
    private static final Set<String> LIMITS = Set.of("calls", "tokens", "spend");

    public BehalfTask {
        if (description.isBlank() || description.length() > MAX_DESCRIPTION) {
            throw new IllegalArgumentException(
                    "description is empty or longer than " + MAX_DESCRIPTION + " characters");
        }
        duration.ifPresent(d -> {
            if (d.isNegative() || d.isZero() || d.compareTo(MAX_DURATION) > 0) {
                throw new IllegalArgumentException("duration is between a second and " + MAX_DURATION);
            }
        });
        retention.ifPresent(r -> {
            if (!r.matches("[a-z0-9-]{1,64}")) {
                throw new IllegalArgumentException("a retention class is [a-z0-9-]+");
            }
        });
    }

    /**
     * For whoever takes a wish from outside: a person will decide by its words.
     *
     * @throws IllegalArgumentException where they could look like something else
     */
    public BehalfTask requireShown() {
        ShownText.require("description", description, MAX_DESCRIPTION);
        for (Permission permission : scope.permissions()) {
            permission.actions().forEach(action -> ShownText.require("an action", action, Permission.MAX_NAME));
            permission
                    .resources()
                    .forEach(resource -> ShownText.require("a resource", resource, Permission.MAX_RESOURCE));
            permission.constraints().forEach((attribute, values) -> {
                ShownText.require("a constraint", attribute, Permission.MAX_NAME);
                values.forEach(value -> ShownText.require("a constraint", value, Permission.MAX_RESOURCE));
            });
        }
        return this;
    }

    public BehalfTask withScope(Scope narrower) {
        return new BehalfTask(description, narrower, limits, duration, retention);
    }

    public BehalfTask withLimits(Limits lower) {
        return new BehalfTask(description, scope, lower, duration, retention);
    }

    /** The object as it stands in a request, a token and the approved text. */
    public Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("type", TYPE);
        out.put("description", description);
        out.put("permissions", permissionsToJson(scope));
        if (!limits.equals(Limits.NONE)) {
            out.put("limits", limitsToJson(limits));
        }
        duration.ifPresent(d -> out.put("duration", d.toString()));
        retention.ifPresent(r -> out.put("retention", r));
        return out;
    }

    static List<@Nullable Object> permissionsToJson(Scope scope) {
        List<@Nullable Object> list = new ArrayList<>();
        for (Permission p : scope.permissions()) {
            Map<String, @Nullable Object> one = new LinkedHashMap<>();
            one.put("service", p.service());
            one.put("actions", List.copyOf(p.actions()));
            if (!p.resources().isEmpty()) {
                one.put("resources", List.copyOf(p.resources()));
            }
            if (!p.constraints().isEmpty()) {
                Map<String, @Nullable Object> constraints = new LinkedHashMap<>();
                p.constraints().forEach((k, v) -> constraints.put(k, List.copyOf(v)));
                one.put("constraints", constraints);
            }
            list.add(one);
        }
        return list;
    }

    static Map<String, @Nullable Object> limitsToJson(Limits limits) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        limits.calls().ifPresent(n -> out.put("calls", n));
        limits.tokens().ifPresent(n -> out.put("tokens", n));
        limits.spend().ifPresent(n -> out.put("spend", n));
        return out;
    }

    /**
     * Reads {@code authorization_details}: exactly one object of this type, no unknown member (RFC 9396 §5).
     *
     * @throws Json.Malformed saying which member is wrong and what it should be; never quoting its value
     */
    public static BehalfTask fromDetails(@Nullable Object details) throws Json.Malformed {
        if (!(details instanceof List<?> list) || list.size() != 1) {
            throw malformed("authorization_details is an array of exactly one object");
        }
        return fromJson(list.get(0));
    }

    public static BehalfTask fromJson(@Nullable Object value) throws Json.Malformed {
        Map<String, ?> object = object(value, "authorization_details", MEMBERS);
        if (!TYPE.equals(object.get("type"))) {
            throw malformed("authorization_details.type is " + TYPE);
        }
        try {
            return new BehalfTask(
                    string(object.get("description"), "description"),
                    permissions(object.get("permissions")),
                    limits(object.get("limits")),
                    object.containsKey("duration")
                            ? Optional.of(Duration.parse(string(object.get("duration"), "duration")))
                            : Optional.empty(),
                    object.containsKey("retention")
                            ? Optional.of(string(object.get("retention"), "retention"))
                            : Optional.empty());
        } catch (IllegalArgumentException e) {
            throw new Json.Malformed(String.valueOf(e.getMessage()), e);
        } catch (DateTimeParseException e) {
            throw new Json.Malformed("duration is an ISO 8601 duration such as PT8H", e);
        }
    }

    /** The member {@code permissions} alone, as records hold it. */
    public static Scope permissions(@Nullable Object value) throws Json.Malformed {
        if (!(value instanceof List<?> list)) {
            throw malformed("permissions is an array");
        }
        List<Permission> permissions = new ArrayList<>();
        for (Object item : list) {
            Map<String, ?> p = object(item, "a permission", PERMISSION_MEMBERS);
            TreeMap<String, NavigableSet<String>> constraints = new TreeMap<>();
            if (p.containsKey("constraints")) {
                for (var c : object(p.get("constraints"), "constraints", null).entrySet()) {
                    constraints.put(c.getKey(), strings(c.getValue(), "a constraint's values"));
                }
            }
            NavigableSet<String> resources = new TreeSet<>();
            if (p.containsKey("resources")) {
                resources = strings(p.get("resources"), "resources");
                if (resources.isEmpty()) {
                    throw malformed("resources is left out or names at least one"); // empty would read as unlimited
                }
            }
            permissions.add(new Permission(
                    string(p.get("service"), "service"), strings(p.get("actions"), "actions"), resources, constraints));
        }
        return new Scope(permissions);
    }

    /** The member {@code limits} alone; null means that there are none. */
    public static Limits limits(@Nullable Object value) throws Json.Malformed {
        if (value == null) {
            return Limits.NONE;
        }
        Map<String, ?> object = object(value, "limits", LIMITS);
        return new Limits(total(object.get("calls")), total(object.get("tokens")), total(object.get("spend")));
    }

    private static OptionalLong total(@Nullable Object value) throws Json.Malformed {
        if (value == null) {
            return OptionalLong.empty();
        }
        if (value instanceof Long n) {
            return OptionalLong.of(n);
        }
        throw malformed("a limit is a whole number");
    }

    private static Map<String, ?> object(@Nullable Object value, String what, @Nullable Set<String> members)
            throws Json.Malformed {
        if (!(value instanceof Map<?, ?> map)) {
            throw malformed(what + " is an object");
        }
        if (members != null && !members.containsAll(map.keySet())) {
            throw malformed(what + " has a member that is not one of " + new TreeSet<>(members));
        }
        @SuppressWarnings("unchecked")
        Map<String, ?> object = (Map<String, ?>) map;
        return object;
    }

    private static String string(@Nullable Object value, String what) throws Json.Malformed {
        if (value instanceof String s) {
            return s;
        }
        throw malformed(what + " is a string");
    }

    private static NavigableSet<String> strings(@Nullable Object value, String what) throws Json.Malformed {
        if (!(value instanceof List<?> list)) {
            throw malformed(what + " is an array of strings");
        }
        NavigableSet<String> out = new TreeSet<>();
        for (Object item : list) {
            out.add(string(item, what + ", each,"));
        }
        return out;
    }

    private static Json.Malformed malformed(String message) {
        return new Json.Malformed(message, null);
    }
}

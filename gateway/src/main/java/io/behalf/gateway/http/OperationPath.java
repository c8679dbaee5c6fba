package io.behalf.gateway.http;

import io.behalf.gateway.Parameters;
import io.behalf.gateway.Route;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An operation with its path template taken apart.
 *
 * @param decisive parameters of the query that are decided on, as services may read their names
 * @param decidesByBody whether a rule reads the body: services exist that take one for JSON whatever it is said to be
 */
record OperationPath(Route.Operation operation, List<String> segments, Set<String> decisive, boolean decidesByBody) {
    OperationPath(Route.Operation operation) {
        this(
                operation,
                List.of(operation.path().split("/", -1)),
                values(operation)
                        .flatMap(value -> value instanceof Route.Value.QueryPart(String name)
                                ? Stream.of(Parameters.folded(name))
                                : Stream.empty())
                        .collect(Collectors.toUnmodifiableSet()),
                values(operation).anyMatch(Route.Value.Pointer.class::isInstance));
    }

    private static Stream<Route.Value> values(Route.Operation operation) {
        return Stream.concat(
                operation.resources().stream().map(Route.Resource::value), operation.attributes().values().stream());
    }

    /** The decoded values of the template's names; null where method or path is another. */
    @Nullable
    Map<String, String> match(String method, String path) {
        if (!operation.method().equals(method)) {
            return null;
        }
        String[] given = path.split("/", -1);
        if (given.length != segments.size()) {
            return null;
        }
        Map<String, String> parts = new LinkedHashMap<>();
        for (int i = 0; i < given.length; i++) {
            String wanted = segments.get(i);
            if (!wanted.startsWith("{")) {
                // compared as sent: an encoded letter is another path, or two readers would differ
                if (!wanted.equals(given[i])) {
                    return null;
                }
                continue;
            }
            @Nullable String value = PercentDecoding.decode(given[i], false);
            if (value == null || value.isEmpty()) {
                return null;
            }
            parts.put(wanted.substring(1, wanted.length() - 1), value);
        }
        return parts;
    }
}

package io.behalf.gateway.http;

import io.behalf.gateway.Route;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An operation with its path template taken apart. */
record OperationPath(Route.Operation operation, List<String> segments) {
    OperationPath(Route.Operation operation) {
        this(operation, List.of(operation.path().split("/", -1)));
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

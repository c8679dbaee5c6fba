package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Parameters of a form or query. A parameter that comes twice is an error (RFC 6749 §3.1 and §3.2), because two readers
 * could take two different ones; only those that a standard lets repeat are lists. Empty values count as absent (ibid.).
 */
record Form(Map<String, List<String>> parameters) {
    static final int MAX_PARAMETERS = 64;

    /** RFC 8707 §2, RFC 8693 §2.1. */
    private static final Set<String> MAY_REPEAT = Set.of("resource", "audience", "permission");

    static Answer<Form> parse(String encoded) {
        Map<String, List<String>> parameters = new LinkedHashMap<>();
        for (String pair : encoded.isEmpty() ? new String[0] : encoded.split("&", -1)) {
            int equals = pair.indexOf('=');
            String name;
            String value;
            try {
                name = decode(equals < 0 ? pair : pair.substring(0, equals));
                value = equals < 0 ? "" : decode(pair.substring(equals + 1));
            } catch (IllegalArgumentException e) {
                return Answer.no(Code.INVALID_REQUEST, "The form is not well-formed.");
            }
            if (value.isEmpty()) {
                continue;
            }
            List<String> values = parameters.computeIfAbsent(name, n -> new ArrayList<>());
            if (!values.isEmpty() && !MAY_REPEAT.contains(name)) {
                return Answer.no(Code.INVALID_REQUEST, "A parameter is sent more than once.");
            }
            values.add(value);
            if (parameters.size() > MAX_PARAMETERS || values.size() > MAX_PARAMETERS * 4) {
                return Answer.no(Code.INVALID_REQUEST, "The form has too many parameters.");
            }
        }
        return Answer.ok(new Form(parameters));
    }

    Optional<String> one(String name) {
        List<String> values = parameters.getOrDefault(name, List.of());
        return values.isEmpty() ? Optional.empty() : Optional.of(values.getFirst());
    }

    List<String> all(String name) {
        return List.copyOf(parameters.getOrDefault(name, List.of()));
    }

    Form without(String name) {
        Map<String, List<String>> rest = new LinkedHashMap<>(parameters);
        rest.remove(name);
        return new Form(rest);
    }

    Answer<String> required(String name) {
        return one(name)
                .<Answer<String>>map(Answer::ok)
                .orElseGet(() -> Answer.no(Code.INVALID_REQUEST, "The parameter " + name + " is missing."));
    }

    private static String decode(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }
}

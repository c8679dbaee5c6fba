package io.behalf.authority;

import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a person may do at all, read from the provider's claims by the configured rules. */
final class Rights {
    /** Claims that are kept beside those that rules read: they say how the person had logged in, and in which session. */
    private static final List<String> ALWAYS_KEPT =
            List.of("azp", "client_id", "aud", "auth_time", "acr", "amr", "iat", "sid");

    private static final String ANYBODY = "*";

    /** Bound of what is kept of one claim. */
    private static final int MAX_VALUES = 256;

    private Rights() {}

    /** Empty means everything: development only. */
    static Optional<Scope> of(AuthorityConfig.Provider provider, Map<String, ? extends @Nullable Object> claims) {
        return switch (provider.rights()) {
            case AuthorityConfig.Rights.Unlimited() -> Optional.empty();
            case AuthorityConfig.Rights.ByClaims(var rules) -> {
                Set<Permission> union = new LinkedHashSet<>();
                for (AuthorityConfig.Rights.Rule rule : rules) {
                    if (rule.value().equals(ANYBODY)
                            || held(claims, rule.claim()).contains(rule.value())) {
                        union.addAll(rule.scope().permissions());
                    }
                }
                yield Optional.of(new Scope(List.copyOf(union)));
            }
        };
    }

    static Scope narrow(Scope scope, Optional<Scope> ceiling) {
        return ceiling.map(scope::narrow).orElse(scope);
    }

    /** The claims that were decided on, so that "was the right valid then?" has an answer; nothing more is kept. */
    static Map<String, @Nullable Object> facts(
            AuthorityConfig.Provider provider, Map<String, ? extends @Nullable Object> claims) {
        Set<String> names = new LinkedHashSet<>(ALWAYS_KEPT);
        if (provider.rights() instanceof AuthorityConfig.Rights.ByClaims(var rules)) {
            rules.forEach(rule -> names.add(claims.containsKey(rule.claim()) ? rule.claim() : top(rule.claim())));
        }
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        for (String name : names) {
            if (claims.get(name) != null) {
                out.put(name, plain(claims.get(name)));
            }
        }
        return out;
    }

    private static List<String> held(Map<String, ? extends @Nullable Object> claims, String path) {
        Object value = claims.get(path); // a claim's own name may hold dots, as namespaced ones do
        if (value == null) {
            value = claims;
            for (String part : path.split("\\.", -1)) {
                value = value instanceof Map<?, ?> map ? map.get(part) : null;
            }
        }
        return Providers.strings(value);
    }

    private static String top(String path) {
        int dot = path.indexOf('.');
        return dot < 0 ? path : path.substring(0, dot);
    }

    /** As canonical JSON can hold it: no fractions. */
    private static @Nullable Object plain(@Nullable Object value) {
        return switch (value) {
            case Map<?, ?> map -> {
                Map<String, @Nullable Object> out = new LinkedHashMap<>();
                map.entrySet().stream()
                        .limit(MAX_VALUES)
                        .forEach(e -> out.put((String) e.getKey(), plain(e.getValue())));
                yield out;
            }
            case List<?> list -> {
                List<@Nullable Object> out = new ArrayList<>();
                list.stream().limit(MAX_VALUES).forEach(item -> out.add(plain(item)));
                yield out;
            }
            case BigDecimal number -> number.toPlainString();
            case Number number -> number instanceof Long ? number : number.toString();
            case null -> null;
            default -> value;
        };
    }
}

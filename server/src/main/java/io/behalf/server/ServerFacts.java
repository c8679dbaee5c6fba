package io.behalf.server;

import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a server says of itself: {@code GET /api/v1/server}.
 *
 * @param base where its gateway answers, without a path
 * @param issuer its authority's
 * @param audience of delegations for the gateway as a whole
 * @param routes in the order of its configuration
 */
record ServerFacts(URI base, String issuer, String audience, List<Served> routes) {
    ServerFacts {
        routes = List.copyOf(routes);
    }

    /**
     * One route.
     *
     * @param surface {@code llm}, {@code mcp} or {@code http}
     * @param provider whose protocol it speaks; models only
     * @param path of its agent-side address
     */
    record Served(String name, String surface, Optional<String> provider, String service, String path) {
        boolean speaks(String protocol) {
            return provider.equals(Optional.of(protocol));
        }

        boolean offersTools() {
            return surface.equals("mcp");
        }
    }

    /** Everything that can be done through the gateway. */
    Scope everything() {
        return new Scope(routes.stream()
                .map(route -> Permission.of(route.service(), List.of("*")))
                .toList());
    }

    /** @throws CommandFailed when it is not what a server of this version says */
    static ServerFacts fromJson(Map<String, ? extends @Nullable Object> json) {
        try {
            List<Served> routes = new ArrayList<>();
            if (json.get("routes") instanceof List<?> list) {
                for (Object each : list) {
                    routes.add(served(each));
                }
            }
            return new ServerFacts(
                    URI.create(text(json, "base")), text(json, "issuer"), text(json, "audience"), routes);
        } catch (IllegalArgumentException e) {
            throw CommandFailed.unreachable("The server is of another version than this command: what it says of itself"
                    + " cannot be read (" + e.getMessage() + ").");
        }
    }

    private static Served served(@Nullable Object route) {
        if (!(route instanceof Map<?, ?> members)) {
            throw new IllegalArgumentException("a route is an object");
        }
        return new Served(
                text(members, "name"),
                text(members, "surface"),
                members.get("provider") instanceof String provider ? Optional.of(provider) : Optional.empty(),
                text(members, "service"),
                URI.create(text(members, "url")).getRawPath());
    }

    private static String text(Map<?, ? extends @Nullable Object> object, String member) {
        if (object.get(member) instanceof String text) {
            return text;
        }
        throw new IllegalArgumentException(member + " is a text");
    }
}

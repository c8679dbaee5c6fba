package io.behalf.server;

import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.gateway.Route;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Reads {@code gateway.routes}. */
final class RoutesReader {
    private static final URI NOWHERE = URI.create("http://127.0.0.1");

    /** What stands behind a route, as the file names it. */
    enum Behind {
        OPENAI,
        ANTHROPIC,
        MCP,
        HTTP
    }

    private final Set<String> regulated;
    private final YamlFile file;

    RoutesReader(Set<String> regulated, YamlFile file) {
        this.regulated = regulated;
        this.file = file;
    }

    List<Route> routes(Section gateway) {
        List<Route> routes = new ArrayList<>();
        Map<String, Integer> lines = new HashMap<>();
        for (Section section : gateway.sections("routes")) {
            route(section).ifPresent(route -> {
                Integer other = lines.putIfAbsent(route.prefix(), section.line());
                if (other != null) {
                    section.refuse("name", "another route at " + route.prefix() + " stands in line " + other);
                }
                routes.add(route);
            });
        }
        gateway.section("callers"); // read with the agents, whose keys it belongs to
        gateway.done();
        return List.copyOf(routes);
    }

    /** The actions that a route names itself; a model's are its protocol's. */
    static Set<String> actions(Route route) {
        Set<String> actions = new TreeSet<>();
        switch (route.kind()) {
            case Route.Models _ -> {}
            case Route.Mcp(var tools) -> tools.forEach(tool -> actions.add(tool.action()));
            case Route.Http(var operations) -> operations.forEach(operation -> actions.add(operation.action()));
        }
        return actions;
    }

    private Optional<Route> route(Section s) {
        int before = s.problemCount();
        String name = s.text("name");
        Behind behind = s.word("kind", Behind.class, Behind.HTTP);
        if (!s.has("kind")) {
            s.refuse("kind", "is missing");
        }
        String service = s.text("service", name);
        URI upstream = s.address("upstream", usual(behind));
        if (!s.has("upstream") && upstream.equals(NOWHERE)) {
            s.refuse("upstream", "is missing");
        }
        Mode mode = s.word("mode", Mode.class, Mode.ENFORCE);
        Route.Credential credential = credential(s.section("credential"), behind);
        boolean unbound = s.flag("allow-unbound", false);
        long bytes = s.size("max-request-size", Route.MAX_REQUEST_BYTES);
        Set<String> headers = new TreeSet<>(s.texts("request-headers"));
        Duration answer = s.duration("answer-timeout", Route.ANSWER_TIMEOUT);
        Duration idle = s.duration("idle-timeout", Route.IDLE_TIMEOUT);
        List<Route.Tool> tools = s.sections("tools").stream()
                .map(this::tool)
                .flatMap(Optional::stream)
                .toList();
        List<Route.Operation> operations = s.sections("operations").stream()
                .map(this::operation)
                .flatMap(Optional::stream)
                .toList();
        s.done();
        if (!tools.isEmpty() && behind != Behind.MCP) {
            s.refuse("tools", "only a route of kind mcp has tools");
        }
        if (!operations.isEmpty() && behind != Behind.HTTP) {
            s.refuse("operations", "only a route of kind http has operations");
        }
        Route.Kind kind =
                switch (behind) {
                    case OPENAI -> new Route.Models(Route.Provider.OPENAI);
                    case ANTHROPIC -> new Route.Models(Route.Provider.ANTHROPIC);
                    case MCP -> new Route.Mcp(tools);
                    case HTTP -> new Route.Http(operations);
                };
        return s.make(
                before,
                () -> new Route(
                        name,
                        kind,
                        service,
                        upstream,
                        mode,
                        credential,
                        unbound,
                        regulated.contains(service),
                        bytes,
                        headers,
                        answer,
                        idle));
    }

    private static URI usual(Behind behind) {
        return switch (behind) {
            case OPENAI -> URI.create("https://api.openai.com");
            case ANTHROPIC -> URI.create("https://api.anthropic.com");
            case MCP, HTTP -> NOWHERE;
        };
    }

    private static Route.Credential credential(Section s, Behind behind) {
        Optional<String> key = s.secret("key");
        Optional<String> header = s.optionalText("header");
        Optional<String> value = s.secret("value");
        Optional<String> minted = s.optionalText("minted-for");
        boolean caller = s.flag("caller", false);
        s.done();
        long ways = List.of(s.has("key"), s.has("header"), minted.isPresent(), caller).stream()
                .filter(given -> given)
                .count();
        if (ways > 1) {
            s.refuse("", "only one of key, header, minted-for and caller");
        }
        if (s.has("header") != s.has("value")) {
            s.refuse("header", "header and value stand together");
        }
        if (key.isPresent() && (behind == Behind.MCP || behind == Behind.HTTP)) {
            return new Route.Credential.Fixed("authorization", "Bearer " + key.get());
        }
        if (key.isPresent()) {
            return Route.key(behind == Behind.ANTHROPIC ? Route.Provider.ANTHROPIC : Route.Provider.OPENAI, key.get());
        }
        if (header.isPresent() && value.isPresent()) {
            return new Route.Credential.Fixed(header.get().toLowerCase(Locale.ROOT), value.get());
        }
        if (minted.isPresent()) {
            return new Route.Credential.Minted(minted.get());
        }
        return caller ? new Route.Credential.Caller() : new Route.Credential.None();
    }

    private Optional<Route.Tool> tool(Section s) {
        int before = file.problemCount();
        String tool = s.text("tool");
        String action = s.text("action", tool);
        List<Route.Resource> resources = resources(s);
        Map<String, Route.Value> attributes = attributes(s);
        s.done();
        return s.make(before, () -> new Route.Tool(tool, action, resources, attributes));
    }

    private Optional<Route.Operation> operation(Section s) {
        int before = file.problemCount();
        String method = s.text("method").toUpperCase(Locale.ROOT);
        String path = s.text("path");
        String action = s.text("action");
        List<Route.Resource> resources = resources(s);
        Map<String, Route.Value> attributes = attributes(s);
        s.done();
        return s.make(before, () -> new Route.Operation(method, path, action, resources, attributes));
    }

    private static List<Route.Resource> resources(Section s) {
        List<Route.Resource> resources = new ArrayList<>();
        for (Section resource : s.sections("resources")) {
            String prefix = resource.text("prefix", "");
            value(resource).ifPresent(value -> resources.add(new Route.Resource(prefix, value)));
            resource.done();
        }
        return resources;
    }

    private static Map<String, Route.Value> attributes(Section s) {
        Map<String, Route.Value> attributes = new HashMap<>();
        s.named("attributes").forEach((name, section) -> {
            value(section).ifPresent(value -> attributes.put(name, value));
            section.done();
        });
        return attributes;
    }

    private static Optional<Route.Value> value(Section s) {
        Optional<String> path = s.optionalText("path");
        Optional<String> query = s.optionalText("query");
        Optional<String> pointer = s.optionalText("pointer");
        long given = List.of(path, query, pointer).stream()
                .filter(Optional::isPresent)
                .count();
        if (given != 1) {
            s.refuse("", "exactly one of path, query and pointer");
            return Optional.empty();
        }
        int before = s.problemCount();
        return s.make(before, () -> path.<Route.Value>map(Route.Value.PathPart::new)
                .or(() -> query.map(Route.Value.QueryPart::new))
                .or(() -> pointer.map(Route.Value.Pointer::new))
                .orElseThrow());
    }
}

package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Surface;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * One way out: which upstream stands behind {@code /llm/<name>}, {@code /mcp/<name>} or {@code /http/<name>}, and under
 * which rules. Made from the configuration, immutable, checked here and nowhere else.
 *
 * @param name path segment
 * @param service what permissions and policy call it; several routes may lead to one service
 * @param upstream where calls go: scheme, host and a path prefix without a trailing slash
 * @param allowUnbound whether a token that nobody has to prove possession of is accepted
 * @param regulated whether resources stand in records as keyed hashes
 * @param maxRequestBytes largest request body
 * @param requestHeaders further headers of the agent, lower case, that the upstream may see
 * @param answerTimeout longest wait for the head of an answer
 * @param idleTimeout longest silence within an answer
 */
public record Route(
        String name,
        Kind kind,
        String service,
        URI upstream,
        Mode mode,
        Credential credential,
        boolean allowUnbound,
        boolean regulated,
        long maxRequestBytes,
        Set<String> requestHeaders,
        Duration answerTimeout,
        Duration idleTimeout) {
    public static final long MAX_REQUEST_BYTES = 16 << 20;
    public static final Duration ANSWER_TIMEOUT = Duration.ofMinutes(10);
    public static final Duration IDLE_TIMEOUT = Duration.ofMinutes(10);

    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9-]{0,63}");
    /** Never taken from an agent, whatever the configuration says: credentials, framing, and what Behalf itself says. */
    private static final Set<String> NEVER_FORWARDED = Set.of(
            "authorization",
            "proxy-authorization",
            "cookie",
            "dpop",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "host",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "content-length",
            "expect",
            "accept-encoding",
            "baggage",
            "traceparent",
            "tracestate",
            "forwarded",
            "txn-token");

    public Route {
        if (!NAME.matcher(name).matches() || !NAME.matcher(service).matches()) {
            throw new IllegalArgumentException("route and service names are lower-case letters, digits and hyphens");
        }
        boolean http = "http".equals(upstream.getScheme()) || "https".equals(upstream.getScheme());
        if (!http || upstream.getHost() == null) {
            throw new IllegalArgumentException("an upstream is an http or https address");
        }
        if (upstream.getRawQuery() != null || upstream.getRawUserInfo() != null || upstream.getRawFragment() != null) {
            throw new IllegalArgumentException("an upstream's address has no query, user or fragment");
        }
        String path = upstream.getRawPath();
        if (path.endsWith("/")) {
            throw new IllegalArgumentException("an upstream's address has no slash at its end");
        }
        if (maxRequestBytes < 0) {
            throw new IllegalArgumentException("a bound is not negative");
        }
        for (String header : requestHeaders) {
            if (NEVER_FORWARDED.contains(header)
                    || header.startsWith("behalf-")
                    || header.startsWith("x-behalf-")
                    || header.startsWith("x-forwarded-")
                    || !header.equals(header.toLowerCase(Locale.ROOT))) {
                throw new IllegalArgumentException("the header " + header + " is never forwarded");
            }
        }
        requestHeaders = Set.copyOf(requestHeaders);
    }

    /** With the usual bounds, enforcing, for bound tokens only. */
    public static Route of(String name, Kind kind, String service, URI upstream, Credential credential) {
        return new Route(
                name,
                kind,
                service,
                upstream,
                Mode.ENFORCE,
                credential,
                false,
                false,
                MAX_REQUEST_BYTES,
                Set.of(),
                ANSWER_TIMEOUT,
                IDLE_TIMEOUT);
    }

    public Route withMode(Mode other) {
        return with(change -> change.mode = other);
    }

    public Route withAllowUnbound(boolean allowed) {
        return with(change -> change.allowUnbound = allowed);
    }

    public Route withRegulated(boolean is) {
        return with(change -> change.regulated = is);
    }

    public Route withMaxRequestBytes(long bytes) {
        return with(change -> change.maxRequestBytes = bytes);
    }

    public Route withTimeouts(Duration answer, Duration idle) {
        return with(change -> {
            change.answerTimeout = answer;
            change.idleTimeout = idle;
        });
    }

    private Route with(Consumer<Change> step) {
        var change = new Change(this);
        step.accept(change);
        return change.route();
    }

    /** A route of which some rules are being replaced. */
    private static final class Change {
        private final Route from;
        private Mode mode;
        private boolean allowUnbound;
        private boolean regulated;
        private long maxRequestBytes;
        private Duration answerTimeout;
        private Duration idleTimeout;

        Change(Route from) {
            this.from = from;
            mode = from.mode;
            allowUnbound = from.allowUnbound;
            regulated = from.regulated;
            maxRequestBytes = from.maxRequestBytes;
            answerTimeout = from.answerTimeout;
            idleTimeout = from.idleTimeout;
        }

        Route route() {
            return new Route(
                    from.name,
                    from.kind,
                    from.service,
                    from.upstream,
                    mode,
                    from.credential,
                    allowUnbound,
                    regulated,
                    maxRequestBytes,
                    from.requestHeaders,
                    answerTimeout,
                    idleTimeout);
        }
    }

    public Surface surface() {
        return switch (kind) {
            case Models _ -> Surface.LLM;
            case Mcp _ -> Surface.MCP;
            case Http _ -> Surface.HTTP;
        };
    }

    /** {@code /llm/<name>} and the like: what stands before the upstream's own path. */
    public String prefix() {
        return "/" + surface().name().toLowerCase(Locale.ROOT) + "/" + name;
    }

    /** What speaks behind the route, and what of a request names actions and resources. */
    public sealed interface Kind {}

    /** @param provider whose wire protocol it is */
    public record Models(Provider provider) implements Kind {}

    public enum Provider {
        OPENAI,
        ANTHROPIC
    }

    /** @param tools rules for single tools; a tool without one is an action of its own name that names no resource */
    public record Mcp(List<Tool> tools) implements Kind {
        public Mcp {
            tools = List.copyOf(tools);
        }
    }

    /** @param operations in order, the first that matches counts; a request that none matches is {@code route_unknown} */
    public record Http(List<Operation> operations) implements Kind {
        public Http {
            operations = List.copyOf(operations);
        }
    }

    /** @param attributes what constraints of permissions may ask about, by attribute name */
    public record Tool(String tool, String action, List<Resource> resources, Map<String, Value> attributes) {
        public Tool {
            resources = List.copyOf(resources);
            attributes = Map.copyOf(attributes);
        }
    }

    /**
     * @param method upper case
     * @param path template below the route, for example {@code /customers/{id}}; each {@code {…}} is one whole segment
     */
    public record Operation(
            String method, String path, String action, List<Resource> resources, Map<String, Value> attributes) {
        private static final Pattern SEGMENT = Pattern.compile("\\{[A-Za-z][A-Za-z0-9_]*}|[^{}/]*");

        public Operation {
            if (!path.startsWith("/")) {
                throw new IllegalArgumentException("a path template begins with a slash");
            }
            for (String segment : path.substring(1).split("/", -1)) {
                if (!SEGMENT.matcher(segment).matches()) {
                    throw new IllegalArgumentException("a path template's segment is plain or one {name}: " + segment);
                }
            }
            resources = List.copyOf(resources);
            attributes = Map.copyOf(attributes);
        }
    }

    /**
     * A rule that names what a call touches.
     *
     * @param prefix before the value, for example {@code customers/}
     */
    public record Resource(String prefix, Value value) {}

    /** Where in a request a value stands. */
    public sealed interface Value {
        /** A {@code {name}} of the path template. */
        record PathPart(String name) implements Value {}

        record QueryPart(String name) implements Value {}

        /** RFC 6901, into the JSON body of an HTTP request or the arguments of a tool call. */
        record Pointer(String pointer) implements Value {
            public Pointer {
                if (!pointer.isEmpty() && !pointer.startsWith("/")) {
                    throw new IllegalArgumentException("a JSON pointer begins with a slash");
                }
            }
        }
    }

    /** What an upstream is shown instead of the agent's token. */
    public sealed interface Credential {
        /** One key for all calls, for example {@code authorization}, {@code Bearer sk-…}. */
        record Fixed(String header, String value) implements Credential {
            @Override
            public String toString() {
                return "Fixed[" + header + "]"; // the value is a secret
            }
        }

        /** A token made for this delegation and this audience, bound to the gateway's key. */
        record Minted(String audience) implements Credential {}

        /** What the caller brought beside its delegation; its SHA-256 is recorded. */
        record Caller() implements Credential {}

        record None() implements Credential {}
    }

    /** The provider's usual header for a key. */
    public static Credential key(Provider provider, String key) {
        return switch (provider) {
            case OPENAI -> new Credential.Fixed("authorization", "Bearer " + key);
            case ANTHROPIC -> new Credential.Fixed("x-api-key", key);
        };
    }

    /** Whether the upstream sees what the caller brought, and nothing of the gateway's. */
    boolean showsTheCallersOwn() {
        return mode == Mode.OBSERVE || credential instanceof Credential.Caller;
    }

    /** The audience of a minted token, where the route has one. */
    public Optional<String> mintedAudience() {
        return credential instanceof Credential.Minted(String audience) ? Optional.of(audience) : Optional.empty();
    }
}

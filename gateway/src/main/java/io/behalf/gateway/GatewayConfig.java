package io.behalf.gateway;

import java.net.URI;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.crypto.SecretKey;

/**
 * What a gateway is built with. Immutable.
 *
 * @param base address that agents use, without a path; proofs of possession are checked against it, never against what
 *     a request says of itself
 * @param authority issuer named in challenges
 * @param node written into records
 * @param hosts {@code Host} values answered, lower case, with port; a page that rebinds its own name to this address
 *     fails here
 * @param origins {@code Origin} values answered
 * @param callers who may call an observed route without a delegation
 * @param logKey HMAC-SHA-256, for the MACs of calls that no task is known of
 */
public record GatewayConfig(
        URI base,
        String authority,
        String node,
        Set<String> hosts,
        Set<String> origins,
        List<Route> routes,
        Callers callers,
        SecretKey logKey) {
    public static final int MAX_ROUTES = 10_000;

    public GatewayConfig {
        String text = base.toString();
        if (base.getHost() == null || text.endsWith("/") || !base.getRawPath().isEmpty()) {
            throw new IllegalArgumentException("the base address is scheme, host and port");
        }
        hosts = Set.copyOf(hosts);
        origins = Set.copyOf(origins);
        routes = List.copyOf(routes);
        if (routes.size() > MAX_ROUTES) {
            throw new IllegalArgumentException("at most " + MAX_ROUTES + " routes");
        }
        Set<String> prefixes = new HashSet<>();
        for (Route route : routes) {
            if (!prefixes.add(route.prefix())) {
                throw new IllegalArgumentException("two routes at " + route.prefix());
            }
        }
    }

    /** The audience that is good for all routes. */
    public String audience() {
        return base + "/gateway";
    }

    /** The audience of one route: its address. */
    public String audience(Route route) {
        return base + route.prefix();
    }

    /**
     * Credentials and addresses that name a caller where no delegation does.
     *
     * @param keys lower-case hex SHA-256 of a key, to the agent it belongs to
     * @param addresses IP address to the name it is recorded under
     */
    public record Callers(Map<String, String> keys, Map<String, String> addresses) {
        public static final Callers NONE = new Callers(Map.of(), Map.of());

        public Callers {
            keys = Map.copyOf(keys);
            addresses = Map.copyOf(addresses);
        }
    }
}

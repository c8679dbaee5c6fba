package io.behalf.gateway;

import io.vertx.core.MultiMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Which headers cross the gateway, in each direction. Lists of what may, because a list of what may not would miss the
 * next credential, the next way to override a method and the next spelling of a trusted proxy's header.
 */
final class Forwarded {
    private static final Set<String> REQUEST = Set.of("accept", "accept-language", "content-type", "user-agent");

    private static final Set<String> ANSWER =
            Set.of("content-type", "content-language", "retry-after", "etag", "last-modified", "accept-ranges");

    private Forwarded() {}

    static void request(Route route, Codec codec, MultiMap from, MultiMap to) {
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            if (REQUEST.contains(name) || route.requestHeaders().contains(name) || codec.forwards(name)) {
                to.add(name, header.getValue());
            }
        }
    }

    static void answer(Codec codec, MultiMap from, MultiMap to) {
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            if (ANSWER.contains(name) || codec.returns(name)) {
                to.add(name, header.getValue());
            }
        }
    }
}

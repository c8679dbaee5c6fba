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

    /** Under which an upstream keeps an answer, for whoever shows the same credential and the same key again. */
    private static final String IDEMPOTENCY_KEY = "idempotency-key";

    private Forwarded() {}

    static void request(Arrival arrival, Basis basis, MultiMap from, MultiMap to) {
        Route route = arrival.route();
        Codec codec = arrival.passage().codec();
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            if (REQUEST.contains(name) || route.requestHeaders().contains(name) || codec.forwards(name)) {
                boolean shared = name.equals(IDEMPOTENCY_KEY) && !route.showsTheCallersOwn();
                to.add(name, shared ? ofItsTask(header.getValue(), basis) : header.getValue());
            }
        }
    }

    /**
     * Every task comes to the upstream under the gateway's credential, so a key as the agent chose it would bring the
     * answer that was kept for another task. What goes on is the same for a retry of the same agent in the same task, can
     * be made by nobody else, and has one length whatever the agent's has.
     */
    private static String ofItsTask(String key, Basis basis) {
        String whose = Recorder.taskOf(basis).orElse("") + "\n" + Recorder.callerOf(basis);
        // named, so that it equals no MAC of content in a record
        return basis.macs().of(IDEMPOTENCY_KEY + "\n" + whose + "\n" + key);
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

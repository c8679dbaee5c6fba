package io.behalf.gateway;

import io.behalf.gateway.Asked.CallKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Which task an MCP session belongs to, and which calls of it wait for an answer that may come on any of its requests,
 * on any event loop. Thread-safe.
 */
final class Sessions {
    /** Sessions remembered; beyond it the one longest unused is forgotten, and its client greets the server again. */
    static final int MAX_SESSIONS = 20_000;

    /** Longest name that a server may give to one; it is kept here. */
    static final int MAX_NAME = 512;

    static final Duration IDLE = Duration.ofHours(4);

    private final Map<Name, Session> sessions = new ConcurrentHashMap<>();
    private final Map<Waiting, OpenCall> waiting = new ConcurrentHashMap<>();
    private final Clock clock;

    Sessions(Clock clock) {
        this.clock = clock;
    }

    private record Name(String route, String session) {}

    private record Session(String task, Instant used) {}

    private record Waiting(String route, String task, CallKey key) {}

    /** Of whom a session is, as far as this request may know. */
    enum Ownership {
        OWN,
        /** Never begun here, or forgotten. */
        UNKNOWN,
        ANOTHERS
    }

    /**
     * The server named this session in its answer to this task.
     *
     * @return false where that is another task's session, which it stays
     */
    boolean begin(Route route, String session, String task) {
        if (sessions.size() >= MAX_SESSIONS) {
            forgetOldest();
        }
        Session now = sessions.compute(
                new Name(route.name(), session),
                (_, known) -> known == null || known.task.equals(task) ? new Session(task, clock.instant()) : known);
        return now.task.equals(task);
    }

    Ownership of(Route route, String session, String task) {
        Name name = new Name(route.name(), session);
        Session known = sessions.get(name);
        if (known == null) {
            return Ownership.UNKNOWN;
        }
        if (!known.task.equals(task)) {
            return Ownership.ANOTHERS;
        }
        sessions.put(name, new Session(task, clock.instant()));
        return Ownership.OWN;
    }

    void end(Route route, String session) {
        sessions.remove(new Name(route.name(), session));
    }

    void expects(OpenCall call) {
        keyOf(call).ifPresent(key -> waiting.put(key, call));
    }

    void answered(OpenCall call) {
        keyOf(call).ifPresent(key -> waiting.remove(key, call));
    }

    /** The call of the same task that this answer is for; empty when nobody asked, or it was settled already. */
    Optional<OpenCall> unsettled(OpenCall carrier, CallKey key) {
        return Recorder.taskOf(carrier.intent.admitted.basis())
                .map(task ->
                        waiting.get(new Waiting(carrier.intent.call().route().name(), task, key)));
    }

    private static Optional<Waiting> keyOf(OpenCall call) {
        Inbound inbound = call.intent.call();
        return inbound.asked()
                .key()
                .filter(_ -> inbound.asked().session().isPresent())
                .flatMap(key -> Recorder.taskOf(call.intent.admitted.basis())
                        .map(task -> new Waiting(inbound.route().name(), task, key)));
    }

    private void forgetOldest() {
        Instant unused = clock.instant().minus(IDLE);
        sessions.values().removeIf(session -> session.used.isBefore(unused));
        if (sessions.size() >= MAX_SESSIONS) {
            Iterator<Map.Entry<Name, Session>> all = sessions.entrySet().iterator();
            Map.Entry<Name, Session> oldest = all.next();
            while (all.hasNext()) {
                Map.Entry<Name, Session> next = all.next();
                oldest = next.getValue().used.isBefore(oldest.getValue().used) ? next : oldest;
            }
            sessions.remove(oldest.getKey());
        }
    }
}

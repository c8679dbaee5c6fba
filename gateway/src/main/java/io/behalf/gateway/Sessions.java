package io.behalf.gateway;

import io.behalf.gateway.Asked.CallKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Whose an MCP session is, and which calls of it wait for an answer that may come on any of its requests, on any event loop.
 * It is one task's and one agent's in it: a sub-agent would else get answers to what it may not ask, and its agent not.
 * Thread-safe.
 */
final class Sessions {
    /** Sessions remembered; beyond it the one longest unused is forgotten, and its client greets the server again. */
    static final int MAX_SESSIONS = 20_000;

    /** Of one task; beyond it the one that it began first is forgotten. */
    static final int MAX_SESSIONS_OF_A_TASK = 64;

    /** Longest name that a server may give to one; it is kept here. */
    static final int MAX_NAME = 512;

    static final Duration IDLE = Duration.ofHours(4);

    private final Map<Name, Session> sessions = new ConcurrentHashMap<>();
    /** By task, in the order in which they were begun. */
    private final Map<String, Deque<Name>> begun = new ConcurrentHashMap<>();

    private final Map<Waiting, OpenCall> waiting = new ConcurrentHashMap<>();
    private final Clock clock;

    Sessions(Clock clock) {
        this.clock = clock;
    }

    private record Name(String route, String session) {}

    /** @param actors current first */
    record Holder(String task, List<String> actors) {
        Holder {
            actors = List.copyOf(actors);
        }

        /** Empty for whoever shows no delegation. */
        static Optional<Holder> of(Basis basis) {
            return switch (basis) {
                case Basis.Delegated d ->
                    Optional.of(new Holder(
                            d.task().id().value(), d.shown().delegation().actors()));
                case Basis.Unattributed _ -> Optional.empty();
            };
        }
    }

    private record Session(Holder holder, Instant used) {}

    private record Waiting(String route, Holder holder, CallKey key) {}

    /** Of whom a session is, as far as this request may know. */
    enum Ownership {
        OWN,
        /** Never begun here, or forgotten. */
        UNKNOWN,
        ANOTHERS
    }

    /**
     * The server named this session in its answer to this holder.
     *
     * @return false where that is another's session, which it stays
     */
    boolean begin(Route route, String session, Holder holder) {
        Name name = new Name(route.name(), session);
        if (!sessions.containsKey(name)) {
            count(name, holder.task);
        }
        Session now = sessions.compute(
                name,
                (_, known) ->
                        known == null || known.holder.equals(holder) ? new Session(holder, clock.instant()) : known);
        return now.holder.equals(holder);
    }

    private void count(Name name, String task) {
        if (sessions.size() >= MAX_SESSIONS) {
            forgetOldest();
        }
        begun.compute(task, (_, known) -> {
            Deque<Name> own = known == null ? new ArrayDeque<>() : known;
            own.addLast(name);
            if (own.size() > MAX_SESSIONS_OF_A_TASK) {
                sessions.computeIfPresent(
                        own.removeFirst(), (_, first) -> first.holder.task.equals(task) ? null : first);
            }
            return own;
        });
    }

    Ownership of(Route route, String session, Holder holder) {
        Name name = new Name(route.name(), session);
        Session known = sessions.get(name);
        if (known == null) {
            return Ownership.UNKNOWN;
        }
        if (!known.holder.equals(holder)) {
            return Ownership.ANOTHERS;
        }
        sessions.replace(name, known, new Session(holder, clock.instant()));
        return Ownership.OWN;
    }

    void end(Route route, String session) {
        forget(new Name(route.name(), session));
    }

    void expects(OpenCall call) {
        keyOf(call).ifPresent(key -> waiting.put(key, call));
    }

    void answered(OpenCall call) {
        keyOf(call).ifPresent(key -> waiting.remove(key, call));
    }

    /** The call of the same holder that this answer is for; empty when nobody asked, or it was settled already. */
    Optional<OpenCall> unsettled(OpenCall carrier, CallKey key) {
        return Holder.of(carrier.intent.admitted.basis())
                .map(holder ->
                        waiting.get(new Waiting(carrier.intent.call().route().name(), holder, key)));
    }

    private static Optional<Waiting> keyOf(OpenCall call) {
        Inbound inbound = call.intent.call();
        return inbound.asked()
                .key()
                .filter(_ -> inbound.asked().session().isPresent())
                .flatMap(key -> Holder.of(call.intent.admitted.basis())
                        .map(holder -> new Waiting(inbound.route().name(), holder, key)));
    }

    private void forgetOldest() {
        Instant unused = clock.instant().minus(IDLE);
        sessions.forEach((name, session) -> {
            if (session.used.isBefore(unused)) {
                forget(name);
            }
        });
        if (sessions.size() >= MAX_SESSIONS) {
            Iterator<Map.Entry<Name, Session>> all = sessions.entrySet().iterator();
            Map.Entry<Name, Session> oldest = all.next();
            while (all.hasNext()) {
                Map.Entry<Name, Session> next = all.next();
                oldest = next.getValue().used.isBefore(oldest.getValue().used) ? next : oldest;
            }
            forget(oldest.getKey());
        }
    }

    private void forget(Name name) {
        Session gone = sessions.remove(name);
        if (gone != null) {
            begun.computeIfPresent(gone.holder.task, (_, own) -> {
                own.remove(name);
                return own.isEmpty() ? null : own;
            });
        }
    }
}

package io.behalf.authority;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.verifier.Revocations;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * What is stopped, as the verifier asks for every call: maps in memory, read without a lock. A stop stands here first,
 * before store and ledger have it: stopping early is safe, stopping late is not.
 */
final class LiveStops implements Revocations {
    private record Until(Reason reason, Instant at, Instant until) {}

    private final Map<TaskId, Until> tasks = new ConcurrentHashMap<>();
    private final Map<String, Until> tokens = new ConcurrentHashMap<>();
    /** By {@code jti} of a token that was made from another. */
    private final Map<String, MadeFrom> sources = new ConcurrentHashMap<>();
    /** By task and agent, as in {@link StopRow}. */
    private final Map<String, Until> agents = new ConcurrentHashMap<>();

    private final List<Consumer<Stop>> listeners = new CopyOnWriteArrayList<>();

    @Override
    public Optional<Reason> stopped(Delegation delegation) {
        return stopped(delegation.taskId(), delegation.jti(), delegation.actors(), delegation.issuedAt());
    }

    Optional<Reason> stopped(TaskId id, String jti, List<String> actors, Instant issuedAt) {
        Until task = tasks.get(id);
        if (task != null) {
            return Optional.of(task.reason());
        }
        Optional<Until> token = stoppedToken(jti);
        if (token.isPresent()) {
            return token.map(Until::reason);
        }
        // iat has whole seconds: a token of the very second of the stop falls with it
        return stoppedPart(id, actors, issuedAt);
    }

    /** Its own stop, or that of what it was made from. */
    private Optional<Until> stoppedToken(String jti) {
        if (tokens.isEmpty()) {
            return Optional.empty();
        }
        Until stop = tokens.get(jti);
        MadeFrom made = sources.get(jti);
        while (stop == null && made != null) { // a token is made from one that was there before, so this ends
            stop = tokens.get(made.source());
            made = sources.get(made.source());
        }
        return Optional.ofNullable(stop);
    }

    /** Whether one of these agents has lost its part in the task since then. */
    Optional<Reason> stoppedPart(TaskId id, List<String> actors, Instant since) {
        if (!agents.isEmpty()) {
            for (String actor : actors) {
                Until agent = agents.get(id + " " + actor);
                if (agent != null && !since.isAfter(agent.at())) {
                    return Optional.of(agent.reason());
                }
            }
        }
        return Optional.empty();
    }

    Optional<Reason> stoppedTask(TaskId id) {
        return Optional.ofNullable(tasks.get(id)).map(Until::reason);
    }

    /** Before anybody has the token. */
    void made(MadeFrom token) {
        sources.put(token.jti(), token);
    }

    void listen(Consumer<Stop> listener) {
        listeners.add(listener);
    }

    /**
     * Takes effect for every later call, then tells those that have something running.
     *
     * @return false when it was stopped already: nobody is told twice
     */
    boolean add(StopRow row) {
        if (!keep(row)) {
            return false;
        }
        Stop stop =
                switch (row.kind()) {
                    case TASK -> new Stop.OfTask(new TaskId(row.value()), row.reason());
                    case AGENT -> new Stop.OfAgent(new TaskId(row.task()), row.agent(), row.at(), row.reason());
                    case TOKEN -> new Stop.OfTokens(withThoseMadeFrom(row.value()), row.reason());
                };
        listeners.forEach(listener -> listener.accept(stop));
        return true;
    }

    private Set<String> withThoseMadeFrom(String jti) {
        Set<String> all = new HashSet<>(Set.of(jti));
        boolean more = true;
        while (more) {
            more = false;
            for (MadeFrom made : sources.values()) {
                more |= all.contains(made.source()) && all.add(made.jti());
            }
        }
        return all;
    }

    /** At start, before anybody listens. */
    boolean keep(StopRow row) {
        Until until = new Until(row.reason(), row.at(), row.until());
        return switch (row.kind()) {
            case TASK -> tasks.putIfAbsent(new TaskId(row.value()), until) == null;
            case AGENT -> {
                agents.put(row.value(), until);
                yield true;
            }
            case TOKEN -> tokens.putIfAbsent(row.value(), until) == null;
        };
    }

    void sweep(Instant now) {
        tasks.values().removeIf(stop -> !stop.until().isAfter(now));
        agents.values().removeIf(stop -> !stop.until().isAfter(now));
        tokens.values().removeIf(stop -> !stop.until().isAfter(now));
        sources.values().removeIf(made -> !made.until().isAfter(now));
    }
}

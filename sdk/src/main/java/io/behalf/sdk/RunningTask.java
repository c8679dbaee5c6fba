package io.behalf.sdk;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import java.net.http.HttpRequest;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * One task while an agent works on it: holds the delegation, renews it in time in the background, and attaches it to each
 * request. {@link #close} stops renewing and leaves the task as it is; {@link #end} ends it at the authority.
 * Thread-safe.
 */
public final class RunningTask implements AutoCloseable {
    /** How long before a token's end it is renewed: time for a few tries. A short-lived token's last third, at most. */
    public static final Duration RENEW_BEFORE = Duration.ofSeconds(60);

    /** Pause between tries when the authority does not answer. */
    static final Duration RETRY_AFTER = Duration.ofSeconds(5);

    private final AuthorityClient authority;
    private final TaskId task;
    private final Optional<String> audience;
    private final ScheduledExecutorService timer;
    private volatile State state;

    private sealed interface State {
        record Held(HeldDelegation delegation) implements State {}

        record Over(Attached.Over why) implements State {}
    }

    /** @param audience for which it is renewed; the one it was obtained for */
    public RunningTask(AuthorityClient authority, HeldDelegation first, Optional<String> audience) {
        this.authority = authority;
        this.task = first.task();
        this.audience = audience;
        this.state = new State.Held(first);
        this.timer = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "behalf-renewal-" + first.task());
            thread.setDaemon(true); // an agent that forgets to close must still be able to exit
            return thread;
        });
        schedule(first);
    }

    /** The delegation now held; empty once the task is over. */
    public Optional<HeldDelegation> delegation() {
        return state instanceof State.Held held ? Optional.of(held.delegation()) : Optional.empty();
    }

    /**
     * Headers for one request: {@code Authorization}, and the proof of the agent's key.
     *
     * @param method HTTP method, as it will be sent
     * @param url full address; query and fragment do not count
     */
    public Attached attach(String method, String url) {
        if (state instanceof State.Over over) {
            return over.why();
        }
        HeldDelegation held = ((State.Held) state).delegation();
        Instant now = authority.now();
        if (!now.isBefore(held.taskEnd())) {
            return new Attached.Over("task_expired", "The task's approved time is over.");
        }
        if (!now.isBefore(held.expires())) {
            return new Attached.Over(
                    "delegation_expired", "The delegation could not be renewed, because the authority did not answer.");
        }
        Map<String, String> headers = new LinkedHashMap<>();
        if (held.bound()) {
            headers.put("Authorization", "DPoP " + held.token());
            headers.put("DPoP", authority.proof(method, url, held.token()));
        } else {
            headers.put("Authorization", "Bearer " + held.token());
        }
        return new Attached.Headers(headers);
    }

    /** Sets the headers on a request that is complete but for them. */
    public Attached attach(HttpRequest.Builder request) {
        HttpRequest planned = request.copy().build();
        Attached attached = attach(planned.method(), planned.uri().toString());
        if (attached instanceof Attached.Headers headers) {
            headers.headers().forEach(request::setHeader);
        }
        return attached;
    }

    /** Hands part of the task to a sub-agent, which takes it with its own {@link AuthorityClient}. */
    public Answer<HandOver> handOver(String subAgent, BehalfTask part) {
        return delegation()
                .map(held -> authority.handOver(held, subAgent, part))
                .orElseGet(() -> new Answer.Denied<>("invalid_grant", "The task is over.", 400));
    }

    public TaskId task() {
        return task;
    }

    /** Renews now, whatever time is left. What it brings is what {@link #attach} uses from then on. */
    public synchronized Answer<HeldDelegation> renew() {
        Optional<String> renewal = delegation().flatMap(HeldDelegation::renewal);
        if (renewal.isEmpty()) {
            return new Answer.Denied<>("invalid_grant", "There is nothing to renew.", 400);
        }
        Answer<HeldDelegation> answer = authority.renew(renewal.get(), audience);
        if (answer instanceof Answer.Granted<HeldDelegation> granted) {
            state = new State.Held(granted.value());
        } else if (answer instanceof Answer.Denied<HeldDelegation> no && !no.passing()) {
            // the authority has stopped it, so what is held is refused as well
            over(new Attached.Over(no.error(), no.description()));
        }
        return answer;
    }

    /** Ends the task at the authority: nothing more can be done under it, by anybody. */
    public Answer<Boolean> end() {
        Optional<String> renewal = delegation().flatMap(HeldDelegation::renewal);
        close();
        over(new Attached.Over("task_ended", "The task was ended."));
        return renewal.map(authority::end).orElseGet(() -> new Answer.Granted<>(false));
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }

    private void over(Attached.Over why) {
        state = new State.Over(why);
    }

    private void renewAndSchedule() {
        Answer<HeldDelegation> answer = renew();
        if (answer instanceof Answer.Granted<HeldDelegation> granted) {
            schedule(granted.value());
        } else if (state instanceof State.Held) {
            later(RETRY_AFTER);
        }
    }

    private void schedule(HeldDelegation held) {
        if (held.renewal().isEmpty() || !held.expires().isBefore(held.taskEnd())) {
            return; // it reaches to the task's end already
        }
        later(Duration.between(authority.now(), held.expires()).minus(margin(held)));
    }

    /** Spread over half as much again, so that agents that were started together do not renew together. */
    private static Duration margin(HeldDelegation held) {
        long third = Duration.between(held.issued(), held.expires()).toMillis() / 3;
        long margin = Math.min(RENEW_BEFORE.toMillis(), third);
        return Duration.ofMillis(margin + ThreadLocalRandom.current().nextLong(margin / 2 + 1));
    }

    private void later(Duration wait) {
        try {
            var unused = timer.schedule(this::renewAndSchedule, Math.max(0, wait.toMillis()), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException closed) {
            // closed meanwhile: nothing to renew for
        }
    }
}

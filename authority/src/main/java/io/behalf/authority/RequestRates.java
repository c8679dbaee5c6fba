package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.OAuthError.Code;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A bucket of token requests for each agent: what is granted leaves permanent records, so an agent that may act could
 * fill the disk with them. Only who proved to be an agent has one, so there are not more than agents. Thread-safe.
 */
final class RequestRates {
    private final Duration refill;
    private final Duration refillOfAll;
    private final Clock clock;
    private final Map<String, Bucket> buckets = new ConcurrentHashMap<>();

    RequestRates(AuthorityConfig.Rate rate, Clock clock) {
        this.refill = Duration.ofSeconds(1).dividedBy(rate.perSecond());
        this.refillOfAll = refill.multipliedBy(rate.burst());
        this.clock = clock;
    }

    /** Takes one request. */
    Answer<Agent> take(Agent agent) {
        return bucket(agent).take() ? Answer.ok(agent) : slowDown();
    }

    /** Of a request that was not the agent's own after all. */
    void giveBack(Agent agent) {
        bucket(agent).giveBack();
    }

    private Bucket bucket(Agent agent) {
        return buckets.computeIfAbsent(agent.id(), id -> new Bucket());
    }

    private static Answer<Agent> slowDown() {
        return Answer.no(Code.SLOW_DOWN, "This agent asks more often than it may. Try again shortly.");
    }

    private final class Bucket {
        private Instant fullAgain = Instant.EPOCH;

        synchronized boolean take() {
            if (isSpent()) {
                return false;
            }
            fullAgain = fullAgain.plus(refill);
            return true;
        }

        synchronized void giveBack() {
            fullAgain = fullAgain.minus(refill);
        }

        /** Asks the clock under the lock, so that threads which come out of order do not fill it twice. */
        private boolean isSpent() {
            Instant now = clock.instant();
            Instant latest = now.plus(refillOfAll);
            if (fullAgain.isBefore(now)) {
                fullAgain = now;
            } else if (fullAgain.isAfter(latest)) {
                fullAgain = latest; // the clock was set back, and must not shut the agent out until it is there again
            }
            return fullAgain.plus(refill).isAfter(latest);
        }
    }
}

package io.behalf.authority;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Counts failed authentications by address, so that guessing is slow. Thread-safe. */
final class FailedTries {
    static final int MOST = 60;
    static final Duration WINDOW = Duration.ofMinutes(1);

    /** Addresses counted at once; beyond it the oldest window is given up rather than memory. */
    private static final int MAX_ADDRESSES = 10_000;

    private record Count(Instant since, int failures) {}

    private final Map<String, Count> counts = new ConcurrentHashMap<>();

    boolean tooMany(String address, Instant now) {
        Count count = counts.get(address);
        return count != null && fresh(count, now) && count.failures() >= MOST;
    }

    void add(String address, Instant now) {
        if (counts.size() >= MAX_ADDRESSES) {
            counts.values().removeIf(count -> !fresh(count, now));
            if (counts.size() >= MAX_ADDRESSES) {
                return;
            }
        }
        counts.merge(
                address,
                new Count(now, 1),
                (old, one) -> fresh(old, now) ? new Count(old.since(), old.failures() + 1) : one);
    }

    private static boolean fresh(Count count, Instant now) {
        return now.isBefore(count.since().plus(WINDOW));
    }
}

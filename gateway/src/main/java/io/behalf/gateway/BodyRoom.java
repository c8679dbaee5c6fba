package io.behalf.gateway;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How many bytes of bodies are held at once, by all who ask and by each of them. Each body has a bound of its own; as many
 * half-sent ones as there are connections would still be more than the heap. Thread-safe; a {@link Place} belongs to one
 * event loop.
 */
public final class BodyRoom {
    /**
     * Of the heap, for calls. A buffer that grows is up to twice as long as what is in it, and takes whole regions of the
     * heap if it is long: what is counted here may take four times as much there.
     */
    static final int PART_FOR_CALLS = 8;

    /** Of the heap, for what is kept of answers until it is whole. */
    static final int PART_FOR_ANSWERS = 8;

    /** Of the heap, for whatever else is asked of a server; a form is held once more while it is taken apart. */
    public static final int PART_FOR_PAGES = 16;

    /** So many must ask at once before one more is told to come back. */
    static final int SHARES = 2;

    /** What whoever found no room is told to wait. */
    public static final int RETRY_AFTER_SECONDS = 5;

    private final long total;
    private final long share;
    private final AtomicLong held = new AtomicLong();
    private final Map<String, Long> holders = new ConcurrentHashMap<>();

    /** @param share what one holder may have of the total */
    public BodyRoom(long total, long share) {
        if (share < 1 || share > total) {
            throw new IllegalArgumentException("a share is a part of the total");
        }
        this.total = total;
        this.share = share;
    }

    /**
     * One {@code part}th of what the heap may become, and at least so much that each share takes a largest body.
     *
     * @param largest body that is accepted
     */
    public static BodyRoom ofHeap(int part, long largest) {
        long share = Math.clamp(Runtime.getRuntime().maxMemory() / part / SHARES, 1, Long.MAX_VALUE / SHARES);
        share = Math.max(share, Math.min(largest, Integer.MAX_VALUE));
        return new BodyRoom(SHARES * share, share);
    }

    /** For one request. */
    public Place place(String holder) {
        return new Place(holder);
    }

    public long held() {
        return held.get();
    }

    /** What one request holds, until it is left. */
    public final class Place {
        private final String holder;
        private long bytes;
        private boolean left;

        private Place(String holder) {
            this.holder = holder;
        }

        /** Whether there is room for so many more; if not, nothing was taken. */
        public boolean take(long more) {
            if (left) {
                return false; // what comes late is kept nowhere, and nobody would give it back
            }
            if (held.addAndGet(more) > total) {
                held.addAndGet(-more);
                return false;
            }
            if (holders.merge(holder, more, Long::sum) > share) {
                giveBack(more);
                return false;
            }
            bytes += more;
            return true;
        }

        /** Whether there is room for so many instead of those it holds; if not, it holds those still. */
        public boolean hold(long now) {
            if (left) {
                return now == 0;
            }
            if (now > bytes) {
                return take(now - bytes);
            }
            if (now < bytes) {
                giveBack(bytes - now);
                bytes = now;
            }
            return true;
        }

        /** Gives everything back, once. */
        public void leave() {
            if (!left) {
                left = true;
                giveBack(bytes);
            }
        }

        private void giveBack(long less) {
            if (less > 0) {
                holders.computeIfPresent(holder, (_, had) -> had > less ? had - less : null);
                held.addAndGet(-less);
            }
        }
    }
}

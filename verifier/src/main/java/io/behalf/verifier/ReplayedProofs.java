package io.behalf.verifier;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Remembers for a window which proofs were seen, in memory that is bounded: two generations of 128-bit hashes that take
 * turns, so that nothing is ever removed one by one. A proof stays known for at least one window and at most two. When
 * the younger generation is full, nothing new can be told from a replay any more, and the answer says so.
 *
 * <p>Thread-safe: the table is cut into stripes, each under its own short lock; nothing waits for I/O in one.
 */
final class ReplayedProofs {
    enum Seen {
        FIRST_TIME,
        BEFORE,
        /** No room to remember it, so it must not be accepted. */
        FULL
    }

    private static final int STRIPES = 16;
    private static final int FIRST_SLOTS = 256;

    private final long windowSeconds;
    private final int mostPerStripe;
    private final int mostPerHolder;
    private volatile Shares shares = new Shares(Long.MIN_VALUE);
    private final byte[] salt = new byte[16];
    private final Stripe[] stripes = new Stripe[STRIPES];

    /**
     * @param most proofs remembered in one window, over all stripes
     * @param shares how many holders it takes to fill them: none can shut out the others alone
     */
    ReplayedProofs(Duration window, int most, int shares) {
        windowSeconds = window.toSeconds();
        mostPerHolder = Math.max(1, most / shares);
        mostPerStripe = Math.max(1, most / STRIPES);
        // unknown to callers, or they could choose values that all fall into one slot
        new SecureRandom().nextBytes(salt);
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new Stripe();
        }
    }

    /**
     * Remembers the proof of this key and {@code jti}, and says whether it was known.
     *
     * @param holder whose share it takes: somebody who has been authenticated, so that there are not many
     */
    Seen add(String holder, String thumbprint, String jti, Instant now) {
        AtomicInteger used = shares(now.getEpochSecond()).of(holder);
        if (used.get() >= mostPerHolder) {
            return Seen.FULL;
        }
        Seen seen = add(thumbprint, jti, now);
        if (seen == Seen.FIRST_TIME) {
            used.incrementAndGet();
        }
        return seen;
    }

    private Seen add(String thumbprint, String jti, Instant now) {
        ByteBuffer hash = ByteBuffer.wrap(hash(thumbprint, jti)).order(ByteOrder.LITTLE_ENDIAN);
        long high = hash.getLong();
        long low = hash.getLong() | 1; // never zero: that marks a free slot
        return stripes[(int) (high & (STRIPES - 1))].add(high, low, now.getEpochSecond());
    }

    private Shares shares(long now) {
        Shares present = shares;
        if (now < present.turnAt) {
            return present;
        }
        synchronized (stripes) {
            if (now >= shares.turnAt) {
                shares = new Shares(now + windowSeconds);
            }
            return shares;
        }
    }

    /** How many each holder has made in one window. */
    private static final class Shares {
        private final long turnAt;
        private final Map<String, AtomicInteger> used = new ConcurrentHashMap<>();

        Shares(long turnAt) {
            this.turnAt = turnAt;
        }

        AtomicInteger of(String holder) {
            AtomicInteger known = used.get(holder);
            return known != null ? known : used.computeIfAbsent(holder, name -> new AtomicInteger());
        }
    }

    private byte[] hash(String thumbprint, String jti) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            sha256.update(salt);
            sha256.update(thumbprint.getBytes(StandardCharsets.UTF_8)); // always 43 characters, so no separator
            sha256.update(jti.getBytes(StandardCharsets.UTF_8));
            return sha256.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private final class Stripe {
        private Table young = new Table();
        private Table old = new Table();
        private long turnAt = Long.MIN_VALUE;

        synchronized Seen add(long high, long low, long now) {
            if (now >= turnAt) {
                // idle for a whole window more, the young one is out of date as well
                old = turnAt != Long.MIN_VALUE && now < turnAt + windowSeconds ? young : new Table();
                young = new Table();
                turnAt = now + windowSeconds;
            }
            if (old.holds(high, low) || young.holds(high, low)) {
                return Seen.BEFORE;
            }
            if (young.size >= mostPerStripe) {
                return Seen.FULL;
            }
            young.add(high, low);
            return Seen.FIRST_TIME;
        }
    }

    /** Open addressing, linear probing, at most half full. */
    private static final class Table {
        private long[] slots = new long[FIRST_SLOTS * 2];
        private int size;

        boolean holds(long high, long low) {
            return slots[find(high, low) + 1] != 0;
        }

        void add(long high, long low) {
            if ((size + 1) * 4 > slots.length) {
                grow();
            }
            int at = find(high, low);
            slots[at] = high;
            slots[at + 1] = low;
            size++;
        }

        private int find(long high, long low) {
            int mask = slots.length - 1;
            int at = ((int) (high >>> 5) << 1) & mask;
            while (slots[at + 1] != 0 && (slots[at] != high || slots[at + 1] != low)) {
                at = (at + 2) & mask;
            }
            return at;
        }

        private void grow() {
            long[] before = slots;
            slots = new long[before.length * 2];
            for (int i = 0; i < before.length; i += 2) {
                if (before[i + 1] != 0) {
                    int at = find(before[i], before[i + 1]);
                    slots[at] = before[i];
                    slots[at + 1] = before[i + 1];
                }
            }
        }
    }
}

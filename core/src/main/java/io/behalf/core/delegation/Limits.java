package io.behalf.core.delegation;

import java.util.OptionalLong;

/**
 * Totals that one task may use, over all its agents; empty means not limited.
 *
 * @param calls calls forwarded
 * @param tokens model tokens, input and output together
 * @param spend millionths of a currency; where nothing counts what calls cost, nobody approves it and no call passes it
 */
public record Limits(OptionalLong calls, OptionalLong tokens, OptionalLong spend) {
    public static final Limits NONE = new Limits(OptionalLong.empty(), OptionalLong.empty(), OptionalLong.empty());

    public Limits {
        requirePositive(calls);
        requirePositive(tokens);
        requirePositive(spend);
    }

    public static Limits calls(long most) {
        return new Limits(OptionalLong.of(most), OptionalLong.empty(), OptionalLong.empty());
    }

    /** The lower of both, for each. */
    public Limits narrow(Limits other) {
        return new Limits(lower(calls, other.calls), lower(tokens, other.tokens), lower(spend, other.spend));
    }

    /** Whether {@code other} allows no more than this. */
    public boolean covers(Limits other) {
        return narrow(other).equals(other);
    }

    private static OptionalLong lower(OptionalLong a, OptionalLong b) {
        if (a.isEmpty()) {
            return b;
        }
        return b.isEmpty() || a.getAsLong() <= b.getAsLong() ? a : b;
    }

    private static void requirePositive(OptionalLong value) {
        if (value.isPresent() && (value.getAsLong() < 1 || value.getAsLong() > 1L << 53)) {
            throw new IllegalArgumentException("a limit is between 1 and 2^53");
        }
    }
}

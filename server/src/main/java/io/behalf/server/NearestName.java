package io.behalf.server;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** The known name that somebody who mistyped one most probably meant. */
final class NearestName {
    private NearestName() {}

    /** Empty when none is near: a far-fetched guess misleads more than none. */
    static Optional<String> of(String typed, Collection<String> known) {
        int farthest = Math.max(2, typed.length() / 3);
        return known.stream()
                .filter(name -> distance(typed, name) <= farthest)
                .min(Comparator.<String>comparingInt(name -> distance(typed, name))
                        .thenComparing(Comparator.naturalOrder()));
    }

    /** Levenshtein: insertions, removals and replacements that lead from one to the other. */
    private static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] row = new int[b.length() + 1];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(replaced, Math.min(previous[j], row[j - 1]) + 1);
            }
            previous = row;
        }
        return previous[b.length()];
    }
}

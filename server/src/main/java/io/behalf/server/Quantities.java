package io.behalf.server;

import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations and sizes as people write them in a configuration: a whole number and a unit. */
final class Quantities {
    private static final Pattern QUANTITY = Pattern.compile("(\\d{1,15}) ?([A-Za-z]+)");
    private static final Map<String, Duration> TIMES = Map.of(
            "ms", Duration.ofMillis(1),
            "s", Duration.ofSeconds(1),
            "m", Duration.ofMinutes(1),
            "h", Duration.ofHours(1),
            "d", Duration.ofDays(1));
    private static final Map<String, Long> SIZES = Map.of("B", 1L, "KiB", 1L << 10, "MiB", 1L << 20, "GiB", 1L << 30);

    private Quantities() {}

    /** @throws IllegalArgumentException saying what a duration looks like */
    static Duration duration(String text) {
        Matcher m = QUANTITY.matcher(text);
        Duration unit = m.matches() ? TIMES.get(m.group(2)) : null;
        if (unit == null) {
            throw new IllegalArgumentException("a duration is a whole number and one of ms, s, m, h, d, such as 30s");
        }
        try {
            return unit.multipliedBy(Long.parseLong(m.group(1)));
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("longer than any clock runs", e);
        }
    }

    /** @throws IllegalArgumentException saying what a size looks like */
    static long size(String text) {
        Matcher m = QUANTITY.matcher(text);
        Long unit = m.matches() ? SIZES.get(m.group(2)) : null;
        if (unit == null) {
            throw new IllegalArgumentException("a size is a whole number and one of B, KiB, MiB, GiB, such as 16MiB");
        }
        try {
            return Math.multiplyExact(unit, Long.parseLong(m.group(1)));
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("larger than any file", e);
        }
    }
}

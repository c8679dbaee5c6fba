package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.Trace;
import java.util.HexFormat;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** W3C trace context: kept where it is valid, begun anew where it is not. Correlates, proves nothing. */
record TraceContext(String traceId, String spanId, String flags) {
    /** {@code 00-<32 hex digits>-<16 hex digits>-<2 hex digits>}: W3C Trace Context §3.2.2. */
    private static final int LENGTH = 55;

    private static final HexFormat HEX = HexFormat.of();

    /** This hop's own span, in the trace that {@code traceparent} names. */
    static TraceContext at(@Nullable String traceparent, RandomGenerator random) {
        String span = HEX.toHexDigits(random.nextLong() | 1);
        if (traceparent != null && valid(traceparent)) {
            return new TraceContext(traceparent.substring(3, 35), span, traceparent.substring(53));
        }
        return new TraceContext(
                HEX.toHexDigits(random.nextLong()) + HEX.toHexDigits(random.nextLong() | 1), span, "00");
    }

    private static boolean valid(String text) {
        return text.length() == LENGTH
                && text.startsWith("00-")
                && hex(text, 3, 35, true)
                && text.charAt(35) == '-'
                && hex(text, 36, 52, true)
                && text.charAt(52) == '-'
                && hex(text, 53, 55, false);
    }

    private static boolean hex(String text, int from, int to, boolean notOnlyZeros) {
        boolean zeros = true;
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
                return false;
            }
            zeros &= c == '0';
        }
        return !(zeros && notOnlyZeros);
    }

    String header() {
        return "00-" + traceId + "-" + spanId + "-" + flags;
    }

    Trace record() {
        return new Trace(traceId, spanId);
    }
}

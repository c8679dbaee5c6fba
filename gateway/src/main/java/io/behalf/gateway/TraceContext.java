package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.Trace;
import java.util.HexFormat;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** W3C trace context: kept where it is valid, begun anew where it is not. Correlates, proves nothing. */
record TraceContext(String traceId, String spanId, String flags) {
    private static final Pattern TRACEPARENT =
            Pattern.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})");
    private static final HexFormat HEX = HexFormat.of();

    /** This hop's own span, in the trace that {@code traceparent} names. */
    static TraceContext at(@Nullable String traceparent, RandomGenerator random) {
        String span = HEX.toHexDigits(random.nextLong() | 1);
        if (traceparent != null) {
            Matcher valid = TRACEPARENT.matcher(traceparent);
            if (valid.matches()) {
                return new TraceContext(valid.group(1), span, valid.group(2));
            }
        }
        return new TraceContext(
                HEX.toHexDigits(random.nextLong()) + HEX.toHexDigits(random.nextLong() | 1), span, "00");
    }

    String header() {
        return "00-" + traceId + "-" + spanId + "-" + flags;
    }

    Trace record() {
        return new Trace(traceId, spanId);
    }
}

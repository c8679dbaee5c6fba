package io.behalf.gateway.llm;

import io.behalf.core.json.Json;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Tally;
import java.util.Map;

/**
 * What one reply of Anthropic's used, as it is told again and again. Each figure is a total that only grows; one that an
 * event leaves out stays. Input that was read from the cache, or written to it, is told beside {@code input_tokens} and not
 * in it.
 */
final class AnthropicUsage {
    private long fresh;
    private long written;
    private long read;
    private long output;
    /** All rounds of the reply together: compaction and other models are told of there alone. */
    private long roundsInput;

    private long roundsOutput;

    Tally told(Map<?, ?> holder) {
        Map<?, ?> usage = Fields.object(holder, "usage");
        if (usage.isEmpty()) {
            return Tally.NONE;
        }
        fresh = Math.max(fresh, count(usage, "input_tokens"));
        written = Math.max(written, count(usage, "cache_creation_input_tokens"));
        read = Math.max(read, count(usage, "cache_read_input_tokens"));
        output = Math.max(output, count(usage, "output_tokens"));
        rounds(usage);
        return Tally.used(Math.max(fresh + written + read, roundsInput), Math.max(output, roundsOutput));
    }

    private void rounds(Map<?, ?> usage) {
        long in = 0;
        long out = 0;
        for (Object each : Fields.list(usage, "iterations")) {
            if (each instanceof Map<?, ?> round) {
                in = bounded(in
                        + count(round, "input_tokens")
                        + count(round, "cache_creation_input_tokens")
                        + count(round, "cache_read_input_tokens"));
                out = bounded(out + count(round, "output_tokens"));
            }
        }
        roundsInput = Math.max(roundsInput, in);
        roundsOutput = Math.max(roundsOutput, out);
    }

    private static long count(Map<?, ?> usage, String name) {
        return bounded(Fields.number(usage, name, 0));
    }

    /** An upstream may claim anything; sums of a few of these do not overflow. */
    private static long bounded(long claimed) {
        return Math.clamp(claimed, 0, Json.MAX_EXACT);
    }
}

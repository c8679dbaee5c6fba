package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Usage;
import io.behalf.core.record.RecordEncoder;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a codec saw in an answer.
 *
 * @param usage as last told; providers repeat it with growing totals
 * @param asked methods that a server asked back of the client
 * @param items things that a list held, -1 where there was none
 */
public record Tally(@Nullable Usage usage, List<Planned> planned, List<String> asked, long items) {
    /** Tool calls that one reply may plan: more than a model makes, and few enough to be kept until their record. */
    public static final int MAX_PLANNED = 8_192;

    /** Methods that a server may ask back within one answer; each is kept once. */
    public static final int MAX_ASKED = 1_024;

    public static final Tally NONE = new Tally(null, List.of(), List.of(), -1);

    public static Tally used(long inputTokens, long outputTokens) {
        return new Tally(new Usage(inputTokens, outputTokens), List.of(), List.of(), -1);
    }

    public static Tally planned(List<Planned> calls) {
        return calls.isEmpty() ? NONE : new Tally(null, List.copyOf(calls), List.of(), -1);
    }

    public static Tally asked(String method) {
        return new Tally(null, List.of(), List.of(RecordEncoder.bounded(method)), -1);
    }

    public static Tally items(long count) {
        return new Tally(null, List.of(), List.of(), count);
    }

    public Tally plus(Tally later) {
        if (later.equals(NONE)) {
            return this;
        }
        if (equals(NONE)) {
            return later;
        }
        return new Tally(
                later.usage == null ? usage : later.usage,
                joined(planned, later.planned),
                joined(asked, later.asked),
                later.items < 0 ? items : later.items);
    }

    private static <T> List<T> joined(List<T> a, List<T> b) {
        if (a.isEmpty() || b.isEmpty()) {
            return a.isEmpty() ? b : a;
        }
        List<T> both = new ArrayList<>(a);
        both.addAll(b);
        return List.copyOf(both);
    }

    /**
     * A tool call that a model's reply planned, its id and name as they would stand in a record: a reply may make them long.
     *
     * @param arguments as an RFC 8785 form, or as sent where they are no JSON; empty where they are longer than is kept
     * @param byProvider whether the provider calls the tool itself, so that no call of the agent's carries it out
     */
    public record Planned(String id, String name, Optional<Buffer> arguments, boolean byProvider) {
        public Planned {
            id = RecordEncoder.bounded(id);
            name = RecordEncoder.bounded(name);
        }

        ToolCall recorded(Optional<String> argumentsMac) {
            return byProvider ? ToolCall.byProvider(id, name, argumentsMac) : ToolCall.byAgent(id, name, argumentsMac);
        }
    }
}

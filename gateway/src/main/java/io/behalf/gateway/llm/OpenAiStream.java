package io.behalf.gateway.llm;

import io.behalf.core.record.RecordEncoder;
import io.behalf.gateway.Arguments;
import io.behalf.gateway.EventStream.Frame;
import io.behalf.gateway.Fields;
import io.behalf.gateway.StreamReading;
import io.behalf.gateway.Tally;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A streamed chat completion. {@code [DONE]} ends it; servers that do not send it end it by a {@code finish_reason} or
 * an error.
 */
final class OpenAiStream extends StreamReading {
    /** Characters of the arguments of all calls that are put together; a call whose own exceed them is not linked. */
    private static final int MAX_ARGUMENTS = 8 << 20;

    private static final byte[] TOOL_CALLS = "\"tool_calls\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] USAGE = "\"usage\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FINISH = "\"finish_reason\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] ERROR = "\"error\"".getBytes(StandardCharsets.US_ASCII);

    /** By choice and index: the order in which the reply counts them. */
    private final Map<Long, Call> building = new TreeMap<>();

    /** Calls whose place another one has taken. */
    private final List<Tally.Planned> whole = new ArrayList<>(0);

    private int collected;

    private static final class Call {
        String id = "";
        String name = "";
        final StringBuilder arguments = new StringBuilder();

        Tally.Planned planned() {
            return new Tally.Planned(id, name, Arguments.canonical(arguments.toString()));
        }
    }

    @Override
    protected Seen event(Frame frame) {
        byte[] bytes = frame.bytes();
        if (frame.data().equals("[DONE]")) {
            return Seen.last(planned());
        }
        if (!contains(bytes, TOOL_CALLS)
                && !contains(bytes, USAGE)
                && !contains(bytes, FINISH)
                && !contains(bytes, ERROR)) {
            return Seen.NOTHING; // most events are a few characters of text
        }
        Map<?, ?> chunk = Fields.objectOrNothing(frame.data().getBytes(StandardCharsets.UTF_8));
        boolean finished = chunk.containsKey("error");
        for (Object choice : Fields.list(chunk, "choices")) {
            if (choice instanceof Map<?, ?> one) {
                collect(one);
                finished |= one.get("finish_reason") instanceof String;
            }
        }
        // a client may carry the calls out as soon as it reads that they are whole, before [DONE]
        Tally seen = OpenAiCodec.usage(chunk).plus(finished ? planned() : Tally.NONE);
        return finished ? Seen.mayEnd(seen) : Seen.pass(seen);
    }

    private void collect(Map<?, ?> choice) {
        for (Object delta : Fields.list(Fields.object(choice, "delta"), "tool_calls")) {
            if (delta instanceof Map<?, ?> part) {
                long place = (Fields.number(choice, "index", 0) << 32) + Fields.number(part, "index", 0);
                Optional<String> id = Fields.string(part, "id")
                        .filter(given -> !given.isEmpty())
                        .map(RecordEncoder::bounded);
                Call before = building.get(place);
                if (before != null && id.isPresent() && !before.id.isEmpty() && !before.id.equals(id.get())) {
                    whole.add(before.planned()); // another call in its place: there are providers that count none
                    building.remove(place);
                }
                if (!building.containsKey(place)) {
                    oneMore(building.size() + whole.size());
                }
                Call call = building.computeIfAbsent(place, _ -> new Call());
                Map<?, ?> function = Fields.object(part, part.containsKey("custom") ? "custom" : "function");
                id.ifPresent(given -> call.id = given);
                Fields.string(function, "name").ifPresent(name -> call.name = RecordEncoder.bounded(name));
                Fields.string(function, "arguments")
                        .or(() -> Fields.string(function, "input"))
                        .filter(more -> collected + more.length() <= MAX_ARGUMENTS)
                        .ifPresent(more -> {
                            call.arguments.append(more);
                            collected += more.length();
                        });
            }
        }
    }

    /** The calls put together since the last time. */
    private Tally planned() {
        building.values().forEach(call -> whole.add(call.planned()));
        Tally planned = Tally.planned(whole);
        building.clear();
        whole.clear();
        collected = 0;
        return planned;
    }
}

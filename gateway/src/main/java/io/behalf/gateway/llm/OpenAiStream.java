package io.behalf.gateway.llm;

import io.behalf.core.record.RecordEncoder;
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
    private static final byte[] TOOL_CALLS = "\"tool_calls\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] USAGE = "\"usage\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] FINISH = "\"finish_reason\"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] ERROR = "\"error\"".getBytes(StandardCharsets.US_ASCII);

    /** By choice and index: the order in which the reply counts them. */
    private final Map<Long, Call> building = new TreeMap<>();

    private final ArgumentRoom room = new ArgumentRoom();

    private final class Call {
        String id = "";
        String name = "";
        boolean byProvider;
        final ArgumentRoom.Text arguments = room.new Text();

        Tally.Planned planned() {
            return new Tally.Planned(id, name, arguments.whole(), byProvider);
        }
    }

    @Override
    protected Seen event(Frame frame) {
        byte[] bytes = frame.bytes();
        if (frame.data().equals("[DONE]")) {
            return Seen.last(Tally.planned(planned()));
        }
        if (!contains(bytes, TOOL_CALLS)
                && !contains(bytes, USAGE)
                && !contains(bytes, FINISH)
                && !contains(bytes, ERROR)) {
            return Seen.NOTHING; // most events are a few characters of text
        }
        Map<?, ?> chunk = Fields.objectOrNothing(frame.data().getBytes(StandardCharsets.UTF_8));
        boolean finished = chunk.containsKey("error");
        List<Tally.Planned> whole = new ArrayList<>(0);
        for (Object choice : Fields.list(chunk, "choices")) {
            if (choice instanceof Map<?, ?> one) {
                whole.addAll(collected(one));
                finished |= one.get("finish_reason") instanceof String;
            }
        }
        // a client may carry the calls out as soon as it reads that they are whole, before [DONE]
        if (finished) {
            whole.addAll(planned());
        }
        Tally seen = OpenAiCodec.usage(chunk).plus(Tally.planned(whole));
        return finished ? Seen.mayEnd(seen) : Seen.pass(seen);
    }

    /** @return calls whose place another one has taken: there are providers that count none */
    private List<Tally.Planned> collected(Map<?, ?> choice) {
        List<Tally.Planned> whole = new ArrayList<>(0);
        for (Object delta : Fields.list(Fields.object(choice, "delta"), "tool_calls")) {
            if (delta instanceof Map<?, ?> part) {
                long place = (Fields.number(choice, "index", 0) << 32) + Fields.number(part, "index", 0);
                Optional<String> id = Fields.string(part, "id")
                        .filter(given -> !given.isEmpty())
                        .map(RecordEncoder::bounded);
                Call before = building.get(place);
                if (before != null && id.isPresent() && !before.id.isEmpty() && !before.id.equals(id.get())) {
                    whole.add(before.planned());
                    building.remove(place);
                }
                if (!building.containsKey(place)) {
                    oneMore(building.size() + whole.size());
                }
                Call call = building.computeIfAbsent(place, _ -> new Call());
                Map<?, ?> function = Fields.object(part, part.containsKey("custom") ? "custom" : "function");
                id.ifPresent(given -> call.id = given);
                call.byProvider |= OpenAiCodec.byProvider(part);
                Fields.string(function, "name").ifPresent(name -> call.name = RecordEncoder.bounded(name));
                Fields.string(function, "arguments")
                        .or(() -> Fields.string(function, "input"))
                        .ifPresent(call.arguments::add);
            }
        }
        return whole;
    }

    /** The calls put together since the last time. */
    private List<Tally.Planned> planned() {
        List<Tally.Planned> whole =
                building.values().stream().map(Call::planned).toList();
        building.clear();
        return whole;
    }
}

package io.behalf.gateway.llm;

import io.behalf.core.record.RecordEncoder;
import io.behalf.gateway.EventStream.Frame;
import io.behalf.gateway.Fields;
import io.behalf.gateway.StreamReading;
import io.behalf.gateway.Tally;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A streamed message: {@code message_start}, content blocks, {@code message_delta}, {@code message_stop}. */
final class AnthropicStream extends StreamReading {
    private static final byte[] TEXT = "\"text_delta\"".getBytes(StandardCharsets.US_ASCII);

    /** A tool may be called {@code text_delta}, and have such arguments. */
    private static final byte[] CALL = "tool_use\"".getBytes(StandardCharsets.US_ASCII);

    private final Map<Long, Block> building = new TreeMap<>();
    private final AnthropicUsage usage = new AnthropicUsage();
    private final ArgumentRoom room = new ArgumentRoom();

    private record Block(String id, String name, boolean byProvider, ArgumentRoom.Text input) {}

    @Override
    protected Seen event(Frame frame) {
        if (contains(frame.bytes(), TEXT) && !contains(frame.bytes(), CALL)) {
            return Seen.NOTHING; // most events are a few characters of text
        }
        Map<?, ?> data = Fields.objectOrNothing(frame.data().getBytes(StandardCharsets.UTF_8));
        return switch (Fields.string(data, "type").orElse(frame.name())) {
            case "message_start" -> Seen.pass(usage.told(Fields.object(data, "message")));
            case "content_block_start" -> blockStarted(data);
            case "content_block_delta" -> blockGrew(data);
            case "content_block_stop" -> blockEnded(data);
            case "message_delta" -> Seen.pass(usage.told(data));
            case "message_stop" -> Seen.last(planned(building.values())); // blocks that nobody stopped
            case "error" -> Seen.mayEnd(Tally.NONE);
            case String _ -> Seen.NOTHING;
        };
    }

    private Seen blockStarted(Map<?, ?> data) {
        Map<?, ?> block = Fields.object(data, "content_block");
        if (AnthropicCodec.callsATool(block)) {
            oneMore(building.size());
            Block begun = new Block(
                    RecordEncoder.bounded(Fields.string(block, "id").orElse("")),
                    RecordEncoder.bounded(AnthropicCodec.toolName(block)),
                    AnthropicCodec.byProvider(block),
                    room.new Text());
            Block before = building.put(Fields.number(data, "index", 0), begun);
            return before == null ? Seen.NOTHING : Seen.pass(planned(List.of(before)));
        }
        return Seen.NOTHING;
    }

    private Seen blockGrew(Map<?, ?> data) {
        Block block = building.get(Fields.number(data, "index", 0));
        if (block != null) {
            Fields.string(Fields.object(data, "delta"), "partial_json").ifPresent(block.input::add);
        }
        return Seen.NOTHING;
    }

    private Seen blockEnded(Map<?, ?> data) {
        Block block = building.remove(Fields.number(data, "index", 0));
        if (block == null) {
            return Seen.NOTHING;
        }
        return Seen.pass(planned(List.of(block)));
    }

    private Tally planned(Collection<Block> whole) {
        return Tally.planned(whole.stream()
                .map(block -> new Tally.Planned(block.id, block.name, block.input.whole(), block.byProvider))
                .toList());
    }
}

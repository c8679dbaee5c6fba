package io.behalf.gateway.mcp;

import io.behalf.gateway.Codec.Reading;
import io.behalf.gateway.EventStream;
import io.behalf.gateway.EventStream.Frame;
import io.behalf.gateway.Fields;
import io.behalf.gateway.Piece;
import io.behalf.gateway.StreamReading;
import io.behalf.gateway.Tally;
import io.vertx.core.buffer.Buffer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A stream of JSON-RPC messages, of a POST or a GET. Each answer in it ends a call, this request's own or another of the
 * session; what a server says or asks by itself passes.
 */
final class McpStream implements Reading {
    private final EventStream stream = new EventStream();
    private final McpCodec codec;
    private final String session;

    McpStream(McpCodec codec, String session) {
        this.codec = codec;
        this.session = session;
    }

    @Override
    public List<Piece> next(Buffer chunk) {
        List<Piece> pieces = new ArrayList<>();
        Buffer passing = Buffer.buffer();
        Tally seen = Tally.NONE;
        for (Frame frame : StreamReading.frames(stream, chunk)) {
            String data = frame.event() ? frame.data() : "";
            Map<?, ?> message = Fields.objectOrNothing(data.getBytes(StandardCharsets.UTF_8));
            if (message.get("method") instanceof String method) {
                seen = seen.plus(message.containsKey("id") ? Tally.asked(method) : Tally.NONE);
                passing.appendBytes(frame.bytes());
            } else if (message.containsKey("id")) {
                if (passing.length() > 0) {
                    pieces.add(new Piece.Pass(passing, seen));
                    passing = Buffer.buffer();
                    seen = Tally.NONE;
                }
                pieces.add(answer(frame, message));
            } else if (data.isEmpty()) {
                passing.appendBytes(frame.bytes());
            }
            // what is none of these, such as an array of several, would carry an answer past its record
        }
        if (passing.length() > 0) {
            pieces.add(new Piece.Pass(passing, seen));
        }
        return pieces;
    }

    private Piece answer(Frame frame, Map<?, ?> message) {
        return new Piece.Last(
                Optional.of(McpCodec.key(session, message.get("id"))),
                Buffer.buffer(frame.bytes()),
                Tally.NONE,
                codec.listing(message).map(tools -> new EventList(frame, tools)));
    }

    @Override
    public long held() {
        return stream.held();
    }

    @Override
    public List<Piece> end() {
        return List.of();
    }

    /** A filtered list in an event that keeps its name and its id. */
    private record EventList(Frame frame, ToolList tools) implements Piece.Listing {
        @Override
        public Piece.Kept keep(Predicate<Piece.Item> visible) {
            Piece.Kept kept = tools.keep(visible);
            ByteArrayOutputStream event = new ByteArrayOutputStream();
            if (!frame.name().isEmpty()) {
                event.writeBytes(("event: " + frame.name() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            if (!frame.id().isEmpty()) {
                event.writeBytes(("id: " + frame.id() + "\n").getBytes(StandardCharsets.UTF_8));
            }
            event.writeBytes("data: ".getBytes(StandardCharsets.UTF_8));
            event.writeBytes(kept.answer().getBytes());
            event.writeBytes("\n\n".getBytes(StandardCharsets.UTF_8));
            return new Piece.Kept(Buffer.buffer(event.toByteArray()), kept.items());
        }
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.gateway.EventStream.Frame;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EventStreamTest {
    private static final String SAMPLE = """
            : keep-alive

            event: a
            id: 1
            data: {"text":"größer 😀"}

            data: one
            data: two

            : ping
            data:no space

            data

            event: only a name

            """;

    @Test
    void cutsWholeEventsAndComments() throws Exception {
        List<Frame> frames = new EventStream().next(bytes(SAMPLE));

        assertThat(frames).extracting(Frame::event).containsExactly(false, false, true, true, false, true, true, true);
        Frame first = frames.get(2);
        assertThat(first.name()).isEqualTo("a");
        assertThat(first.id()).isEqualTo("1");
        assertThat(first.data()).isEqualTo("{\"text\":\"größer 😀\"}");
        assertThat(frames.get(3).data()).isEqualTo("one\ntwo");
        assertThat(frames.get(5).data()).isEqualTo("no space");
        assertThat(frames.get(6).data()).isEmpty();
        assertThat(frames.get(7).name()).isEqualTo("only a name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "\r\n"})
    void cutsTheSameWhateverTheChunks(String newline) throws Exception {
        byte[] stream = bytes(SAMPLE.replace("\n", newline));
        List<String> whole = texts(new EventStream().next(stream));
        for (int seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            EventStream cutter = new EventStream();
            List<String> pieces = new ArrayList<>();
            for (int at = 0; at < stream.length; ) {
                int end = Math.min(stream.length, at + 1 + random.nextInt(12));
                pieces.addAll(texts(cutter.next(Arrays.copyOfRange(stream, at, end))));
                at = end;
            }
            assertThat(pieces).as("seed " + seed).isEqualTo(whole);
            assertThat(cutter.rest()).isEmpty();
        }
    }

    @Test
    void losesNoByteOfAnyStream() throws Exception {
        byte[] alphabet = bytes("\r\n:ad \u00e9e");
        for (int seed = 0; seed < 2_000; seed++) {
            Random random = new Random(seed);
            byte[] stream = new byte[random.nextInt(60)];
            for (int i = 0; i < stream.length; i++) {
                stream[i] = alphabet[random.nextInt(alphabet.length)];
            }
            EventStream cutter = new EventStream();
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            for (byte b : stream) {
                for (Frame frame : cutter.next(new byte[] {b})) {
                    out.writeBytes(frame.bytes());
                }
            }
            out.writeBytes(cutter.rest());
            assertThat(out.toByteArray()).as("seed " + seed).isEqualTo(stream);
        }
    }

    @Test
    void readsAnEventBehindAByteOrderMark() throws Exception {
        List<Frame> frames = new EventStream().next(bytes("\ufeffdata: x\n\n"));
        assertThat(frames).singleElement().satisfies(frame -> assertThat(frame.data())
                .isEqualTo("x"));
    }

    @Test
    void refusesALineWithoutEnd() {
        EventStream stream = new EventStream();
        byte[] chunk = bytes("x".repeat(1 << 20));
        assertThatThrownBy(() -> {
                    for (int i = 0; i <= EventStream.MAX_EVENT_BYTES / chunk.length; i++) {
                        stream.next(chunk);
                    }
                })
                .isInstanceOf(EventStream.TooLong.class);
    }

    private static List<String> texts(List<Frame> frames) {
        return frames.stream()
                .map(frame -> new String(frame.bytes(), StandardCharsets.ISO_8859_1))
                .toList();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

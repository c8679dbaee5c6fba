package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RecordScanTest {
    private static final String FRAME = "{\"id\":\"rec_1\",\"kind\":\"check\",\"more\":%s,\"v\":1}";

    private final RecordScan scan = new RecordScan();

    @Test
    void findsWhatTheLedgerLooksAt() {
        var records = new Records(3);
        AuditRecord.Intent intent = records.intent(records.task());
        byte[] bytes = encode(intent, 7);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNull();

        assertThat(scan.facts()).isEqualTo(RecordFacts.of(intent));
        assertThat(scan.task()).isEqualTo(intent.header().task().orElseThrow().value());
        assertThat(scan.taskSeq()).isEqualTo(7);
        assertThat(scan.prev()).isEqualTo("07".repeat(32));
        assertThat(scan.trace()).isEqualTo(intent.header().trace().orElseThrow().traceId());
        assertThat(scan.jti()).isEqualTo("dlg_01JNBBBBBBBBBBBBBBBBBBBBBB");
        assertThat(scan.toolCall()).isEqualTo(intent.call().toolCallId().orElseThrow());
        assertThat(scan.subject()).isEqualTo("sbj_01JNAAAAAAAAAAAAAAAAAAAAAA");
        assertThat(scan.actors()).containsExactly("agent-reports");
    }

    @Test
    void findsTheToolCallsThatAnAnswerPlannedAndWhatAnOutcomeCloses() {
        var records = new Records(4);
        AuditRecord.Outcome outcome = records.outcome(records.intent(records.task()));
        byte[] bytes = encode(outcome, 2);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNull();

        assertThat(scan.plannedToolCalls())
                .containsExactly(outcome.outcome().toolCalls().getFirst().id());
        assertThat(scan.facts()).isEqualTo(RecordFacts.of(outcome));
    }

    @Test
    void knowsTheEndOfATask() {
        var records = new Records(5);
        AuditRecord.Lifecycle ended = records.lifecycle(records.task(), Event.ENDED);
        byte[] bytes = encode(ended, 2);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNull();
        assertThat(scan.facts().ends()).isTrue();
    }

    @Test
    void forgetsTheRecordBefore() {
        var records = new Records(6);
        byte[] first = encode(records.outcome(records.intent(records.task())), 2);
        byte[] second = encode(records.unattributedIntent(), 0);
        scan.scan(first, 0, first.length);
        scan.scan(second, 0, second.length);

        assertThat(scan.task()).isNull();
        assertThat(scan.facts().of()).isNull();
        assertThat(scan.plannedToolCalls()).isEmpty();
    }

    @Test
    void acceptsExactlyWhatTheCanonicalFormIs() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        int accepted = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = mutated(Json.canonical(document(random)), random);
            boolean canonical = isCanonical(bytes);
            assertThat(scan.scan(bytes, 0, bytes.length) == null)
                    .as("seed %d: %s", seed, new String(bytes, StandardCharsets.UTF_8))
                    .isEqualTo(canonical);
            accepted += canonical ? 1 : 0;
        }
        assertThat(accepted).isBetween(1_000, 19_000);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"\\u0041\"",
                "\"\\/\"",
                "\"\\u000A\"",
                "\"\\u000a\"",
                "\"\\u001F\"",
                "\"\u0007\"",
                "\"",
                "1.0",
                "1e2",
                "01",
                "-0",
                "+1",
                "9007199254740993",
                "nul",
                "[1, 2]",
                "[1,]",
                "[",
                "{\"b\":1,\"a\":2}",
                "{\"a\":1,\"a\":2}",
                "{\"a\"}",
                "{\"a\" :1}",
                "{1:2}",
            })
    void refusesWhatIsNotCanonical(String value) {
        byte[] bytes = String.format(FRAME, value).getBytes(StandardCharsets.UTF_8);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"\\u001f\\b\\t\\n\\f\\r\\\"\\\\/\"",
                "\"\u007f\u0080\u07ff\u0800\uffff\ud83d\ude00\"",
                "9007199254740992",
                "-1",
                "0",
                "[]",
                "{}",
                "[[],{\"\":null,\"\ud83d\ude00\":true,\"\ufb33\":false}]",
            })
    void acceptsWhatIs(String value) {
        byte[] bytes = String.format(FRAME, value).getBytes(StandardCharsets.UTF_8);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNull();
        assertThat(isCanonical(bytes)).isTrue();
    }

    @Test
    void refusesBytesThatAreNotUtf8() {
        byte[] text = String.format(FRAME, "\"\u00e9\u20ac\ud83d\ude00\"").getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < text.length; i++) {
            if (text[i] < 0) {
                byte[] broken = text.clone();
                broken[i] = (byte) 0xff;
                assertThat(scan.scan(broken, 0, broken.length)).isNotNull();
            }
        }
    }

    @Test
    void refusesNestingWithoutEnd() {
        String deep = "[".repeat(100) + "]".repeat(100);
        byte[] bytes = String.format(FRAME, deep).getBytes(StandardCharsets.UTF_8);

        assertThat(scan.scan(bytes, 0, bytes.length)).isNotNull();
    }

    private static byte[] encode(AuditRecord record, long seq) {
        var writer = new CanonicalWriter();
        byte[] prev = new byte[32];
        Arrays.fill(prev, (byte) 7);
        RecordEncoder.encode(record, seq, prev, writer);
        return writer.toByteArray();
    }

    /** What the scan must agree with: read it all, write it again, compare. */
    private static boolean isCanonical(byte[] bytes) {
        try {
            Map<String, @Nullable Object> read = Json.readObject(bytes);
            return Arrays.equals(Json.canonical(read), bytes)
                    && read.get("id") instanceof String id
                    && !id.isEmpty()
                    && read.get("kind") instanceof String kind
                    && !kind.isEmpty()
                    && Long.valueOf(1).equals(read.get("v"));
        } catch (Json.Malformed | IllegalArgumentException e) {
            return false;
        }
    }

    private static Map<String, @Nullable Object> document(Random random) {
        var document = new LinkedHashMap<String, @Nullable Object>();
        document.put("id", "rec_" + random.nextInt(9));
        document.put("kind", "check");
        document.put("v", 1L);
        for (int i = random.nextInt(4); i > 0; i--) {
            document.put(text(random), value(random, 3));
        }
        document.put("id", "rec_" + random.nextInt(9));
        document.put("kind", "check");
        document.put("v", 1L);
        return document;
    }

    private static @Nullable Object value(Random random, int depth) {
        return switch (random.nextInt(depth > 0 ? 7 : 5)) {
            case 0 -> text(random);
            case 1 -> random.nextLong() >> (12 + random.nextInt(48));
            case 2 -> true;
            case 3 -> false;
            case 4 -> null;
            case 5 -> List.of(text(random), random.nextInt(100), List.of(text(random)));
            default -> {
                var object = new LinkedHashMap<String, @Nullable Object>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    object.put(text(random), value(random, depth - 1));
                }
                yield object;
            }
        };
    }

    private static String text(Random random) {
        int[] interesting = {'"', '\\', '/', '\b', '\n', 0x1f, 0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0x1f600, 'a', 'B', '0'
        };
        var text = new StringBuilder();
        for (int i = random.nextInt(5); i > 0; i--) {
            text.appendCodePoint(interesting[random.nextInt(interesting.length)]);
        }
        return text.toString();
    }

    /** Half of the documents stay as they are. */
    private static byte[] mutated(byte[] bytes, Random random) {
        if (random.nextBoolean()) {
            return bytes;
        }
        byte[] changed = bytes.clone();
        int at = random.nextInt(changed.length);
        switch (random.nextInt(4)) {
            case 0 -> changed[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> changed[at] = (byte) " \",:{}[]\\u0a1-e.".charAt(random.nextInt(16));
            case 2 -> changed = Arrays.copyOf(changed, at);
            default -> {
                changed = Arrays.copyOf(changed, changed.length + 1);
                System.arraycopy(bytes, at, changed, at + 1, bytes.length - at);
                changed[at] = (byte) " 0,\"".charAt(random.nextInt(4));
            }
        }
        return changed;
    }
}

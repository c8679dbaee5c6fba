package io.behalf.core.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.core.record.AuditRecord.Usage;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.erdtman.jcs.JsonCanonicalizer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

final class RecordEncoderTest {
    private static final int ROUNDS = 20_000;
    private static final String ID = "rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77";
    private static final String MAC = "00".repeat(32);

    private final long seed = new Random().nextLong();

    @Test
    void writesTheCanonicalFormThatAnIndependentImplementationWrites() throws Exception {
        SomeRecords some = new SomeRecords(seed, 40, 5);
        for (int i = 0; i < ROUNDS / 4; i++) {
            byte[] bytes = encode(some.next(), some.taskSeq(), some.prev());

            assertThat(bytes).as("seed %d", seed).isEqualTo(new JsonCanonicalizer(bytes).getEncodedUTF8());
        }
    }

    @Test
    void readsBackWhatItWrote() throws Exception {
        SomeRecords some = new SomeRecords(seed, 20, 5);
        for (int i = 0; i < ROUNDS; i++) {
            AuditRecord record = some.next();
            long seq = some.taskSeq();
            byte[] prev = some.prev();
            boolean chained = record.header().task().isPresent() && !(record instanceof AuditRecord.Downstream);

            StoredRecord read = RecordDecoder.decode(encode(record, seq, prev));

            assertThat(read)
                    .as("seed %d", seed)
                    .isEqualTo(new StoredRecord(
                            record,
                            chained ? seq : 0,
                            chained && prev != null ? Optional.of(HexFormat.of().formatHex(prev)) : Optional.empty()));
        }
    }

    @Test
    void whatIsReadIsWrittenAsTheSameBytesAgain() throws Exception {
        SomeRecords some = new SomeRecords(seed, 300, 5);
        for (int i = 0; i < ROUNDS / 10; i++) {
            byte[] bytes = encode(some.next(), 7, null);
            StoredRecord read = RecordDecoder.decode(bytes);

            assertThat(encode(read.record(), read.taskSeq() == 0 ? 7 : read.taskSeq(), null))
                    .as("seed %d", seed)
                    .isEqualTo(bytes);
        }
    }

    @Test
    void staysWithinAnEntrysBoundWhateverComesFromOutside() {
        SomeRecords some = new SomeRecords(seed, 2_000, 400);
        for (int i = 0; i < ROUNDS / 100; i++) {
            AuditRecord record = some.next();
            if (!(record instanceof AuditRecord.Lifecycle)) { // its data are its writers', and refused beyond a bound
                assertThat(encode(record, some.taskSeq(), some.prev()))
                        .as("seed %d", seed)
                        .hasSizeLessThanOrEqualTo(RecordEncoder.MAX_RECORD_BYTES);
            }
        }
    }

    @Test
    void fiveThousandHostileToolCallsFitAndAreCounted() throws Exception {
        ToolCall worst =
                new ToolCall("\u0001".repeat(42), "\u0002".repeat(42), Optional.of(MAC)); // 252 bytes each when escaped
        AuditRecord record = outcome(Collections.nCopies(5_000, worst), "\u0003".repeat(42));

        byte[] bytes = encode(record, 1, null);

        assertThat(bytes).hasSizeLessThanOrEqualTo(RecordEncoder.MAX_RECORD_BYTES);
        Map<String, @Nullable Object> outcome = object(Json.readObject(bytes).get("outcome"));
        assertThat((List<?>) outcome.get("tool_calls")).hasSize(RecordEncoder.MAX_TOOL_CALLS);
        assertThat(object(outcome.get("tool_calls_omitted")))
                .containsEntry("count", 5_000L - RecordEncoder.MAX_TOOL_CALLS)
                .containsKey("sha256");
    }

    @Test
    void digestOfWhatWasLeftOutDependsOnAllOfIt() throws Exception {
        List<ToolCall> many = Collections.nCopies(100, new ToolCall("a", "b", Optional.of(MAC)));
        List<ToolCall> other = new ArrayList<>(many);
        other.set(99, new ToolCall("a", "c", Optional.of(MAC)));

        assertThat(omitted(many)).isNotEqualTo(omitted(other));
    }

    @Test
    void keepsGiantAndIllFormedStringsAsDigestAndLength() {
        String giant = "x".repeat(10_000_000);

        assertThat(RecordEncoder.bounded(giant)).matches("sha256:[0-9a-f]{64}:10000000");
        assertThat(RecordEncoder.bounded("a\ud800")).startsWith("sha256:");
        assertThat(RecordEncoder.bounded("\udc00\ud800")).startsWith("sha256:");
        assertThat(RecordEncoder.bounded("x".repeat(256))).isEqualTo("x".repeat(256));
        assertThat(RecordEncoder.bounded("x".repeat(257))).startsWith("sha256:");
        assertThat(RecordEncoder.bounded("\u0001".repeat(42))).isEqualTo("\u0001".repeat(42));
        assertThat(RecordEncoder.bounded("\u0001".repeat(43))).startsWith("sha256:");
        assertThat(RecordEncoder.bounded("😀".repeat(64))).isEqualTo("😀".repeat(64));
        assertThat(RecordEncoder.bounded("😀".repeat(65))).startsWith("sha256:");
        encode(intent(giant, "\ud800", List.of(giant, "\udfff")), 1, null);
    }

    @Test
    void writesTimesAsTheFormatterDoes() {
        DateTimeFormatter formatter =
                DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'").withZone(ZoneOffset.UTC);
        Random random = new Random(seed);
        long first = Instant.parse("-0002-01-01T00:00:00Z").getEpochSecond();
        long end = Instant.parse("+10002-01-01T00:00:00Z").getEpochSecond();
        for (int i = 0; i < ROUNDS; i++) {
            Instant instant = Instant.ofEpochSecond(random.nextLong(first, end), random.nextInt(1_000_000_000));
            assertThat(RecordEncoder.time(instant)).as("seed %d", seed).isEqualTo(formatter.format(instant));
        }
        for (String edge : List.of(
                "0000-01-01T00:00:00Z",
                "1969-12-31T23:59:59.999999999Z",
                "1970-01-01T00:00:00Z",
                "2028-02-29T23:59:59.001Z",
                "9999-12-31T23:59:59.999Z",
                "+10000-01-01T00:00:00Z")) {
            assertThat(RecordEncoder.time(Instant.parse(edge))).isEqualTo(formatter.format(Instant.parse(edge)));
        }
    }

    @Test
    void keepsCountsThatAnUpstreamMadeUpWithinWhatJsonCanHold() {
        assertThat(new Usage(Long.MAX_VALUE, -5)).isEqualTo(new Usage(Json.MAX_EXACT, 0));
    }

    @Test
    void refusesLifecycleDataBeyondItsBound() {
        Map<String, @Nullable Object> data = new HashMap<>();
        data.put("text", "x".repeat(RecordEncoder.MAX_DATA_BYTES));

        assertThatThrownBy(() -> encode(
                        new AuditRecord.Lifecycle(header(), AuditRecord.Event.POLICY, "operator", data), 1, null))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void signedFormLeavesOutWhatTheLedgersNodeSets() throws Exception {
        AuditRecord.Downstream record = new SomeRecords(seed, 20, 3).downstream();

        Map<String, @Nullable Object> signed = Json.readObject(RecordEncoder.signedForm(record));
        Map<String, @Nullable Object> whole = Json.readObject(encode(record, 0, null));

        assertThat(signed).doesNotContainKeys("id", "time", "node");
        assertThat(object(signed.get("downstream"))).doesNotContainKey("sig").containsKeys("seq", "kid", "service");
        whole.keySet().removeAll(List.of("id", "time", "node", "downstream"));
        assertThat(signed).containsAllEntriesOf(whole);
    }

    @Test
    void refusesRecordsThatItWouldNotWrite() throws Exception {
        byte[] good = encode(intent("search", "m", List.of()), 1, null);
        for (String member : List.of("id", "time", "node", "kind", "v", "call", "decision")) {
            Map<String, @Nullable Object> less = Json.readObject(good);
            less.remove(member);
            assertMalformed(less);
            less.put(member, List.of());
            assertMalformed(less);
        }
        Map<String, @Nullable Object> future = Json.readObject(good);
        future.put("v", 2L);
        assertMalformed(future);
        Map<String, @Nullable Object> kind = Json.readObject(good);
        kind.put("kind", "note");
        assertMalformed(kind);
        assertThatThrownBy(() -> RecordDecoder.decode("{}".getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(Json.Malformed.class);
    }

    @Test
    void refusesForeignRecordsWithIdsThatAreNone() {
        assertThatThrownBy(() -> new AuditRecord.Downstream(
                        header(), Optional.of("rec_1"), Optional.empty(), Optional.empty(), signed(1)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> signed(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesTracesThatAreNone() {
        String trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        String span = "00f067aa0ba902b7";
        assertThat(new Trace(trace, span).spanId()).isEqualTo(span);
        for (String no :
                List.of("", "4BF92F3577B34DA6A3CE929D0E0E4736", trace + "0", trace.substring(1), "g".repeat(32))) {
            assertThatThrownBy(() -> new Trace(no, span)).isInstanceOf(IllegalArgumentException.class);
        }
        for (String no :
                List.of("", span + "0", span.substring(1), "00F067AA0BA902B7", "/".repeat(16), ":".repeat(16))) {
            assertThatThrownBy(() -> new Trace(trace, no)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static ServiceSigned signed(long seq) {
        return new ServiceSigned("tickets", seq, Optional.empty(), "k", "s", "j");
    }

    private static void assertMalformed(Map<String, @Nullable Object> record) {
        assertThatThrownBy(() -> RecordDecoder.decode(Json.canonical(record))).isInstanceOf(Json.Malformed.class);
    }

    private static Object omitted(List<ToolCall> calls) throws Exception {
        Map<String, @Nullable Object> outcome =
                object(Json.readObject(encode(outcome(calls, "m"), 1, null)).get("outcome"));
        return object(outcome.get("tool_calls_omitted"));
    }

    private static AuditRecord intent(String action, String model, List<String> resources) {
        return new AuditRecord.Intent(
                header(),
                new Call(
                        Surface.LLM,
                        "openai",
                        action,
                        resources,
                        Optional.of(model),
                        Optional.empty(),
                        Optional.of(model),
                        Optional.empty(),
                        Optional.empty(),
                        1),
                new Decided(true, true, Optional.empty(), List.of("within-scope"), MAC, Mode.ENFORCE),
                Optional.empty());
    }

    private static AuditRecord outcome(List<ToolCall> calls, String asked) {
        return new AuditRecord.Outcome(
                header(),
                ID,
                new Ended(
                        Sent.YES,
                        200,
                        End.COMPLETE,
                        Optional.empty(),
                        Optional.of(MAC),
                        MAC,
                        1,
                        1,
                        1,
                        Optional.of(new Usage(1, 1)),
                        calls,
                        Collections.nCopies(1_000, asked),
                        Optional.empty()));
    }

    private static Header header() {
        return new Header(
                ID,
                Instant.parse("2026-11-24T09:00:00.123Z"),
                "node-1",
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    private static byte[] encode(AuditRecord record, long seq, byte @Nullable [] prev) {
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(record, seq, prev, out);
        return out.toByteArray();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, @Nullable Object> object(@Nullable Object value) {
        if (value instanceof Map<?, ?> map) {
            return (Map<String, @Nullable Object>) map;
        }
        throw new AssertionError("no object: " + value);
    }
}

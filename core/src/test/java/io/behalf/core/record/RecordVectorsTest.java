package io.behalf.core.record;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.erdtman.jcs.JsonCanonicalizer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Runs {@code vectors/records.json} as a verifier in any language would, and keeps it as it is made here. */
final class RecordVectorsTest {
    private static final Path FILE = Path.of("..", "vectors", "records.json");
    private static final int RECORDS = 28;

    private static final List<String> MALFORMED = List.of(
            "{}",
            "[]",
            "{\"v\":2}",
            "{\"id\":\"rec_1\",\"kind\":\"unknown\",\"node\":\"n\",\"of\":\"rec_1\",\"time\":\"2026-11-24T09:00:00.000Z\",\"v\":1}",
            "{\"id\":\"rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77\",\"kind\":\"note\",\"node\":\"n\",\"time\":\"2026-11-24T09:00:00.000Z\",\"v\":1}",
            "{\"id\":\"rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77\",\"kind\":\"intent\",\"node\":\"n\",\"time\":\"2026-11-24T09:00:00.000Z\",\"v\":1}",
            "{\"id\":\"rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77\",\"kind\":\"unknown\",\"node\":\"n\",\"of\":\"rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77\",\"time\":\"yesterday\",\"v\":1}");

    /** With {@code -Dbehalf.vectors=write} it writes the file instead of comparing it. */
    @Test
    void fileIsWhatTheGeneratorMakes() throws Exception {
        StringBuilder out = new StringBuilder("{\n\"records\":[\n");
        SomeRecords some = new SomeRecords(20_261_124, 24, 3);
        for (int i = 0; i < RECORDS; i++) {
            AuditRecord record = some.next();
            byte[] bytes = encode(record, some.taskSeq(), some.prev());
            Map<String, @Nullable Object> vector = new LinkedHashMap<>();
            vector.put("kind", record.kind());
            vector.put("text", new String(bytes, StandardCharsets.UTF_8));
            vector.put("leaf_sha256", leaf(bytes));
            if (record instanceof AuditRecord.Downstream downstream) {
                vector.put("signed_form", new String(RecordEncoder.signedForm(downstream), StandardCharsets.UTF_8));
            }
            out.append(i == 0 ? "" : ",\n").append(new String(Json.canonical(vector), StandardCharsets.UTF_8));
        }
        out.append("\n],\n\"malformed\":[\n");
        for (int i = 0; i < MALFORMED.size(); i++) {
            out.append(i == 0 ? "" : ",\n")
                    .append(new String(Json.canonical(MALFORMED.get(i)), StandardCharsets.UTF_8));
        }
        String text = out.append("\n]\n}\n").toString();
        if ("write".equals(System.getProperty("behalf.vectors"))) {
            Files.writeString(FILE, text);
        }

        assertThat(FILE).content().isEqualTo(text);
    }

    @Test
    void recordsAreCanonicalAndHashAsTheFileSays() throws Exception {
        List<String> kinds = new ArrayList<>();
        for (Object item : (List<?>) Objects.requireNonNull(file().get("records"))) {
            Map<?, ?> vector = (Map<?, ?>) item;
            byte[] bytes = utf8(vector.get("text"));

            assertThat(new JsonCanonicalizer(bytes).getEncodedUTF8()).isEqualTo(bytes);
            assertThat(leaf(bytes)).isEqualTo(vector.get("leaf_sha256"));
            AuditRecord record = RecordDecoder.decode(bytes).record();
            assertThat(record.kind()).isEqualTo(vector.get("kind"));
            if (record instanceof AuditRecord.Downstream downstream) {
                assertThat(RecordEncoder.signedForm(downstream)).isEqualTo(utf8(vector.get("signed_form")));
            }
            kinds.add(record.kind());
        }
        assertThat(kinds).contains("intent", "outcome", "check", "refusal", "unknown", "downstream", "lifecycle");
    }

    @Test
    void refusesWhatIsNoRecord() throws Exception {
        for (Object text : (List<?>) Objects.requireNonNull(file().get("malformed"))) {
            assertThatThrownBy(() -> RecordDecoder.decode(utf8(text)))
                    .as("%s", text)
                    .isInstanceOf(Json.Malformed.class);
        }
    }

    private static Map<String, @Nullable Object> file() throws Exception {
        return Json.readObject(Files.readAllBytes(FILE));
    }

    private static byte[] encode(AuditRecord record, long seq, byte @Nullable [] prev) {
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(record, seq, prev, out);
        return out.toByteArray();
    }

    private static String leaf(byte[] bytes) throws Exception {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        sha256.update((byte) 0);
        return HexFormat.of().formatHex(sha256.digest(bytes));
    }

    private static byte[] utf8(@Nullable Object text) {
        return ((String) Objects.requireNonNull(text)).getBytes(StandardCharsets.UTF_8);
    }
}

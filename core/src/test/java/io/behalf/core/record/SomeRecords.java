package io.behalf.core.record;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.core.record.AuditRecord.Plan;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.core.record.AuditRecord.Usage;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Records of all kinds with every field now present and now absent, from a seed. */
final class SomeRecords {
    private static final int KINDS = 7;

    private final Random random;
    private final int longest;
    private final int most;

    /**
     * @param longest string, in characters
     * @param most items of a list
     */
    SomeRecords(long seed, int longest, int most) {
        this.random = new Random(seed);
        this.longest = longest;
        this.most = most;
    }

    AuditRecord next() {
        return switch (random.nextInt(KINDS)) {
            case 0 -> new AuditRecord.Intent(header(), call(), decided(), maybe(this::plannedBy));
            case 1 -> new AuditRecord.Outcome(header(), id("rec"), ended());
            case 2 -> new AuditRecord.Check(header(), call(), decided());
            case 3 -> new AuditRecord.Refused(header(), call(), decided());
            case 4 -> new AuditRecord.Unknown(header(), id("rec"));
            case 5 -> downstream();
            default -> new AuditRecord.Lifecycle(header(), oneOf(Event.values()), text(), data());
        };
    }

    AuditRecord.Downstream downstream() {
        return new AuditRecord.Downstream(
                header(),
                maybe(() -> id("rec")),
                maybe(this::call),
                maybe(this::decided),
                new ServiceSigned(text(), 1 + random.nextInt(1_000_000), maybe(this::hex), text(), text(), id("dlg")));
    }

    long taskSeq() {
        return 1L + random.nextInt(1_000_000);
    }

    byte @Nullable [] prev() {
        byte[] hash = new byte[32];
        random.nextBytes(hash);
        return random.nextBoolean() ? hash : null;
    }

    private Header header() {
        return new Header(
                id("rec"),
                Instant.ofEpochMilli(random.nextLong(0, 4_102_444_800_000L)),
                text(),
                maybe(() -> new TaskId(id("tsk"))),
                maybe(this::basis),
                texts(Math.min(most, RecordEncoder.MAX_ACTORS)),
                maybe(this::held),
                maybe(() -> new Trace(hex().substring(0, 32), hex().substring(0, 16))),
                random.nextInt(5) == 0);
    }

    private Basis basis() {
        return switch (random.nextInt(3)) {
            case 0 -> new Basis.Person(id("sbj"));
            case 1 -> new Basis.Nobody(text(), text());
            default -> new Basis.Unattributed(text(), maybe(this::hex));
        };
    }

    private Held held() {
        return new Held(
                id("dlg"),
                id("apr"),
                "interactive",
                Instant.ofEpochSecond(random.nextInt()),
                hex(),
                random.nextBoolean());
    }

    private Call call() {
        return new Call(
                oneOf(Surface.values()),
                text(),
                text(),
                texts(most),
                maybe(this::text),
                maybe(this::text),
                maybe(this::text),
                maybe(() -> id("rec")),
                maybe(this::hex),
                random.nextInt(4) == 0 ? -1 : random.nextInt(1 << 20));
    }

    private Decided decided() {
        return new Decided(
                random.nextBoolean(),
                random.nextBoolean(),
                maybe(this::text),
                texts(most),
                hex(),
                oneOf(Mode.values()));
    }

    private PlannedBy plannedBy() {
        return new PlannedBy(id("rec"), oneOf(PlannedBy.Match.values()));
    }

    private Ended ended() {
        List<ToolCall> calls = new ArrayList<>();
        for (int i = random.nextInt(most + 1); i > 0; i--) {
            calls.add(new ToolCall(text(), text(), maybe(this::hex)));
        }
        return new Ended(
                oneOf(Sent.values()),
                random.nextBoolean() ? 200 + random.nextInt(400) : -1,
                oneOf(End.values()),
                maybe(this::text),
                maybe(this::hex),
                hex(),
                random.nextLong(Json.MAX_EXACT),
                random.nextInt(100_000),
                random.nextBoolean() ? random.nextInt(100) : -1,
                maybe(() -> new Usage(random.nextLong(), random.nextInt(10_000))),
                calls,
                texts(most),
                maybe(() -> new Plan(random.nextInt(10), random.nextInt(10))));
    }

    private Map<String, @Nullable Object> data() {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            data.put(text(), List.of((long) random.nextInt(), random.nextBoolean(), hex()));
        }
        return data;
    }

    private String id(String prefix) {
        return Ids.next(prefix, Instant.ofEpochMilli(random.nextLong(1L << 40)), random);
    }

    private String hex() {
        byte[] bytes = new byte[32];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private List<String> texts(int count) {
        List<String> texts = new ArrayList<>();
        for (int i = random.nextInt(count + 1); i > 0; i--) {
            texts.add(text());
        }
        return texts;
    }

    private String text() {
        StringBuilder out = new StringBuilder("t");
        for (int i = random.nextInt(longest); i > 0; i--) {
            int point =
                    switch (random.nextInt(12)) {
                        case 0 -> random.nextInt(0x20);
                        case 1 -> '"';
                        case 2 -> 0x80 + random.nextInt(0xd800 - 0x80);
                        case 3 -> 0x10000 + random.nextInt(0x10000);
                        default -> 'a' + random.nextInt(26);
                    };
            out.appendCodePoint(point);
        }
        return out.toString();
    }

    private <T> Optional<T> maybe(Supplier<T> value) {
        return random.nextBoolean() ? Optional.of(value.get()) : Optional.empty();
    }

    private <T> T oneOf(T[] values) {
        return values[random.nextInt(values.length)];
    }
}

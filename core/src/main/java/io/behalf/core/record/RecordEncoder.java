package io.behalf.core.record;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Header;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Writes a record's bytes: RFC 8785 JSON, members in canonical order by hand, because this runs for every record on the
 * ledger's one writer thread; a test holds it against an independent canonicalizer. Every string and array has a bound:
 * a longer string is replaced by its digest and length, a longer array keeps its head and says how many more there were
 * and their digest, so that one hostile answer cannot make a record that the ledger must refuse.
 */
public final class RecordEncoder {
    /** The record format's version: the field {@code v}. */
    public static final int VERSION = 1;

    /** An entry's bound in C2SP tlog-tiles, whose bundles have a two-byte length. */
    public static final int MAX_RECORD_BYTES = 65_535;

    /** Bytes of a string in its JSON form, without the quotes: control characters take six, and they come from outside. */
    public static final int MAX_STRING = 256;

    public static final int MAX_ACTORS = 8;
    public static final int MAX_RESOURCES = 16;
    public static final int MAX_RULES = 32;
    public static final int MAX_TOOL_CALLS = 64;
    public static final int MAX_ASKED = 32;

    /** Bound of a lifecycle record's data, which its writers keep far below. */
    public static final int MAX_DATA_BYTES = 32_768;

    /** For years of other than four digits, which no clock shows. */
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern(
                    "uuuu-MM-dd'T'HH:mm:ss.SSS'Z'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    /** Of each constant of a record's enums, once it has been written: some five of them stand in every record. */
    private static final Map<Enum<?>, String> WORDS = new ConcurrentHashMap<>();

    private RecordEncoder() {}

    /**
     * Appends the record's bytes to {@code out}, which holds nothing else.
     *
     * @param taskSeq place in the task's chain, from 1; ignored for a record without a task or of kind downstream
     * @param prev leaf hash of the task's previous record, null at 1
     */
    public static void encode(AuditRecord r, long taskSeq, byte @Nullable [] prev, CanonicalWriter out) {
        Header h = r.header();
        boolean chained = h.task().isPresent() && !(r instanceof AuditRecord.Downstream);
        out.beginObject();
        if (!h.actors().isEmpty()) {
            strings(out, "actors", h.actors(), MAX_ACTORS);
        }
        call(r).ifPresent(c -> call(out, c));
        decision(r).ifPresent(d -> decision(out, d));
        h.delegation().ifPresent(d -> held(out, d));
        if (r instanceof AuditRecord.Downstream d) {
            downstream(out, d.downstream());
        }
        out.key("id").string(h.id());
        out.key("kind").string(r.kind());
        if (h.late()) {
            out.key("late").bool(true);
        }
        if (r instanceof AuditRecord.Lifecycle l) {
            lifecycle(out, l);
        }
        text(out, "node", h.node());
        of(r).ifPresent(of -> out.key("of").string(of));
        h.basis().ifPresent(b -> basis(out, b));
        if (r instanceof AuditRecord.Outcome o) {
            outcome(out, o.outcome());
        }
        if (r instanceof AuditRecord.Intent i && i.plannedBy().isPresent()) {
            AuditRecord.PlannedBy plan = i.plannedBy().get();
            out.key("planned_by").beginObject();
            out.key("match").string(lower(plan.match()));
            out.key("record").string(plan.record());
            out.endObject();
        }
        if (chained) {
            out.key("prev");
            if (prev == null) {
                out.nullValue();
            } else {
                out.hex(prev);
            }
        }
        h.task().ifPresent(t -> out.key("task_id").string(t.value()));
        if (chained) {
            out.key("task_seq").number(taskSeq);
        }
        out.key("time").string(time(h.time()));
        h.trace().ifPresent(t -> {
            out.key("trace").beginObject();
            out.key("span_id").string(t.spanId());
            out.key("trace_id").string(t.traceId());
            out.endObject();
        });
        out.key("v").number(VERSION);
        out.endObject();
    }

    /**
     * What a service signs: the RFC 8785 form without id, time, node and sig, which the ledger's node sets or which
     * would sign itself.
     */
    public static byte[] signedForm(AuditRecord.Downstream r) {
        CanonicalWriter out = new CanonicalWriter();
        encode(r, 0, null, out);
        try {
            Map<String, @Nullable Object> object = Json.readObject(out.toByteArray());
            object.keySet().removeAll(List.of("id", "time", "node"));
            if (object.get("downstream") instanceof Map<?, ?> signed) {
                signed.remove("sig");
            }
            return Json.canonical(object);
        } catch (Json.Malformed e) {
            throw new IllegalStateException("own encoding must parse", e);
        }
    }

    /** RFC 3339 in UTC with milliseconds. */
    public static String time(Instant instant) {
        LocalDateTime t = LocalDateTime.ofEpochSecond(instant.getEpochSecond(), instant.getNano(), ZoneOffset.UTC);
        if (t.getYear() < 0 || t.getYear() > 9_999) {
            return TIME.format(instant);
        }
        // by hand: two of these stand in every record, and a formatter takes longer for them than all else together
        byte[] text = new byte[24];
        digits(text, 0, 4, t.getYear());
        text[4] = '-';
        digits(text, 5, 2, t.getMonthValue());
        text[7] = '-';
        digits(text, 8, 2, t.getDayOfMonth());
        text[10] = 'T';
        digits(text, 11, 2, t.getHour());
        text[13] = ':';
        digits(text, 14, 2, t.getMinute());
        text[16] = ':';
        digits(text, 17, 2, t.getSecond());
        text[19] = '.';
        digits(text, 20, 3, t.getNano() / 1_000_000);
        text[23] = 'Z';
        return new String(text, StandardCharsets.ISO_8859_1);
    }

    private static void digits(byte[] text, int at, int count, int value) {
        int rest = value;
        for (int i = at + count - 1; i >= at; i--) {
            text[i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
    }

    private static Optional<Call> call(AuditRecord r) {
        if (r instanceof AuditRecord.Intent i) {
            return Optional.of(i.call());
        } else if (r instanceof AuditRecord.Check c) {
            return Optional.of(c.call());
        } else if (r instanceof AuditRecord.Refused no) {
            return Optional.of(no.call());
        } else if (r instanceof AuditRecord.Downstream d) {
            return d.call();
        }
        return Optional.empty();
    }

    private static Optional<Decided> decision(AuditRecord r) {
        if (r instanceof AuditRecord.Intent i) {
            return Optional.of(i.decision());
        } else if (r instanceof AuditRecord.Check c) {
            return Optional.of(c.decision());
        } else if (r instanceof AuditRecord.Refused no) {
            return Optional.of(no.decision());
        } else if (r instanceof AuditRecord.Downstream d) {
            return d.decision();
        }
        return Optional.empty();
    }

    private static Optional<String> of(AuditRecord r) {
        if (r instanceof AuditRecord.Outcome o) {
            return Optional.of(o.of());
        } else if (r instanceof AuditRecord.Unknown u) {
            return Optional.of(u.of());
        } else if (r instanceof AuditRecord.Downstream d) {
            return d.of();
        }
        return Optional.empty();
    }

    private static void call(CanonicalWriter out, Call c) {
        out.key("call").beginObject();
        text(out, "action", c.action());
        if (c.bytes() >= 0) {
            out.key("bytes").number(c.bytes());
        }
        c.continues().ifPresent(id -> text(out, "continues", id));
        c.model().ifPresent(m -> text(out, "model", m));
        c.requestMac().ifPresent(mac -> text(out, "request_mac", mac));
        if (!c.resources().isEmpty()) {
            strings(out, "resources", c.resources(), MAX_RESOURCES);
        }
        text(out, "service", c.service());
        out.key("surface").string(lower(c.surface()));
        c.tool().ifPresent(t -> text(out, "tool", t));
        c.toolCallId().ifPresent(id -> text(out, "tool_call_id", id));
        out.endObject();
    }

    private static void decision(CanonicalWriter out, Decided d) {
        out.key("decision").beginObject();
        out.key("effect").string(d.permit() ? "permit" : "refuse");
        out.key("enforced").bool(d.enforced());
        out.key("mode").string(lower(d.mode()));
        text(out, "policy_sha256", d.policySha256());
        d.reason().ifPresent(reason -> text(out, "reason", reason));
        strings(out, "rules", d.rules(), MAX_RULES);
        out.endObject();
    }

    private static void held(CanonicalWriter out, AuditRecord.Held d) {
        out.key("delegation").beginObject();
        text(out, "approval_id", d.approvalId());
        text(out, "approval_kind", d.approvalKind());
        out.key("bound").bool(d.bound());
        out.key("expires").string(time(d.expires()));
        text(out, "jti", d.jti());
        text(out, "token_sha256", d.tokenSha256());
        out.endObject();
    }

    private static void downstream(CanonicalWriter out, AuditRecord.ServiceSigned d) {
        out.key("downstream").beginObject();
        text(out, "kid", d.kid());
        out.key("prev");
        if (d.prev().isPresent()) {
            bounded(out, d.prev().get());
        } else {
            out.nullValue();
        }
        text(out, "seen_jti", d.seenJti());
        out.key("seq").number(d.seq());
        text(out, "service", d.service());
        text(out, "sig", d.sig());
        out.endObject();
    }

    private static void lifecycle(CanonicalWriter out, AuditRecord.Lifecycle l) {
        out.key("lifecycle").beginObject();
        text(out, "by", l.by());
        int before = out.length();
        out.key("data");
        Json.write(out, l.data());
        if (out.length() - before > MAX_DATA_BYTES) {
            throw new IllegalArgumentException("lifecycle data larger than " + MAX_DATA_BYTES);
        }
        out.key("event").string(lower(l.event()));
        out.endObject();
    }

    private static void basis(CanonicalWriter out, Basis basis) {
        out.key("on_behalf_of").beginObject();
        if (basis instanceof Basis.Person p) {
            out.key("kind").string("subject");
            out.key("subject").string(p.subject());
        } else if (basis instanceof Basis.Nobody n) {
            text(out, "category", n.category());
            out.key("kind").string("none");
            text(out, "reason_code", n.reasonCode());
        } else if (basis instanceof Basis.Unattributed u) {
            u.claimed().ifPresent(mac -> text(out, "claimed", mac));
            text(out, "credential", u.credential());
            out.key("kind").string("unattributed");
        }
        out.endObject();
    }

    private static void outcome(CanonicalWriter out, Ended o) {
        out.key("outcome").beginObject();
        if (!o.asked().isEmpty()) {
            strings(out, "asked", o.asked(), MAX_ASKED);
        }
        out.key("bytes").number(o.bytes());
        out.key("end").string(lower(o.end()));
        if (o.items() >= 0) {
            out.key("items").number(o.items());
        }
        out.key("millis").number(o.millis());
        o.plan().ifPresent(p -> {
            out.key("plan").beginObject();
            out.key("checked").number(p.checked());
            out.key("outside").number(p.outside());
            out.endObject();
        });
        o.reason().ifPresent(reason -> text(out, "reason", reason));
        o.requestMac().ifPresent(mac -> text(out, "request_mac", mac));
        text(out, "response_mac", o.responseMac());
        out.key("sent").string(lower(o.sent()));
        if (o.status() >= 0) {
            out.key("status").number(o.status());
        }
        if (!o.toolCalls().isEmpty()) {
            array(out, "tool_calls", o.toolCalls(), MAX_TOOL_CALLS, RecordEncoder::toolCall);
        }
        o.usage().ifPresent(u -> {
            out.key("usage").beginObject();
            out.key("input_tokens").number(u.inputTokens());
            out.key("output_tokens").number(u.outputTokens());
            out.endObject();
        });
        out.endObject();
    }

    private static void toolCall(CanonicalWriter out, AuditRecord.ToolCall t) {
        out.beginObject();
        t.argumentsMac().ifPresent(mac -> text(out, "arguments_mac", mac));
        text(out, "id", t.id());
        text(out, "name", t.name());
        out.endObject();
    }

    private static void strings(CanonicalWriter out, String key, List<String> values, int max) {
        array(out, key, values, max, RecordEncoder::bounded);
    }

    /** What exceeds {@code max} stands as {@code <key>_omitted}: how many, and the digest of all, in canonical form. */
    private static <T> void array(
            CanonicalWriter out, String key, List<T> values, int max, BiConsumer<CanonicalWriter, T> write) {
        out.key(key).beginArray();
        for (T value : values.subList(0, Math.min(max, values.size()))) {
            write.accept(out, value);
        }
        out.endArray();
        if (values.size() > max) {
            CanonicalWriter all = new CanonicalWriter();
            all.beginArray();
            values.forEach(value -> write.accept(all, value));
            all.endArray();
            out.key(key + "_omitted").beginObject();
            out.key("count").number(values.size() - max);
            out.key("sha256").string(sha256(all.toByteArray()));
            out.endObject();
        }
    }

    private static void text(CanonicalWriter out, String key, String value) {
        bounded(out.key(key), value);
    }

    private static void bounded(CanonicalWriter out, String value) {
        if (!out.stringWithin(value, MAX_STRING)) {
            out.string(digestAndLength(value));
        }
    }

    /**
     * How a string stands in a record: itself, or its digest and length where it is too long or has no UTF-8 form.
     * Whoever looks for a string in records looks for this.
     */
    public static String bounded(String value) {
        return new CanonicalWriter().stringWithin(value, MAX_STRING) ? value : digestAndLength(value);
    }

    private static String digestAndLength(String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        return "sha256:" + sha256(bytes) + ":" + bytes.length;
    }

    private static String lower(Enum<?> value) {
        return WORDS.computeIfAbsent(value, each -> each.name().toLowerCase(Locale.ROOT));
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

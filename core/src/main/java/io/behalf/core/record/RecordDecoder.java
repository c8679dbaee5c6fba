package io.behalf.core.record;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The way back: a record's bytes as types, for everybody who reads the ledger. It accepts only what
 * {@link RecordEncoder} writes: version 1, known kinds, every field of its type. What was bounded away when the record
 * was written (digests in place of long strings, {@code …_omitted}) stays away.
 */
public final class RecordDecoder {
    private RecordDecoder() {}

    /** @throws Json.Malformed naming the member that is missing or of the wrong type */
    public static StoredRecord decode(byte[] bytes) throws Json.Malformed {
        Fields r = new Fields("record", Json.readObject(bytes));
        if (r.number("v") != RecordEncoder.VERSION) {
            throw new Json.Malformed("record version is not " + RecordEncoder.VERSION, null);
        }
        try {
            return new StoredRecord(record(r), r.optionalNumber("task_seq").orElse(0L), r.optionalString("prev"));
        } catch (IllegalArgumentException | DateTimeException e) {
            throw new Json.Malformed("record: " + e.getMessage(), e);
        }
    }

    private static AuditRecord record(Fields r) throws Json.Malformed {
        Header header = new Header(
                r.string("id"),
                r.time("time"),
                r.string("node"),
                r.optionalString("task_id").map(TaskId::new),
                basis(r.optionalObject("on_behalf_of")),
                r.optionalStrings("actors"),
                held(r.optionalObject("delegation")),
                trace(r.optionalObject("trace")),
                r.has("late") && r.bool("late"));
        String kind = r.string("kind");
        return switch (kind) {
            case "intent" ->
                new AuditRecord.Intent(
                        header,
                        call(r.object("call")),
                        decided(r.object("decision")),
                        plannedBy(r.optionalObject("planned_by")));
            case "outcome" -> new AuditRecord.Outcome(header, r.string("of"), ended(r.object("outcome")));
            case "check" -> new AuditRecord.Check(header, call(r.object("call")), decided(r.object("decision")));
            case "refusal" -> new AuditRecord.Refused(header, call(r.object("call")), decided(r.object("decision")));
            case "unknown" -> new AuditRecord.Unknown(header, r.string("of"));
            case "downstream" -> downstream(header, r);
            case "lifecycle" -> lifecycle(header, r.object("lifecycle"));
            default -> throw new Json.Malformed("record kind is unknown", null);
        };
    }

    private static Optional<Basis> basis(Optional<Fields> at) throws Json.Malformed {
        if (at.isEmpty()) {
            return Optional.empty();
        }
        Fields f = at.get();
        return Optional.of(
                switch (f.string("kind")) {
                    case "subject" -> new Basis.Person(f.string("subject"));
                    case "none" -> new Basis.Nobody(f.string("category"), f.string("reason_code"));
                    case "unattributed" -> new Basis.Unattributed(f.string("credential"), f.optionalString("claimed"));
                    default -> throw new Json.Malformed("on_behalf_of.kind is unknown", null);
                });
    }

    private static Optional<Held> held(Optional<Fields> at) throws Json.Malformed {
        if (at.isEmpty()) {
            return Optional.empty();
        }
        Fields f = at.get();
        return Optional.of(new Held(
                f.string("jti"),
                f.string("approval_id"),
                f.string("approval_kind"),
                f.time("expires"),
                f.string("token_sha256"),
                f.bool("bound")));
    }

    private static Optional<AuditRecord.Trace> trace(Optional<Fields> at) throws Json.Malformed {
        return at.isEmpty()
                ? Optional.empty()
                : Optional.of(new AuditRecord.Trace(
                        at.get().string("trace_id"), at.get().string("span_id")));
    }

    private static Call call(Fields f) throws Json.Malformed {
        return new Call(
                f.word("surface", AuditRecord.Surface.class),
                f.string("service"),
                f.string("action"),
                f.optionalStrings("resources"),
                f.optionalString("model"),
                f.optionalString("tool"),
                f.optionalString("tool_call_id"),
                f.optionalString("continues"),
                f.optionalString("request_mac"),
                f.optionalNumber("bytes").orElse(-1L));
    }

    private static Decided decided(Fields f) throws Json.Malformed {
        String effect = f.string("effect");
        if (!effect.equals("permit") && !effect.equals("refuse")) {
            throw new Json.Malformed("decision.effect is unknown", null);
        }
        return new Decided(
                effect.equals("permit"),
                f.bool("enforced"),
                f.optionalString("reason"),
                f.optionalStrings("rules"),
                f.string("policy_sha256"),
                f.word("mode", AuditRecord.Mode.class));
    }

    private static Optional<AuditRecord.PlannedBy> plannedBy(Optional<Fields> at) throws Json.Malformed {
        return at.isEmpty()
                ? Optional.empty()
                : Optional.of(new AuditRecord.PlannedBy(
                        at.get().string("record"), at.get().word("match", AuditRecord.PlannedBy.Match.class)));
    }

    private static Ended ended(Fields f) throws Json.Malformed {
        List<AuditRecord.ToolCall> calls = new ArrayList<>();
        for (Fields t : f.optionalObjects("tool_calls")) {
            calls.add(new AuditRecord.ToolCall(t.string("id"), t.string("name"), t.optionalString("arguments_mac")));
        }
        Optional<Fields> usage = f.optionalObject("usage");
        Optional<Fields> plan = f.optionalObject("plan");
        return new Ended(
                f.word("sent", AuditRecord.Sent.class),
                f.optionalNumber("status").orElse(-1L).intValue(),
                f.word("end", AuditRecord.End.class),
                f.optionalString("reason"),
                f.optionalString("request_mac"),
                f.string("response_mac"),
                f.number("bytes"),
                f.number("millis"),
                f.optionalNumber("items").orElse(-1L),
                usage.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new AuditRecord.Usage(
                                usage.get().number("input_tokens"), usage.get().number("output_tokens"))),
                calls,
                f.optionalStrings("asked"),
                plan.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new AuditRecord.Plan(
                                plan.get().number("checked"), plan.get().number("outside"))));
    }

    private static AuditRecord downstream(Header header, Fields r) throws Json.Malformed {
        Fields d = r.object("downstream");
        Optional<Fields> call = r.optionalObject("call");
        Optional<Fields> decision = r.optionalObject("decision");
        return new AuditRecord.Downstream(
                header,
                r.optionalString("of"),
                call.isEmpty() ? Optional.empty() : Optional.of(call(call.get())),
                decision.isEmpty() ? Optional.empty() : Optional.of(decided(decision.get())),
                new AuditRecord.ServiceSigned(
                        d.string("service"),
                        d.number("seq"),
                        d.optionalString("prev"),
                        d.string("kid"),
                        d.string("sig"),
                        d.string("seen_jti")));
    }

    private static AuditRecord lifecycle(Header header, Fields f) throws Json.Malformed {
        return new AuditRecord.Lifecycle(
                header,
                f.word("event", AuditRecord.Event.class),
                f.string("by"),
                f.object("data").members());
    }

    /** One JSON object, read member by member; errors name the member, never its value. */
    private record Fields(String name, Map<String, @Nullable Object> members) {
        boolean has(String key) {
            return members.containsKey(key);
        }

        String string(String key) throws Json.Malformed {
            if (members.get(key) instanceof String s) {
                return s;
            }
            throw wrong(key, "a string");
        }

        Optional<String> optionalString(String key) throws Json.Malformed {
            return members.get(key) == null ? Optional.empty() : Optional.of(string(key));
        }

        long number(String key) throws Json.Malformed {
            if (members.get(key) instanceof Long n) {
                return n;
            }
            throw wrong(key, "a whole number");
        }

        Optional<Long> optionalNumber(String key) throws Json.Malformed {
            return has(key) ? Optional.of(number(key)) : Optional.empty();
        }

        boolean bool(String key) throws Json.Malformed {
            if (members.get(key) instanceof Boolean b) {
                return b;
            }
            throw wrong(key, "true or false");
        }

        Instant time(String key) throws Json.Malformed {
            return Instant.parse(string(key));
        }

        <E extends Enum<E>> E word(String key, Class<E> type) throws Json.Malformed {
            String word = string(key);
            for (E value : type.getEnumConstants()) {
                if (value.name().toLowerCase(Locale.ROOT).equals(word)) {
                    return value;
                }
            }
            throw wrong(key, "a known word");
        }

        Fields object(String key) throws Json.Malformed {
            if (members.get(key) instanceof Map<?, ?> map) {
                return new Fields(name + "." + key, typed(map));
            }
            throw wrong(key, "an object");
        }

        Optional<Fields> optionalObject(String key) throws Json.Malformed {
            return has(key) ? Optional.of(object(key)) : Optional.empty();
        }

        List<Fields> optionalObjects(String key) throws Json.Malformed {
            List<Fields> out = new ArrayList<>();
            for (Object item : list(key)) {
                if (!(item instanceof Map<?, ?> map)) {
                    throw wrong(key, "an array of objects");
                }
                out.add(new Fields(name + "." + key, typed(map)));
            }
            return out;
        }

        List<String> optionalStrings(String key) throws Json.Malformed {
            List<String> out = new ArrayList<>();
            for (Object item : list(key)) {
                if (!(item instanceof String s)) {
                    throw wrong(key, "an array of strings");
                }
                out.add(s);
            }
            return out;
        }

        private List<?> list(String key) throws Json.Malformed {
            if (!has(key)) {
                return List.of();
            }
            if (members.get(key) instanceof List<?> list) {
                return list;
            }
            throw wrong(key, "an array");
        }

        @SuppressWarnings("unchecked")
        private static Map<String, @Nullable Object> typed(Map<?, ?> map) {
            return (Map<String, @Nullable Object>) map;
        }

        private Json.Malformed wrong(String key, String should) {
            return new Json.Malformed(name + "." + key + " is " + should, null);
        }
    }
}

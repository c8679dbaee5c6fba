package io.behalf.authority;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * A stop as it stands in the store, and as the data of its {@code revoked} record, from which a restored store learns it
 * again.
 *
 * @param value a task's id, a token's, or a task's id and an agent's with a space between
 * @param until after it no token can be affected any more
 */
record StopRow(Kind kind, String value, Reason reason, Instant at, Instant until) {
    enum Kind {
        TASK,
        /** One agent's part in one task, and what it handed on. */
        AGENT,
        TOKEN
    }

    /** Tells stops apart: a task and a token are stopped once, an agent's part up to a point in time. */
    record Key(Kind kind, String value, Instant at) {
        static Key ofTask(TaskId task) {
            return new Key(Kind.TASK, task.value(), Instant.EPOCH);
        }
    }

    /** No token outlives its task, and no task is longer; for stops whose end is not known. */
    private static final long LONGEST_SECONDS = 91L * 24 * 3600;

    static StopRow ofTask(TaskId task, Reason reason, Instant at, Instant end) {
        return new StopRow(Kind.TASK, task.value(), reason, at, end);
    }

    static StopRow ofAgent(TaskId task, String agent, Reason reason, Instant at, Instant end) {
        return new StopRow(Kind.AGENT, task.value() + " " + agent, reason, at, end);
    }

    static StopRow ofToken(String jti, Reason reason, Instant at, Instant expires) {
        return new StopRow(Kind.TOKEN, jti, reason, at, expires);
    }

    Key key() {
        return new Key(kind, value, kind == Kind.AGENT ? at : Instant.EPOCH);
    }

    /** The task of a stop of kind {@code AGENT}. */
    String task() {
        return value.substring(0, value.indexOf(' '));
    }

    /** The agent of a stop of kind {@code AGENT}. */
    String agent() {
        return value.substring(value.indexOf(' ') + 1);
    }

    Map<String, @Nullable Object> data(String why) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("stops", kind.name().toLowerCase(Locale.ROOT));
        if (kind == Kind.AGENT) {
            out.put("agent", agent());
        } else if (kind == Kind.TOKEN) {
            out.put("jti", value);
        }
        out.put("until", until.getEpochSecond());
        out.put("reason", why);
        return out;
    }

    static Optional<StopRow> of(TaskId task, Map<String, @Nullable Object> data, Instant at) {
        Instant until = data.get("until") instanceof Long seconds
                ? Instant.ofEpochSecond(seconds)
                : at.plusSeconds(LONGEST_SECONDS);
        Reason reason = Reason.DELEGATION_REVOKED;
        return switch (String.valueOf(data.get("stops"))) {
            case "task" -> Optional.of(ofTask(task, reason, at, until));
            case "agent" -> Optional.of(ofAgent(task, String.valueOf(data.get("agent")), reason, at, until));
            case "token" -> Optional.of(ofToken(String.valueOf(data.get("jti")), reason, at, until));
            default -> Optional.empty();
        };
    }

    void insert(Handle sql) {
        sql.createUpdate("""
                        insert into stop (kind, value, reason, at, until) values (?, ?, ?, ?, ?)
                        on conflict (kind, value) do update set at = max(at, excluded.at), until = max(until, excluded.until)
                        """)
                .bind(0, kind.name().toLowerCase(Locale.ROOT))
                .bind(1, value)
                .bind(2, reason.code())
                .bind(3, at.toEpochMilli())
                .bind(4, until.toEpochMilli())
                .execute();
    }

    static List<StopRow> inForce(Handle sql, Instant now) {
        return sql.createQuery("select kind, value, reason, at, until from stop where until > ?")
                .bind(0, now.toEpochMilli())
                .map((row, ctx) -> new StopRow(
                        Kind.valueOf(row.getString(1).toUpperCase(Locale.ROOT)),
                        row.getString(2),
                        Reason.of(row.getString(3)),
                        Instant.ofEpochMilli(row.getLong(4)),
                        Instant.ofEpochMilli(row.getLong(5))))
                .list();
    }

    static void sweep(Handle sql, Instant now) {
        sql.createUpdate("delete from stop where until <= ?")
                .bind(0, now.toEpochMilli())
                .execute();
    }
}

package io.behalf.authority;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * What is valid once: values put down under an unguessable handle and taken by whoever shows it, and marks of what was
 * seen. Handles are kept as digests, so that a reader of the store cannot use them. Works within the caller's
 * transaction: a code is taken together with what it brings about, or not at all.
 */
final class Shelf {
    enum Kind {
        PUSHED_REQUEST,
        LOGIN,
        APPROVAL,
        CODE,
        /** A code whose redemption was begun: once that was answered, the code ends what it started (RFC 6749 §4.1.2). */
        USED_CODE
    }

    private final Sealer sealer;

    Shelf(Sealer sealer) {
        this.sealer = sealer;
    }

    void put(Handle sql, Kind kind, String handle, Map<String, ? extends @Nullable Object> value, Instant until) {
        byte[] key = key(kind, handle);
        sql.createUpdate("insert or replace into shelf (key, kind, until, sealed_value) values (?, ?, ?, ?)")
                .bind(0, key)
                .bind(1, kind.name().toLowerCase(Locale.ROOT))
                .bind(2, until.toEpochMilli())
                .bind(3, sealer.seal(place(kind, handle), Json.canonical(value)))
                .execute();
    }

    Optional<Map<String, @Nullable Object>> look(Handle sql, Kind kind, String handle, Instant now) {
        return sql.createQuery("select sealed_value from shelf where key = ? and until > ?")
                .bind(0, key(kind, handle))
                .bind(1, now.toEpochMilli())
                .mapTo(byte[].class)
                .findOne()
                .map(bytes -> json(sealer.open(place(kind, handle), bytes)));
    }

    Optional<Map<String, @Nullable Object>> take(Handle sql, Kind kind, String handle, Instant now) {
        Optional<Map<String, @Nullable Object>> value = look(sql, kind, handle, now);
        sql.createUpdate("delete from shelf where key = ?")
                .bind(0, key(kind, handle))
                .execute();
        return value;
    }

    /** Marks it as seen; false when it was before. */
    boolean firstTime(Handle sql, String what, Instant until) {
        return sql.createUpdate("insert or ignore into seen (key, until) values (?, ?)")
                        .bind(0, Digests.sha256(what.getBytes(StandardCharsets.UTF_8)))
                        .bind(1, until.toEpochMilli())
                        .execute()
                == 1;
    }

    boolean wasSeen(Handle sql, String what) {
        return sql.createQuery("select count(*) from seen where key = ?")
                        .bind(0, Digests.sha256(what.getBytes(StandardCharsets.UTF_8)))
                        .mapTo(Integer.class)
                        .one()
                > 0;
    }

    void sweep(Handle sql, Instant now) {
        sql.createUpdate("delete from shelf where until <= ?")
                .bind(0, now.toEpochMilli())
                .execute();
        sql.createUpdate("delete from seen where until <= ?")
                .bind(0, now.toEpochMilli())
                .execute();
    }

    /** A member that whoever put the value down had put into it. */
    static String text(Map<String, @Nullable Object> value, String name) {
        if (value.get(name) instanceof String text) {
            return text;
        }
        throw new StoreFault("a value of the shelf lacks " + name, null);
    }

    @SuppressWarnings("unchecked")
    static Map<String, @Nullable Object> object(Map<String, @Nullable Object> value, String name) {
        if (value.get(name) instanceof Map<?, ?> object) {
            return (Map<String, @Nullable Object>) object;
        }
        throw new StoreFault("a value of the shelf lacks " + name, null);
    }

    private static byte[] key(Kind kind, String handle) {
        return Digests.sha256((kind + ":" + handle).getBytes(StandardCharsets.UTF_8));
    }

    private static String place(Kind kind, String handle) {
        return "shelf:" + kind + ":" + Digests.hex(handle);
    }

    private static Map<String, @Nullable Object> json(byte[] bytes) {
        try {
            return Json.readObject(bytes);
        } catch (Json.Malformed e) {
            throw new StoreFault("a value of the shelf is not what was put there", e);
        }
    }
}

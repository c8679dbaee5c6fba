package io.behalf.authority;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Renewal tokens. The token itself is not kept, only its digest; the one exception is a rotated token's successor,
 * sealed, while it may have to be handed out again because the first answer was lost. One that a stop in force has taken
 * away is not found, also while the store still has it.
 */
final class RenewalTable {
    private final Sealer sealer;
    private final LiveStops live;

    RenewalTable(Sealer sealer, LiveStops live) {
        this.sealer = sealer;
        this.live = live;
    }

    /**
     * @param family one agent's hold on one task
     * @param actors current first
     * @param ceiling what it may be renewed to, over all audiences
     * @param jkt the key it is bound to; then it does not rotate
     * @param successor what it was answered with, where that may still be answered again
     */
    record Renewal(
            String digest,
            String family,
            TaskId task,
            List<String> actors,
            BehalfTask ceiling,
            Optional<String> jkt,
            State state,
            Optional<String> successor) {
        enum State {
            CURRENT,
            PREVIOUS,
            VOID
        }
    }

    void insert(Handle sql, String token, Renewal renewal, Instant now) {
        String digest = digest(token);
        sql.createUpdate("""
                        insert into renewal (token_sha256, family, task_id, agent, jkt, state, created, sealed_grant)
                        values (:digest, :family, :task, :agent, :jkt, 'current', :now, :grant)
                        """)
                .bind("digest", HexFormat.of().parseHex(digest))
                .bind("family", renewal.family())
                .bind("task", renewal.task().value())
                .bind("agent", renewal.actors().getFirst())
                .bind("jkt", renewal.jkt().orElse(null))
                .bind("now", now.toEpochMilli())
                .bind(
                        "grant",
                        sealer.seal(
                                place(digest, "grant"),
                                Json.canonical(Map.of(
                                        "actors", renewal.actors(),
                                        "task", renewal.ceiling().toJson()))))
                .execute();
    }

    Optional<Renewal> find(Handle sql, String token) {
        return sql.createQuery("select * from renewal where token_sha256 = ?")
                .bind(0, HexFormat.of().parseHex(digest(token)))
                .map((row, ctx) -> {
                    Renewal renewal = read(row);
                    Instant created = Instant.ofEpochMilli(row.getLong("created"));
                    return live.stoppedPart(renewal.task(), renewal.actors(), created)
                                    .isPresent()
                            ? Optional.<Renewal>empty()
                            : Optional.of(renewal);
                })
                .findOne()
                .flatMap(renewal -> renewal);
    }

    /** {@code old} is answered with {@code next}; whatever was before {@code old} is void now, as {@code old} was used. */
    void succeed(Handle sql, Renewal old, String next) {
        sql.createUpdate(
                        "update renewal set state = 'void', sealed_successor = null where family = ? and state = 'previous'")
                .bind(0, old.family())
                .execute();
        sql.createUpdate("update renewal set state = 'previous', sealed_successor = ? where token_sha256 = ?")
                .bind(0, sealer.seal(place(old.digest(), "successor"), next.getBytes(StandardCharsets.UTF_8)))
                .bind(1, HexFormat.of().parseHex(old.digest()))
                .execute();
    }

    /** One that nobody was answered with. */
    void remove(Handle sql, String digest) {
        sql.createUpdate("delete from renewal where token_sha256 = ?")
                .bind(0, HexFormat.of().parseHex(digest))
                .execute();
    }

    void voidTask(Handle sql, TaskId task) {
        sql.createUpdate("update renewal set state = 'void', sealed_successor = null where task_id = ?")
                .bind(0, task.value())
                .execute();
    }

    /** The agent's own hold on the task, and what it handed on, as far as it is no newer than that. */
    void removeBranch(Handle sql, TaskId task, String agent, Instant at) {
        for (Renewal renewal : of(sql, task, at)) {
            if (renewal.actors().contains(agent)) {
                remove(sql, renewal.digest());
            }
        }
    }

    /** Removed, not void: showing one of them again is no sign of a copy. */
    void removeAll(Handle sql) {
        sql.createUpdate("delete from renewal").execute();
    }

    /** Tasks of others in which this agent holds a part. */
    List<TaskId> partsOf(Handle sql, String agent) {
        return sql.createQuery("""
                        select distinct r.task_id from renewal r join task t on t.id = r.task_id
                        where r.agent = ? and t.agent <> r.agent and r.state <> 'void' and t.state in ('pending', 'active')
                        """)
                .bind(0, agent)
                .map((row, ctx) -> new TaskId(row.getString(1)))
                .list();
    }

    private List<Renewal> of(Handle sql, TaskId task, Instant at) {
        return sql.createQuery("select * from renewal where task_id = ? and state <> 'void' and created <= ?")
                .bind(0, task.value())
                .bind(1, at.toEpochMilli())
                .map((row, ctx) -> read(row))
                .list();
    }

    private Renewal read(ResultSet row) throws SQLException {
        String digest = HexFormat.of().formatHex(row.getBytes("token_sha256"));
        Map<String, @Nullable Object> grant;
        try {
            grant = Json.readObject(sealer.open(place(digest, "grant"), row.getBytes("sealed_grant")));
        } catch (Json.Malformed e) {
            throw new StoreFault("a renewal's grant is not JSON", e);
        }
        List<String> actors = new ArrayList<>();
        if (grant.get("actors") instanceof List<?> list) {
            list.forEach(actor -> actors.add((String) actor));
        }
        byte @Nullable [] successor = row.getBytes("sealed_successor");
        return new Renewal(
                digest,
                row.getString("family"),
                new TaskId(row.getString("task_id")),
                List.copyOf(actors),
                TaskTable.behalfTask(grant.get("task")),
                Optional.ofNullable(row.getString("jkt")),
                Renewal.State.valueOf(row.getString("state").toUpperCase(Locale.ROOT)),
                successor == null
                        ? Optional.empty()
                        : Optional.of(new String(
                                sealer.open(place(digest, "successor"), successor), StandardCharsets.UTF_8)));
    }

    private static String digest(String token) {
        return Digests.hex(token);
    }

    private static String place(String digest, String column) {
        return "renewal:" + digest + ":" + column;
    }
}

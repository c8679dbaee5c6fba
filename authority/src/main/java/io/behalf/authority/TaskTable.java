package io.behalf.authority;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.Query;
import org.jspecify.annotations.Nullable;

/**
 * Tasks in the store. What is about people, and each task's key, is sealed; the rest is what stops are found by. A task
 * whose stop is in force and not in the store yet is read as stopped.
 */
final class TaskTable {
    private static final String COLUMNS =
            "id, agent, approval_id, approval_kind, state, reason, created, ends, sealed_terms, sealed_identity";

    private final Sealer sealer;
    private final LiveStops live;

    TaskTable(Sealer sealer, LiveStops live) {
        this.sealer = sealer;
        this.live = live;
    }

    /** @param evidence what the provider signed at the approval, with its key set */
    void insert(Handle sql, KnownTask task, byte[] recordKey, Optional<Map<String, @Nullable Object>> evidence) {
        String id = task.id().value();
        sql.createUpdate("""
                        insert into task (id, agent, subject_index, session_index, approval_id, approval_kind, services, state,
                                          created, ends, sealed_terms, sealed_identity, sealed_key, sealed_evidence)
                        values (:id, :agent, :subject, :session, :approval, :kind, :services, :state,
                                :created, :ends, :terms, :identity, :key, :evidence)
                        """)
                .bind("id", id)
                .bind("agent", task.agent())
                .bind(
                        "subject",
                        task.identity()
                                .map(i -> sealer.index(i.person().subjectId()))
                                .orElse(null))
                .bind(
                        "session",
                        task.identity()
                                .flatMap(i ->
                                        i.sid().map(sid -> session(i.person().provider(), sid)))
                                .orElse(null))
                .bind("approval", task.approved().approvalId())
                .bind("kind", task.kind().code())
                .bind("services", services(task.task().scope()))
                .bind("state", task.state().code())
                .bind("created", task.created().toEpochMilli())
                .bind("ends", task.end().getEpochSecond())
                .bind("terms", seal(id, "terms", terms(task)))
                .bind(
                        "identity",
                        task.identity()
                                .map(i -> seal(id, "identity", identity(i)))
                                .orElse(null))
                .bind("key", sealer.seal(place(id, "key"), recordKey))
                .bind("evidence", evidence.map(e -> seal(id, "evidence", e)).orElse(null))
                .execute();
    }

    /** Empty when it is not known, or when its person was erased: then nothing more can be done for it. */
    Optional<KnownTask> find(Handle sql, TaskId id) {
        return sql.createQuery("select " + COLUMNS + " from task where id = ?")
                .bind(0, id.value())
                .map((row, ctx) -> read(row))
                .findOne()
                .flatMap(task -> task);
    }

    Optional<byte[]> recordKey(Handle sql, TaskId id) {
        return sealed(sql, id, "key").map(bytes -> sealer.open(place(id.value(), "key"), bytes));
    }

    Optional<Map<String, @Nullable Object>> evidence(Handle sql, TaskId id) {
        return sealed(sql, id, "evidence").map(bytes -> json(sealer.open(place(id.value(), "evidence"), bytes)));
    }

    Tasks.Used used(Handle sql, TaskId id) {
        return sql.createQuery("select used_calls, used_tokens, used_spend from task where id = ?")
                .bind(0, id.value())
                .map((row, ctx) -> new Tasks.Used(row.getLong(1), row.getLong(2), row.getLong(3)))
                .findOne()
                .orElse(Tasks.Used.NOTHING);
    }

    void used(Handle sql, TaskId id, Tasks.Used used) {
        sql.createUpdate("""
                        update task set used_calls = max(used_calls, ?), used_tokens = max(used_tokens, ?),
                                        used_spend = max(used_spend, ?) where id = ?
                        """)
                .bind(0, used.calls())
                .bind(1, used.tokens())
                .bind(2, used.spend())
                .bind(3, id.value())
                .execute();
    }

    void activate(Handle sql, TaskId id) {
        sql.createUpdate("update task set state = 'active' where id = ? and state = 'pending'")
                .bind(0, id.value())
                .execute();
    }

    /** The first reason stays: a stop after the end changes nothing. False when it was stopped before, or is unknown. */
    boolean stop(Handle sql, TaskId id, Reason reason) {
        return sql.createUpdate(
                                "update task set state = 'stopped', reason = ? where id = ? and state in ('pending', 'active')")
                        .bind(0, reason.code())
                        .bind(1, id.value())
                        .execute()
                == 1;
    }

    void end(Handle sql, TaskId id) {
        sql.createUpdate("update task set state = 'ended' where id = ?")
                .bind(0, id.value())
                .execute();
    }

    /** Tasks that still go on and fall under the request. */
    List<TaskId> under(Handle sql, RevokeRequest.What what) {
        String open = "select id from task where state in ('pending', 'active') and ";
        Query query =
                switch (what) {
                    case RevokeRequest.What.Task(var id) ->
                        sql.createQuery(open + "id = ?").bind(0, id.value());
                    case RevokeRequest.What.User(var subject) ->
                        sql.createQuery(open + "subject_index = ?").bind(0, sealer.index(subject));
                    case RevokeRequest.What.Agent(var id) ->
                        sql.createQuery(open + "agent = ?").bind(0, id);
                    case RevokeRequest.What.Approval(var id) ->
                        sql.createQuery(open + "approval_id = ?").bind(0, id);
                    case RevokeRequest.What.Service(var name) ->
                        sql.createQuery(open + "instr(services, ?) > 0").bind(0, " " + name + " ");
                    case RevokeRequest.What.All() -> sql.createQuery(open + "true");
                };
        return query.map((row, ctx) -> new TaskId(row.getString(1))).list();
    }

    /** A search for the people who are called that, or have that pseudonym, and for whom something still goes on. */
    Search search(String name) {
        return new Search(name);
    }

    /**
     * One pass over the tasks that still go on, in steps: whoever must read the store meanwhile, for a stop perhaps, waits for
     * one step. One task is opened at a time, and only what fits is kept.
     */
    final class Search {
        static final int STEP = 256;

        private final String name;
        private final SortedMap<String, List<TaskId>> found = new TreeMap<>();
        private byte[] subject = {};
        private long row;

        private Search(String name) {
            this.name = name;
        }

        /** By subject id, each with the tasks that say so. An id is its person's alone, whatever others call themselves. */
        SortedMap<String, List<TaskId>> found() {
            if (found.containsKey(name)) {
                found.keySet().retainAll(Set.of(name));
            }
            return found;
        }

        /** @return false when nothing was left */
        boolean step(Handle sql) {
            // through the index of people's tasks that go on: those that are over are not even passed
            return !sql.createQuery("""
                            select rowid, id, subject_index, sealed_terms, sealed_identity from task
                            where state in ('pending', 'active') and sealed_identity is not null
                                and (subject_index, rowid) > (?, ?)
                            order by subject_index, rowid limit ?
                            """)
                    .bind(0, subject)
                    .bind(1, row)
                    .bind(2, STEP)
                    .map((task, ctx) -> look(task))
                    .list()
                    .isEmpty();
        }

        private boolean look(ResultSet task) throws SQLException {
            subject = task.getBytes("subject_index");
            row = task.getLong("rowid");
            String id = task.getString("id");
            Person person = identity(open(id, "identity", task.getBytes("sealed_identity")))
                    .person();
            boolean fits = Ids.valid("sbj", name)
                    ? name.equals(
                            open(id, "terms", task.getBytes("sealed_terms")).get("subject"))
                    : person.isCalled(name);
            return fits
                    && found.computeIfAbsent(person.subjectId(), _ -> new ArrayList<>())
                            .add(new TaskId(id));
        }
    }

    /** Tasks that still go on and began in this session of the provider. */
    List<TaskId> ofSession(Handle sql, String provider, String sid) {
        return sql.createQuery("select id from task where state in ('pending', 'active') and session_index = ?")
                .bind(0, session(provider, sid))
                .map((row, ctx) -> new TaskId(row.getString(1)))
                .list();
    }

    /** Tasks whose chain is to be closed: stopped, or over by time. */
    List<TaskId> toClose(Handle sql, Instant now) {
        return sql.createQuery("""
                        select id from task
                        where state = 'stopped' or (state in ('pending', 'active') and ends <= ?) limit 1000
                        """)
                .bind(0, now.getEpochSecond())
                .map((row, ctx) -> new TaskId(row.getString(1)))
                .list();
    }

    /** Stops of tasks, tokens of which could still be shown. */
    List<StopRow> stopped(Handle sql, Instant now) {
        return sql.createQuery("select id, reason, ends from task where state in ('stopped', 'ended') and ends > ?")
                .bind(0, now.getEpochSecond())
                .map((row, ctx) -> StopRow.ofTask(
                        new TaskId(row.getString(1)),
                        reason(row.getString(2)),
                        now,
                        Instant.ofEpochSecond(row.getLong(3))))
                .list();
    }

    private Optional<byte[]> sealed(Handle sql, TaskId id, String column) {
        return sql.createQuery(
                        "select sealed_" + column + " from task where id = ? and sealed_" + column + " is not null")
                .bind(0, id.value())
                .mapTo(byte[].class)
                .findOne();
    }

    private Optional<KnownTask> read(ResultSet row) throws SQLException {
        String id = row.getString("id");
        Map<String, @Nullable Object> terms = open(id, "terms", row.getBytes("sealed_terms"));
        byte @Nullable [] sealedIdentity = row.getBytes("sealed_identity");
        Optional<KnownTask.Identity> identity =
                sealedIdentity == null ? Optional.empty() : Optional.of(identity(open(id, "identity", sealedIdentity)));
        Optional<OnBehalfOf> onBehalfOf = onBehalfOf(terms, identity);
        if (onBehalfOf.isEmpty()) {
            return Optional.empty();
        }
        String agent = row.getString("agent");
        BehalfTask task = behalfTask(terms.get("task"));
        ApprovedTask approved = new ApprovedTask(
                row.getString("approval_id"),
                agent,
                task.scope(),
                task.limits(),
                Instant.ofEpochSecond(row.getLong("ends")),
                (String) member(terms, "text"),
                (String) member(terms, "locale"),
                (String) member(terms, "salt"));
        String reason = row.getString("reason");
        KnownTask known = new KnownTask(
                new TaskId(id),
                agent,
                onBehalfOf.get(),
                task,
                approved,
                ApprovalKind.of(row.getString("approval_kind"))
                        .orElseThrow(() -> new StoreFault("unknown approval_kind", null)),
                login(terms),
                identity,
                Instant.ofEpochMilli(row.getLong("created")),
                KnownTask.State.valueOf(row.getString("state").toUpperCase(Locale.ROOT)),
                reason == null ? Optional.empty() : Optional.of(Reason.of(reason)));
        return Optional.of(live.stoppedTask(known.id()).map(known::stoppedFor).orElse(known));
    }

    private static Map<String, @Nullable Object> terms(KnownTask task) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("task", task.task().toJson());
        out.put("text", task.approved().text());
        out.put("locale", task.approved().locale());
        out.put("salt", task.approved().salt());
        switch (task.onBehalfOf()) {
            case OnBehalfOf.Subject person -> out.put("subject", person.pseudonym());
            case OnBehalfOf.NoSubject(var category, var reasonCode) ->
                out.put("no_subject", Map.of("category", category, "reason_code", reasonCode));
        }
        task.login().ifPresent(login -> {
            out.put("auth_time", login.authTime().getEpochSecond());
            out.put("acr", login.acr().orElse(null));
            out.put("amr", login.amr());
        });
        return out;
    }

    private static Optional<OnBehalfOf> onBehalfOf(
            Map<String, @Nullable Object> terms, Optional<KnownTask.Identity> identity) {
        if (terms.get("no_subject") instanceof Map<?, ?> nobody) {
            return Optional.of(new OnBehalfOf.NoSubject(
                    (String) member(nobody, "category"), (String) member(nobody, "reason_code")));
        }
        return identity.map(i ->
                new OnBehalfOf.Subject(i.person().subjectId(), i.person().issuer(), (String) member(terms, "subject")));
    }

    private static Optional<Delegation.Login> login(Map<String, @Nullable Object> terms) {
        if (!(terms.get("auth_time") instanceof Long seconds)) {
            return Optional.empty();
        }
        List<String> amr = new ArrayList<>();
        if (terms.get("amr") instanceof List<?> list) {
            list.forEach(item -> amr.add((String) item));
        }
        return Optional.of(new Delegation.Login(
                Instant.ofEpochSecond(seconds), Optional.ofNullable((String) terms.get("acr")), amr));
    }

    private static Map<String, @Nullable Object> identity(KnownTask.Identity identity) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("person", identity.person().toJson());
        out.put("salt", identity.salt());
        out.put("claims", identity.claims());
        return out;
    }

    private static KnownTask.Identity identity(Map<String, @Nullable Object> json) {
        Map<?, ?> person = (Map<?, ?>) member(json, "person");
        @SuppressWarnings("unchecked")
        Map<String, @Nullable Object> claims = (Map<String, @Nullable Object>) member(json, "claims");
        return new KnownTask.Identity(
                new Person(
                        (String) member(person, "provider"),
                        (String) member(person, "issuer"),
                        (String) member(person, "sub"),
                        Optional.ofNullable((String) person.get("name")),
                        Optional.ofNullable((String) person.get("email"))),
                (String) member(json, "salt"),
                claims);
    }

    static BehalfTask behalfTask(@Nullable Object json) {
        try {
            return BehalfTask.fromJson(json);
        } catch (Json.Malformed e) {
            throw new StoreFault("a task's terms in the store are not terms", e);
        }
    }

    /** A provider's name has no space, so that no session of one looks like another's, or like a subject. */
    private byte[] session(String provider, String sid) {
        return sealer.index("session " + provider + " " + sid);
    }

    private byte[] seal(String id, String column, Map<String, @Nullable Object> json) {
        return sealer.seal(place(id, column), Json.canonical(json));
    }

    private Map<String, @Nullable Object> open(String id, String column, byte[] sealed) {
        return json(sealer.open(place(id, column), sealed));
    }

    private static String place(String id, String column) {
        return "task:" + id + ":" + column;
    }

    private static Map<String, @Nullable Object> json(byte[] bytes) {
        try {
            return Json.readObject(bytes);
        } catch (Json.Malformed e) {
            throw new StoreFault("a sealed value of the store is not JSON", e);
        }
    }

    private static Object member(Map<?, ?> json, String name) {
        Object value = json.get(name);
        if (value == null) {
            throw new StoreFault("a sealed value of the store lacks " + name, null);
        }
        return value;
    }

    private static String services(Scope scope) {
        TreeSet<String> names = new TreeSet<>();
        scope.permissions().forEach(p -> names.add(p.service()));
        return " " + String.join(" ", names) + " ";
    }

    private static Reason reason(@Nullable String code) {
        return code == null ? Reason.TASK_ENDED : Reason.of(code);
    }
}

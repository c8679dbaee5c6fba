package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.RevokeRequest;
import io.behalf.authority.RevokeRequest.What;
import io.behalf.authority.Stopped;
import io.behalf.authority.StoreUnavailable;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.gateway.Route;
import io.behalf.ledger.IndexKey;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Clock;
import java.time.Duration;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The JSON API below {@code /api/v1}: tasks and records, stops, agents, and the records that services hand in. Blocking work
 * runs on virtual threads, so many at a time.
 */
final class Api implements AutoCloseable {
    static final String ROOT = "/api/v1";
    static final String JSON = "application/json";
    /** Says of an answer whether the chains of all its tasks are {@link #WHOLE}. */
    static final String CHAIN = "Behalf-Chain";

    static final String WHOLE = "whole";
    static final String BROKEN = "broken";

    /** Longest wait for those who asked for a story before. */
    static final Duration TURN_WITHIN = Duration.ofSeconds(20);

    private static final Set<String> STOPPED_BY = Set.of("task", "user", "agent", "approval", "service", "all");

    /** Largest body of a request, but for downstream records, which have their own bound. */
    static final int MAX_BODY = 64 << 10;
    /** Requests at work at once; more are told to come back. */
    static final int MAX_RUNNING = 64;

    private static final Logger LOG = System.getLogger(Api.class.getName());

    private final Configuration configuration;
    private final Authority authority;
    private final Stories stories;
    private final ServiceChains services;
    private final Clock clock;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Semaphore room = new Semaphore(MAX_RUNNING);
    private final Semaphore telling = new Semaphore(1, true);

    Api(Configuration configuration, Authority authority, Stories stories, ServiceChains services, Clock clock) {
        this.configuration = configuration;
        this.authority = authority;
        this.stories = stories;
        this.services = services;
        this.clock = clock;
    }

    /** What a request gets. */
    private record Reply(int status, String type, String body, Map<String, String> headers) {
        static Reply json(int status, @Nullable Object value) {
            return new Reply(status, JSON, JsonText.of(value), Map.of());
        }
    }

    /** What cannot be done for whoever asked, and why. */
    private static final class Refused extends RuntimeException {
        private final int status;

        Refused(int status, String detail) {
            super(detail);
            this.status = status;
        }
    }

    private record Asked(HttpServerRequest request, Map<String, String> path, Buffer body, String by) {
        Optional<String> query(String name) {
            try {
                return Optional.ofNullable(request.getParam(name)).filter(value -> !value.isEmpty());
            } catch (IllegalArgumentException e) {
                throw new Refused(400, "The query is not well-formed.");
            }
        }

        Map<String, @Nullable Object> json() {
            try {
                return Json.readObject(body.getBytes());
            } catch (Json.Malformed e) {
                throw new Refused(400, "The body is a JSON object: " + e.getMessage() + ".");
            }
        }
    }

    private interface Endpoint {
        Reply answer(Asked asked) throws Exception;
    }

    /** Mounts everything for those whom {@code access} admits, and what services hand in, which their signatures admit. */
    void mount(Router router, Access access) {
        get(router, access, "/server", asked -> Reply.json(200, server()));
        get(router, access, "/tasks", alone(this::tasks));
        get(router, access, "/tasks/:id", alone(asked -> found(asked, IndexKey.TASK, path(asked, "id"), "task")));
        get(router, access, "/records/:id", alone(asked -> found(asked, IndexKey.RECORD, path(asked, "id"), "record")));
        get(router, access, "/search", alone(this::search));
        send(router, access, HttpMethod.PUT, "/agents/:id", MAX_BODY, this::register);
        send(router, access, HttpMethod.POST, "/revoke", MAX_BODY, this::revoke);
        send(router, new Access.Anyone(), HttpMethod.POST, "/downstream", ServiceChains.MAX_BYTES, this::downstream);
    }

    /** Stories are as long as agents make them: of all that are asked for, one is in memory, and its turn is waited for. */
    private Endpoint alone(Endpoint endpoint) {
        return asked -> {
            if (!telling.tryAcquire(TURN_WITHIN.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new Refused(503, "The server is busy with what others asked for. Try again in a moment.");
            }
            try {
                return endpoint.answer(asked);
            } finally {
                telling.release();
            }
        };
    }

    // ---- endpoints

    private Map<String, @Nullable Object> server() {
        var where = configuration.server();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("base", where.base().toString());
        out.put("node", where.node());
        out.put("development", where.development());
        out.put("issuer", configuration.authority().issuer());
        out.put("audience", where.base() + "/gateway");
        out.put(
                "providers",
                configuration.authority().providers().stream()
                        .map(AuthorityConfig.Provider::name)
                        .toList());
        out.put("routes", configuration.routes().stream().map(this::route).toList());
        return out;
    }

    private Map<String, @Nullable Object> route(Route route) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("name", route.name());
        out.put("surface", route.surface().name().toLowerCase(Locale.ROOT));
        if (route.kind() instanceof Route.Models(var provider)) {
            out.put("provider", provider.name().toLowerCase(Locale.ROOT));
        }
        out.put("service", route.service());
        out.put("url", configuration.server().base() + route.prefix());
        out.put("actions", List.copyOf(RoutesReader.actions(route)));
        return out;
    }

    private Reply tasks(Asked asked) {
        TaskFilter filter;
        try {
            filter = new TaskFilter(
                    asked.query("user"),
                    asked.query("agent"),
                    asked.query("since").map(text -> TaskFilter.since(text, clock.instant())),
                    asked.query("no_subject").equals(Optional.of("true")));
        } catch (IllegalArgumentException e) {
            throw new Refused(400, String.valueOf(e.getMessage()));
        }
        List<TaskLine> lines = stories.list(filter, asked.by());
        return switch (wanted(asked)) {
            case OwnerSocket.TEXT -> text(lines.stream().map(line -> line.text() + "\n"));
            case OwnerSocket.JSON_LINES -> jsonLines(lines.stream().map(TaskLine::toJson));
            case String _ ->
                Reply.json(
                        200,
                        Map.of("tasks", lines.stream().map(TaskLine::toJson).toList()));
        };
    }

    private Reply search(Asked asked) {
        List<IndexKey> keys =
                List.of(IndexKey.TASK, IndexKey.RECORD, IndexKey.TRACE, IndexKey.TOKEN, IndexKey.TOOL_CALL);
        List<IndexKey> given =
                keys.stream().filter(key -> asked.query(name(key)).isPresent()).toList();
        if (given.size() != 1) {
            throw new Refused(
                    400, "Name exactly one of " + keys.stream().map(Api::name).collect(Collectors.joining(", ")) + ".");
        }
        IndexKey key = given.getFirst();
        return told(asked, stories.find(key, asked.query(name(key)).orElseThrow(), asked.by()));
    }

    /** One task or call, as an object of its own. */
    private Reply found(Asked asked, IndexKey key, String id, String what) {
        List<Stories.Told> told = stories.find(key, id, asked.by());
        if (told.isEmpty()) {
            throw new Refused(404, "The ledger has no " + what + " with this id.");
        }
        var only = told.getFirst();
        return wanted(asked).equals(JSON)
                ? new Reply(200, JSON, JsonText.of(StoryJson.of(only.story(), only.who())), chain(told))
                : told(asked, told);
    }

    private static Reply told(Asked asked, List<Stories.Told> told) {
        if (told.isEmpty()) {
            throw new Refused(404, "No record of this server's ledger has this id.");
        }
        Reply reply =
                switch (wanted(asked)) {
                    case OwnerSocket.TEXT ->
                        new Reply(
                                200,
                                OwnerSocket.TEXT,
                                told.stream()
                                        .map(each -> StoryText.of(each.story(), each.who()))
                                        .collect(Collectors.joining("\n")),
                                Map.of());
                    case OwnerSocket.JSON_LINES ->
                        jsonLines(told.stream().map(each -> StoryJson.of(each.story(), each.who())));
                    case String _ ->
                        Reply.json(
                                200,
                                Map.of(
                                        "tasks",
                                        told.stream()
                                                .map(each -> StoryJson.of(each.story(), each.who()))
                                                .toList()));
                };
        return new Reply(reply.status(), reply.type(), reply.body(), chain(told));
    }

    private static Map<String, String> chain(List<Stories.Told> told) {
        boolean whole = told.stream().allMatch(each -> each.story().chain().whole());
        return Map.of(CHAIN, whole ? WHOLE : BROKEN);
    }

    private Reply register(Asked asked) {
        Map<String, @Nullable Object> body = asked.json();
        String id = path(asked, "id");
        if (!(body.get("jwks") instanceof Map<?, ?> jwks)) {
            throw new Refused(400, "jwks is the agent's public keys, as a JWK set (RFC 7517 §5).");
        }
        Set<String> redirects = new HashSet<>();
        if (body.get("redirect_uris") instanceof List<?> list) {
            list.forEach(uri -> redirects.add(String.valueOf(uri)));
        }
        String name = body.get("name") instanceof String text ? text : id;
        try {
            authority.register(new Agent(
                    id,
                    name,
                    new Authentication.PrivateKeyJwt(JsonText.of(jwks)),
                    Map.of(),
                    agentScope(body.get("scope")),
                    redirects,
                    Set.of(),
                    Optional.<OnBehalfOf.NoSubject>empty(),
                    AuthorityConfig.DEFAULT_DEPTH,
                    Set.of()));
        } catch (IllegalArgumentException e) {
            boolean configured = configuration.authority().agents().stream()
                    .anyMatch(agent -> agent.id().equals(id));
            throw new Refused(configured ? 409 : 400, sentence(e));
        }
        return Reply.json(200, Map.of("agent", id));
    }

    /** Outside development mode no agent may be given more than there are routes for, whatever nobody thought of. */
    private Optional<Scope> agentScope(@Nullable Object asked) {
        if (asked instanceof String words) {
            return Optional.of(ScopeWords.parse(words));
        }
        return configuration.server().development()
                ? Optional.empty()
                : Optional.of(ScopeWords.parse(configuration.routes().stream()
                        .map(route -> route.service() + ":*")
                        .distinct()
                        .collect(Collectors.joining(" "))));
    }

    private Reply revoke(Asked asked) {
        Map<String, @Nullable Object> body = asked.json();
        RevokeRequest request;
        try {
            request = new RevokeRequest(
                    what(body), asked.by(), body.get("reason") instanceof String reason ? reason : "", dryRun(body));
        } catch (IllegalArgumentException e) {
            throw new Refused(400, sentence(e));
        }
        Stopped stopped = request.what() instanceof What.User(var user) && !isSubjectId(user)
                ? stopByName(user, request)
                : authority.revoke(request);
        return Reply.json(200, StopAnswer.of(stopped, request.dryRun()));
    }

    /**
     * By whatever {@code tasks} finds a person: whoever must stop them has no time to look an id up. The stop comes first,
     * so that it holds while the ledger cannot record who looked; nobody is told anything before that is recorded.
     */
    private Stopped stopByName(String name, RevokeRequest request) {
        SortedMap<String, List<TaskId>> people = authority.identities().called(name);
        if (people.size() != 1) {
            recordLookUp(people, request);
            throw notOne(people.keySet());
        }
        Stopped stopped = authority.revoke(
                new RevokeRequest(new What.User(people.firstKey()), request.by(), request.reason(), request.dryRun()));
        try {
            stories.recordLookUp(stopped.tasks(), request.by());
        } catch (Stories.Unavailable unrecorded) {
            throw request.dryRun() ? unrecorded : new Stories.Unavailable(StopAnswer.untold(stopped));
        }
        return stopped;
    }

    /** A task of each of those who are named to choose from. */
    private void recordLookUp(SortedMap<String, List<TaskId>> people, RevokeRequest request) {
        try {
            stories.recordLookUp(
                    people.values().stream()
                            .limit(StopAnswer.MAX_CHOICE)
                            .map(List::getFirst)
                            .toList(),
                    request.by());
        } catch (Stories.Unavailable unrecorded) {
            throw request.dryRun() ? unrecorded : new Stories.Unavailable(StopAnswer.NOBODY_STOPPED);
        }
    }

    private static Refused notOne(Set<String> subjects) {
        if (subjects.isEmpty()) {
            return new Refused(
                    404,
                    "No task that still runs is for a person who is called exactly that."
                            + " People are known by provider:id too.");
        }
        return new Refused(400, StopAnswer.several(subjects));
    }

    private boolean isSubjectId(String user) {
        return configuration.authority().providers().stream()
                .anyMatch(provider -> user.startsWith(provider.name() + ":"));
    }

    /** A stop cannot be taken back, so nothing that may have been meant as a dry run is taken for one. */
    private static boolean dryRun(Map<String, @Nullable Object> body) {
        for (String member : body.keySet()) {
            if (!STOPPED_BY.contains(member) && !member.equals("reason") && !member.equals("dry_run")) {
                throw new IllegalArgumentException(ForeignText.clean(member) + " is no member of a stop");
            }
        }
        if (!(body.getOrDefault("dry_run", false) instanceof Boolean dry)) {
            throw new IllegalArgumentException("dry_run is true or false");
        }
        return dry;
    }

    private static What what(Map<String, @Nullable Object> body) {
        Map<String, @Nullable Object> named = new LinkedHashMap<>(body);
        named.keySet().retainAll(STOPPED_BY);
        if (named.size() != 1) {
            throw new IllegalArgumentException("name exactly one of task, user, agent, approval, service, all");
        }
        var only = named.entrySet().iterator().next();
        if (only.getKey().equals("all")) {
            if (!Boolean.TRUE.equals(only.getValue())) {
                throw new IllegalArgumentException("all is true");
            }
            return new What.All();
        }
        if (!(only.getValue() instanceof String value) || value.isBlank()) {
            throw new IllegalArgumentException(only.getKey() + " is a text");
        }
        return switch (only.getKey()) {
            case "task" -> new What.Task(new TaskId(value));
            case "user" -> new What.User(value);
            case "agent" -> new What.Agent(value);
            case "approval" -> new What.Approval(value);
            case String _ -> new What.Service(value);
        };
    }

    private Reply downstream(Asked asked) throws Exception {
        return switch (services.take(asked.body().getBytes())) {
            case ServiceChains.Taken.In(var committed, String leaf) -> {
                try {
                    String id = committed.toCompletableFuture().get().recordId();
                    yield Reply.json(201, Map.of("record", id, "leaf", leaf));
                } catch (ExecutionException away) {
                    throw new Refused(503, "The record could not be made durable. Send it again.");
                }
            }
            case ServiceChains.Taken.Refused(int status, String sentence) -> throw new Refused(status, sentence);
        };
    }

    // ---- between Vert.x and the endpoints

    private void get(Router router, Access access, String path, Endpoint endpoint) {
        router.route(HttpMethod.GET, ROOT + path).handler(context -> run(context, access, Buffer.buffer(), endpoint));
    }

    private void send(Router router, Access access, HttpMethod method, String path, int maxBytes, Endpoint endpoint) {
        router.route(method, ROOT + path).handler(context -> {
            // before the body is read: whoever may not ask may not send either
            if (access.who(context.request()).isEmpty()) {
                access.refuse(context.response());
            } else {
                // JSON whatever it is said to be: as a form it would be read under other rules and bounds
                context.request().headers().remove("Content-Type");
                context.next();
            }
        });
        router.route(method, ROOT + path)
                .handler(BodyHandler.create(false).setBodyLimit(maxBytes))
                .handler(context -> {
                    Buffer body = context.body().buffer();
                    run(context, access, body == null ? Buffer.buffer() : body, endpoint);
                });
    }

    private void run(RoutingContext context, Access access, Buffer body, Endpoint endpoint) {
        HttpServerRequest request = context.request();
        HttpServerResponse response = context.response();
        Optional<String> by = access.who(request);
        if (by.isEmpty()) {
            access.refuse(response);
            return;
        }
        if (!room.tryAcquire()) {
            ProblemJson.answer(response, 503, "The server is busy. Try again in a moment.");
            return;
        }
        Context loop = context.vertx().getOrCreateContext();
        Asked asked = new Asked(request, Map.copyOf(context.pathParams()), body, by.get());
        threads.execute(() -> {
            Runnable write;
            try {
                Reply reply = endpoint.answer(asked);
                write = () -> write(response, reply);
            } catch (Refused no) {
                write = () -> ProblemJson.answer(response, no.status, String.valueOf(no.getMessage()));
            } catch (StoreUnavailable away) {
                LOG.log(Level.WARNING, request.method() + " " + ROOT + ": " + away.getMessage());
                write = () -> ProblemJson.answer(
                        response,
                        503,
                        "The store cannot be used now, so nothing was done. See to the disk, then try again.");
            } catch (Stories.Unavailable away) {
                write = () -> ProblemJson.answer(response, 503, String.valueOf(away.getMessage()));
            } catch (Exception | Error fault) { // also one of the deep kind: whoever asked is told
                LOG.log(Level.ERROR, request.method() + " " + ROOT + " failed", fault);
                write = () -> ProblemJson.answer(response, 500, "The server failed; its log says how.");
            } finally {
                room.release();
            }
            Runnable answer = write;
            loop.runOnContext(_ -> answer.run());
        });
    }

    private static void write(HttpServerResponse response, Reply reply) {
        if (response.ended() || response.closed()) {
            return;
        }
        response.setStatusCode(reply.status())
                .putHeader("Content-Type", reply.type())
                .putHeader("Cache-Control", "no-store");
        reply.headers().forEach(response::putHeader);
        response.end(Buffer.buffer(reply.body()));
    }

    private static String wanted(Asked asked) {
        String accept = Optional.ofNullable(asked.request().getHeader("Accept")).orElse(JSON);
        return accept.equals(OwnerSocket.TEXT) || accept.equals(OwnerSocket.JSON_LINES) ? accept : JSON;
    }

    private static Reply text(Stream<String> lines) {
        return new Reply(200, OwnerSocket.TEXT, lines.collect(Collectors.joining()), Map.of());
    }

    private static Reply jsonLines(Stream<? extends Map<String, @Nullable Object>> objects) {
        return new Reply(
                200,
                OwnerSocket.JSON_LINES,
                objects.map(each -> JsonText.of(each) + "\n").collect(Collectors.joining()),
                Map.of());
    }

    private static String name(IndexKey key) {
        return key.name().toLowerCase(Locale.ROOT);
    }

    private static String path(Asked asked, String name) {
        return Optional.ofNullable(asked.path().get(name)).orElseThrow();
    }

    private static String sentence(IllegalArgumentException e) {
        String said = String.valueOf(e.getMessage());
        return Character.toUpperCase(said.charAt(0)) + said.substring(1) + (said.endsWith(".") ? "" : ".");
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}

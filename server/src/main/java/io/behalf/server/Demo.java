package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.DevelopmentProvider;
import io.behalf.authority.RevokeRequest;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.ledger.IndexKey;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.Answer;
import io.behalf.sdk.ApprovalRequest;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HandOver;
import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import io.behalf.server.sample.CustomerService;
import io.behalf.server.sample.PretendBrowser;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The story of one task, played against a running server by pretend people and a small agent. */
final class Demo {
    static final String TASK = "Summarize last quarter's enterprise tickets";
    static final String USER = "alice";
    static final String AGENT = "ticket-agent";
    static final String SUB_AGENT = "summarizer";
    static final int CALLS_BEFORE = 47;
    static final int CALLS_ALLOWED = 200;

    private static final String BY = "demo";
    private static final URI BACK_TO = URI.create("http://127.0.0.1/demo");
    private static final Duration STOPS_WITHIN = Duration.ofSeconds(10);
    private static final Duration CLOSES_WITHIN = Duration.ofSeconds(20);
    private static final Permission READ = Permission.of("tickets", List.of("read"), List.of("tickets/*"), Map.of());
    private static final List<String> TOOLS = List.of("tickets.search", "customers.get");

    private final Server server;
    private final Clock clock;
    private final HttpClient http = HttpClient.newHttpClient();

    private Demo(Server server, Clock clock) {
        this.server = server;
        this.clock = clock;
    }

    /**
     * What came of it: everything but these few things is in the records.
     *
     * @param before what a service logs that knows only the agent's key
     * @param told what the agent was told of the refused call
     * @param shown a record of the middle, from which the task is told
     * @param stoppedAfter from the stop to the first refusal that the agent got
     */
    record Played(
            List<CustomerService.Line> before,
            String told,
            String shown,
            Duration stoppedAfter,
            TaskStory story,
            Who who) {
        Played {
            before = List.copyOf(before);
        }
    }

    static Played play(Vertx vertx, Server server, Clock clock) throws IOException, InterruptedException {
        var demo = new Demo(server, clock);
        try {
            return demo.play(vertx);
        } finally {
            demo.http.close();
        }
    }

    private Played play(Vertx vertx) throws IOException, InterruptedException {
        List<CustomerService.Line> before = before(vertx);
        AuthorityClient authority = register(AGENT, Set.of(SUB_AGENT));
        AuthorityClient sub = register(SUB_AGENT, Set.of());
        RunningTask task = new RunningTask(authority, approvedBy(USER, authority), Optional.of(gateway()));
        try (DemoAgent agent = new DemoAgent(server.base(), task)) {
            String told = work(agent);

            people().signOut(USER);
            granted(task.renew());
            Map<String, @Nullable Object> search = new TreeMap<>(Map.of("plan", "enterprise", "quarter", "Q3"));
            String shown = done(agent.tool("tickets.search", search)).record();

            try (DemoAgent summarizer = handOver(task, sub)) {
                done(summarizer.get("/http/tickets/tickets/t-101"));
            }

            Duration stoppedAfter = stop(task.task(), agent);
            Stories.Told story = closed(shown);
            return new Played(before, told, shown, stoppedAfter, story.story(), story.who());
        }
    }

    /** The agent without a delegation: one key that opens everything, and a log that names nobody. */
    private List<CustomerService.Line> before(Vertx vertx) throws IOException, InterruptedException {
        String key = UUID.randomUUID().toString();
        var service = CustomerService.start(vertx, key, clock)
                .toCompletionStage()
                .toCompletableFuture()
                .orTimeout(10, TimeUnit.SECONDS)
                .join();
        try {
            for (int call = 0; call < CALLS_BEFORE; call++) {
                http.send(
                        HttpRequest.newBuilder(service.server().address().resolve("/customers/" + (4711 + call)))
                                .header("Authorization", "Bearer " + key)
                                .build(),
                        BodyHandlers.discarding());
            }
            return service.service().log();
        } finally {
            var _ = service.server().close();
        }
    }

    private AuthorityClient register(String id, Set<String> mayHandOverTo) {
        SigningKey key = SigningKey.generate();
        String jwks = JsonText.of(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint()))));
        server.authority()
                .register(new AuthorityConfig.Agent(
                        id,
                        id,
                        new Authentication.PrivateKeyJwt(jwks),
                        Map.of(),
                        Optional.empty(),
                        Set.of(BACK_TO.toString()),
                        mayHandOverTo,
                        Optional.empty(),
                        AuthorityConfig.DEFAULT_DEPTH,
                        Set.of()));
        return new AuthorityClient(
                URI.create(server.configuration().authority().issuer()),
                new AgentCredential.PrivateKey(id, key),
                SigningKey.generate());
    }

    /** The person reads what is asked for and approves it in the browser: two round trips to the provider. */
    private HeldDelegation approvedBy(String user, AuthorityClient authority) throws IOException, InterruptedException {
        var search = Permission.of(
                "tools",
                List.of("tickets.search"),
                List.of(),
                Map.of("plan", List.of("enterprise"), "quarter", List.of("Q3")));
        var wanted = new BehalfTask(
                TASK,
                Scope.of(Permission.of("openai", List.of("chat")), search, READ),
                Limits.calls(CALLS_ALLOWED),
                Optional.empty(),
                Optional.empty());
        ApprovalRequest request = granted(authority.requestApproval(wanted, BACK_TO, Optional.of(gateway())));
        String password = Optional.ofNullable(people().passwords().get(user)).orElseThrow();
        try (PretendBrowser browser = new PretendBrowser(user, password)) {
            PretendBrowser.Approved approved = browser.approve(request.page(), BACK_TO);
            if (!approved.state().equals(request.state())) {
                throw new IOException("somebody else's approval came back");
            }
            return granted(authority.approved(request, approved.code()));
        }
    }

    /** @return what the agent was told of the call that was refused */
    private static String work(DemoAgent agent) throws IOException, InterruptedException {
        List<Map<String, @Nullable Object>> messages = new ArrayList<>();
        messages.add(Map.of("role", "user", "content", TASK));
        DemoAgent.Answered plan = done(agent.ask(messages, TOOLS));
        messages.add(objects(plan.at("choices", "0", "message")));
        agent.connect();
        String told = "";
        for (Object planned : list(plan.at("choices", "0", "message", "tool_calls"))) {
            Map<String, @Nullable Object> call = objects(objects(planned).get("function"));
            DemoAgent.Answered result =
                    agent.tool(String.valueOf(call.get("name")), arguments(String.valueOf(call.get("arguments"))));
            String text = result.text("result", "content", "0", "text");
            if (Boolean.TRUE.equals(result.at("result", "isError"))) {
                told = text;
            }
            messages.add(Map.of(
                    "role",
                    "tool",
                    "tool_call_id",
                    String.valueOf(objects(planned).get("id")),
                    "content",
                    text));
        }
        done(agent.ask(messages, TOOLS));
        return told;
    }

    private DemoAgent handOver(RunningTask task, AuthorityClient sub) {
        var part = new BehalfTask(
                "Read the tickets that were found", Scope.of(READ), Limits.NONE, Optional.empty(), Optional.empty());
        HandOver token = granted(task.handOver(SUB_AGENT, part));
        HeldDelegation held = granted(sub.take(token.token(), Optional.of(gateway())));
        return new DemoAgent(server.base(), new RunningTask(sub, held, Optional.of(gateway())));
    }

    private Duration stop(TaskId task, DemoAgent agent) throws IOException, InterruptedException {
        long asked = System.nanoTime();
        server.authority()
                .revoke(new RevokeRequest(new RevokeRequest.What.Task(task), "operator", "seen enough", false));
        DemoAgent.Answered next;
        do {
            next = agent.tool("tickets.search", Map.of("plan", "enterprise", "quarter", "Q3"));
            if (System.nanoTime() - asked > STOPS_WITHIN.toNanos()) {
                throw new IOException("the task goes on after it was stopped");
            }
        } while (next.status() < 300);
        return Duration.ofNanos(System.nanoTime() - asked);
    }

    /** The story, once its closing record is there. */
    private Stories.Told closed(String record) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + CLOSES_WITHIN.toNanos();
        while (true) {
            Stories.Told told =
                    server.stories().find(IndexKey.RECORD, record, BY).getFirst();
            if (told.story().ended()) {
                return told;
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("the task is not closed");
            }
            Thread.sleep(100);
        }
    }

    private DevelopmentProvider people() {
        return server.people().orElseThrow();
    }

    private String gateway() {
        return server.base() + "/gateway";
    }

    private static DemoAgent.Answered done(DemoAgent.Answered answer) throws IOException {
        if (answer.status() >= 300 || Boolean.TRUE.equals(answer.at("result", "isError"))) {
            throw new IOException(
                    "a call that is allowed was answered " + answer.status() + ": " + JsonText.of(answer.body()));
        }
        return answer;
    }

    private static <T> T granted(Answer<T> answer) {
        return answer.fold(
                value -> value,
                no -> {
                    throw new IllegalStateException("the authority says no: " + no);
                },
                none -> {
                    throw new IllegalStateException("the authority does not answer: " + none);
                });
    }

    private static Map<String, @Nullable Object> arguments(String json) throws IOException {
        try {
            return Json.readObject(json.getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed e) {
            throw new IOException("the model planned no JSON: " + e.getMessage(), e);
        }
    }

    private static Map<String, @Nullable Object> objects(@Nullable Object value) {
        Map<String, @Nullable Object> out = new TreeMap<>();
        if (value instanceof Map<?, ?> map) {
            map.forEach((name, member) -> out.put(String.valueOf(name), member));
        }
        return out;
    }

    private static List<?> list(@Nullable Object value) {
        return value instanceof List<?> list ? list : List.of();
    }
}

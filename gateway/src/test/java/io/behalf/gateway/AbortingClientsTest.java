package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import io.behalf.policy.PolicySource;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Agents that go away, at whatever point: each call that was begun has one outcome, and nothing of it stays open. */
class AbortingClientsTest {
    private static final int AGENTS = 2_000;
    private static final int AT_ONCE = 24;
    private static final Duration LONG = Duration.ofMinutes(5);
    /** So few that connections which are not given back would be missed, and far more than are open at once. */
    private static final Connections.Limits LIMITS = new Connections.Limits(AGENTS / 4, LONG, LONG, LONG);

    private static final String EVENTS = "data: {}\n\n".repeat(20);
    private static final String LAST = "data: [DONE]\n\n";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private enum Point {
        WITHIN_THE_HEAD,
        WITHIN_THE_BODY,
        AFTER_THE_REQUEST,
        WHILE_WAITING,
        AFTER_THE_ANSWERS_HEAD,
        WITHIN_THE_ANSWER,
        JUST_BEFORE_THE_END,
        NEVER
    }

    private enum Upstream {
        ANSWERS,
        STREAMS,
        STREAMS_SLOWLY,
        HANGS,
        HANGS_WITHIN
    }

    /** @param reset whether the connection is torn down rather than closed */
    private record Plan(int number, Point point, Upstream upstream, String path, boolean reset, Random random) {
        static Plan of(int number, Random all) {
            Random random = new Random(all.nextLong());
            Point point = any(List.of(Point.values()), random);
            Upstream upstream = any(List.of(Upstream.values()), random);
            if (point == Point.NEVER && upstream.compareTo(Upstream.HANGS) >= 0) {
                upstream = Upstream.STREAMS; // or it would wait for ever
            }
            List<String> paths = List.of("/llm/openai/v1/chat/completions", "/http/tickets/tickets/4711", "/mcp/tools");
            return new Plan(number, point, upstream, any(paths, random), random.nextBoolean(), random);
        }

        private static <T> T any(List<T> of, Random random) {
            return of.get(random.nextInt(of.size()));
        }

        String trace() {
            return "%032x".formatted(number + 1);
        }

        String answer() {
            return switch (path) {
                case "/llm/openai/v1/chat/completions" -> EVENTS + LAST;
                case "/mcp/tools" -> ": here\n\n".repeat(20) + "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n";
                default -> EVENTS;
            };
        }
    }

    @Test
    void eachIntentHasOneOutcomeThatSaysWhoCut() throws Exception {
        long seed = new Random().nextLong();
        Random all = new Random(seed);
        List<Plan> plans = new ArrayList<>();
        for (int number = 0; number < AGENTS; number++) {
            plans.add(Plan.of(number, all));
        }
        assertThat(plans).extracting(Plan::point).contains(Point.values());
        assertThat(plans).extracting(Plan::upstream).contains(Upstream.values());
        try (World world = new World(route -> route.withAllowUnbound(true), PolicySource.BUILT_IN, LIMITS)) {
            world.upstream.answers((received, response) -> answer(world, plans, received, response));
            Delegation delegation = world.delegation();
            String token = world.token(Delegations.bound(delegation, new Binding.Unbound()));
            List<Future<Void>> agents = new ArrayList<>();
            try (ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE + 1)) {
                Future<Void> disk = threads.submit(() -> slowDisk(world.ledger));
                try {
                    for (Plan plan : plans) {
                        agents.add(threads.submit(() -> {
                            act(plan, world.port, request(world, plan, token));
                            return null;
                        }));
                    }
                    for (Future<Void> agent : agents) {
                        agent.get(1, TimeUnit.MINUTES);
                    }
                    world.gateway
                            .settled(delegation.taskId())
                            .toCompletableFuture()
                            .get(30, TimeUnit.SECONDS);
                } catch (ExecutionException | TimeoutException failed) {
                    throw new AssertionError("seed " + seed, failed);
                } finally {
                    disk.cancel(true);
                }
            } finally {
                world.ledger.letGo();
            }
            check(world, plans, "seed " + seed);
            assertThat(world.task(delegation).idle()).isTrue();
            await("seed " + seed + ": the upstream works for nobody", () -> world.upstream.working() == 0);
            await("seed " + seed + ": no body is held", () -> world.bodies.held() == 0);
        }
    }

    private static void check(World world, List<Plan> plans, String seed) throws InterruptedException {
        await(
                seed + ": an outcome for each intent",
                () -> world.records(Outcome.class).size()
                        == world.records(Intent.class).size());
        Map<String, List<Outcome>> outcomes =
                world.records(Outcome.class).stream().collect(Collectors.groupingBy(Outcome::of));
        Map<String, Intent> intents = new HashMap<>();
        for (Intent intent : world.records(Intent.class)) {
            String trace = intent.header().trace().orElseThrow().traceId();
            assertThat(intents.put(trace, intent)).as(seed).isNull();
            assertThat(outcomes.getOrDefault(intent.header().id(), List.of()))
                    .as(seed)
                    .hasSize(1);
        }
        Map<String, Long> sent = world.upstream.received().stream()
                .collect(Collectors.groupingBy(AbortingClientsTest::trace, Collectors.counting()));
        assertThat(intents.keySet()).as(seed).containsAll(sent.keySet());
        assertThat(sent.values()).as(seed).containsOnly(1L);
        assertThat(world.records(Outcome.class))
                .as(seed)
                .extracting(outcome -> outcome.outcome().end())
                .contains(End.COMPLETE, End.CUT_BY_CLIENT);
        for (Plan plan : plans) {
            String what = seed + ", agent " + plan;
            Intent intent = intents.get(plan.trace());
            if (plan.point.compareTo(Point.AFTER_THE_REQUEST) < 0) {
                assertThat(intent).as(what).isNull();
            } else if (intent != null) {
                End end = Objects.requireNonNull(outcomes.get(intent.header().id()))
                        .getFirst()
                        .outcome()
                        .end();
                assertThat(end).as(what).isIn(possible(plan));
            }
            if (plan.point == Point.NEVER) {
                assertThat(intent).as(what).isNotNull();
            }
        }
    }

    /** An agent that goes away while the end is on its way to it may be found gone, or served. */
    private static List<End> possible(Plan plan) {
        if (plan.upstream.compareTo(Upstream.HANGS) >= 0) {
            return List.of(End.CUT_BY_CLIENT);
        }
        return plan.point == Point.NEVER ? List.of(End.COMPLETE) : List.of(End.COMPLETE, End.CUT_BY_CLIENT);
    }

    private static String request(World world, Plan plan, String token) {
        String headers = "Authorization: Bearer " + token + "\r\ntraceparent: 00-" + plan.trace()
                + "-00f067aa0ba902b7-01\r\nContent-Type: application/json\r\n";
        return switch (plan.path) {
            case "/mcp/tools" ->
                world.request(
                        "POST",
                        plan.path,
                        headers,
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\"}}");
            case "/llm/openai/v1/chat/completions" ->
                world.request("POST", plan.path, headers, "{\"model\":\"small\",\"stream\":true}");
            default -> world.request("GET", plan.path, headers, "");
        };
    }

    /** What the agent does until it goes away. */
    private static void act(Plan plan, int port, String request) throws Exception {
        byte[] bytes = request.getBytes(StandardCharsets.UTF_8);
        int head = request.indexOf("\r\n\r\n") + 4;
        int sent =
                switch (plan.point) {
                    case WITHIN_THE_HEAD -> plan.random.nextInt(head);
                    case WITHIN_THE_BODY ->
                        head == bytes.length ? head - 1 : head + plan.random.nextInt(bytes.length - head);
                    case AFTER_THE_REQUEST,
                            WHILE_WAITING,
                            AFTER_THE_ANSWERS_HEAD,
                            WITHIN_THE_ANSWER,
                            JUST_BEFORE_THE_END,
                            NEVER -> bytes.length;
                };
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.setTcpNoDelay(true);
            socket.setSoTimeout((int) PATIENCE.toMillis());
            if (plan.reset) {
                socket.setSoLinger(true, 0);
            }
            socket.getOutputStream().write(bytes, 0, sent);
            InputStream in = socket.getInputStream();
            switch (plan.point) {
                case WITHIN_THE_HEAD, WITHIN_THE_BODY, AFTER_THE_REQUEST -> {}
                case WHILE_WAITING -> Thread.sleep(plan.random.nextInt(20));
                case AFTER_THE_ANSWERS_HEAD, WITHIN_THE_ANSWER, JUST_BEFORE_THE_END -> {
                    if (plan.upstream == Upstream.HANGS) {
                        Thread.sleep(plan.random.nextInt(20)); // there will be none
                        return;
                    }
                    readHead(in);
                    if (plan.upstream != Upstream.HANGS_WITHIN) {
                        in.readNBytes(readOf(plan));
                    }
                }
                case NEVER ->
                    assertThat(answer(in))
                            .startsWith("HTTP/1.1 200")
                            .contains(plan.answer().substring(plan.answer().length() - 9));
            }
        }
    }

    /** How much of the answer's body the agent waits for. */
    private static int readOf(Plan plan) {
        return switch (plan.point) {
            case WITHIN_THE_ANSWER -> plan.random.nextInt(plan.answer().length() / 2);
            case JUST_BEFORE_THE_END -> plan.answer().length() - 1;
            case WITHIN_THE_HEAD, WITHIN_THE_BODY, AFTER_THE_REQUEST, WHILE_WAITING, AFTER_THE_ANSWERS_HEAD, NEVER -> 0;
        };
    }

    private static void readHead(InputStream in) throws IOException {
        String end = "\r\n\r\n";
        StringBuilder head = new StringBuilder();
        while (!head.toString().endsWith(end)) {
            int next = in.read();
            if (next < 0) {
                throw new IOException("broke off after " + head);
            }
            head.append((char) next);
        }
    }

    /** A whole answer, in whatever framing. */
    private static String answer(InputStream in) throws IOException {
        StringBuilder all = new StringBuilder();
        byte[] buffer = new byte[4_096];
        while (true) {
            int n = in.read(buffer);
            if (n < 0) {
                throw new IOException("broke off after " + all);
            }
            all.append(new String(buffer, 0, n, StandardCharsets.UTF_8));
            int head = all.indexOf("\r\n\r\n") + 4;
            int length = all.indexOf("content-length: ");
            if (length > 0 && length < head) {
                int whole = Integer.parseInt(all.substring(length + 16, all.indexOf("\r", length)));
                if (all.length() - head >= whole) {
                    return all.toString();
                }
            } else if (head > 3 && all.indexOf("\r\n0\r\n\r\n") > 0) {
                return all.toString();
            }
        }
    }

    private static void answer(
            World world, List<Plan> plans, FakeUpstream.Received received, HttpServerResponse response) {
        Plan plan = plans.get(Integer.parseInt(trace(received), 16) - 1);
        response.putHeader("content-type", "text/event-stream");
        String whole = plan.answer();
        int half = whole.length() / 2;
        switch (plan.upstream) {
            case HANGS -> {}
            case ANSWERS -> response.end(whole);
            case STREAMS -> {
                response.setChunked(true).write(whole.substring(0, half));
                response.end(whole.substring(half));
            }
            case STREAMS_SLOWLY -> {
                response.setChunked(true).write(whole.substring(0, half));
                world.vertx.setTimer(5, _ -> {
                    if (!response.closed()) {
                        response.end(whole.substring(half));
                    }
                });
            }
            case HANGS_WITHIN -> response.setChunked(true).write(whole.substring(0, half));
        }
    }

    private static String trace(FakeUpstream.Received received) {
        return Objects.requireNonNull(received.headers().get("traceparent")).substring(3, 35);
    }

    /** Agents go away while their records are being written, too. */
    private static Void slowDisk(RecordingLedger ledger) throws InterruptedException {
        while (true) {
            ledger.holdOn(_ -> true);
            Thread.sleep(2);
            ledger.letGo();
        }
    }

    private static void await(String what, BooleanSupplier met) throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!met.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.sleep(20);
        }
    }
}

package io.behalf.gateway;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import io.behalf.policy.Policy;
import io.behalf.policy.PolicyProblems;
import io.behalf.policy.PolicySource;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.IssuerKeys;
import io.behalf.verifier.Revocations;
import io.behalf.verifier.TrustedIssuers;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleBiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Measures the call path beside plain nginx, in one run on one machine: nginx stands upstream of both, wrk asks both, and
 * the gateway verifies, decides and writes two durable records a call. What {@code behalf bench gateway} runs; it needs
 * the programs {@code nginx} and {@code wrk}.
 */
public final class GatewayBench {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String ASK =
            "{\"model\":\"small\",\"messages\":[{\"role\":\"user\",\"content\":\"Summarize the tickets.\"}]}";
    private static final String REPLY =
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"small\",\"choices\":[{\"index\":0,"
                    + "\"message\":{\"role\":\"assistant\",\"content\":\"There were four themes, of which slow exports was"
                    + " the largest by far; two customers asked for a date.\"},\"finish_reason\":\"stop\"}],"
                    + "\"usage\":{\"prompt_tokens\":21,\"completion_tokens\":24,\"total_tokens\":45}}";

    private static final int LOOPS = 2;
    /** Proofs made for each second of a measurement: more than are used, as none is good twice. */
    private static final int PROOFS_PER_SECOND = 12_000;

    private static final List<String> PROGRAMS = List.of("nginx", "wrk");

    private static final Pattern RATE = Pattern.compile("Requests/sec:\\s+([0-9.]+)");
    private static final Pattern REQUESTS = Pattern.compile("([0-9]+) requests in ");
    private static final Pattern WAIT = Pattern.compile("\\s(50|99)%\\s+([0-9.]+)(us|ms|s)");
    private static final Pattern FAILED = Pattern.compile("Non-2xx or 3xx responses: ([0-9]+)");

    /**
     * @param data a folder on the disk whose forces are part of the figures
     * @param connections asked on at once
     * @param rounds how often everything is measured, in turn; the medians are told
     * @param warmUp load of each kind before the first figure, without which the figures are the compiler's
     */
    public record Settings(Path data, List<Integer> connections, int rounds, Duration warmUp, Duration each) {
        public Settings {
            connections = List.copyOf(connections);
            if (rounds < 1 || connections.isEmpty() || connections.stream().anyMatch(n -> n < 1)) {
                throw new IllegalArgumentException("rounds and connections are positive");
            }
        }
    }

    /** What is measured. */
    public enum Way {
        NGINX,
        BEARER,
        DPOP
    }

    /**
     * @param cpuMicros processor time a request of the one that was asked, nginx or this process: on a machine that does
     *     other things besides, the steadiest of these
     * @param failed answers that were no success: a figure with any says nothing
     */
    public record Figure(
            Way way,
            int connections,
            double perSecond,
            double p50Micros,
            double p99Micros,
            double cpuMicros,
            long failed) {}

    /**
     * Medians of the rounds.
     *
     * @param timesNginx the median of what each round's requests a second were to those of nginx in the same round
     * @param addedP50Micros the same of what the median wait was longer than that through nginx
     */
    public record Compared(Figure figure, double timesNginx, double addedP50Micros, double addedP99Micros) {}

    private final Settings settings;
    private final SigningKey authority = SigningKey.generate();
    private final SigningKey agent = SigningKey.generate();
    private final int upstreamPort;
    private final int nginxPort;
    private final int gatewayPort;
    private final String base;

    private GatewayBench(Settings settings) throws IOException {
        this.settings = settings;
        this.upstreamPort = freePort();
        this.nginxPort = freePort();
        this.gatewayPort = freePort();
        this.base = "http://127.0.0.1:" + gatewayPort;
    }

    /** Programs that this needs and that are not installed here. */
    public static List<String> missing() {
        return PROGRAMS.stream().filter(name -> program(name).isEmpty()).toList();
    }

    /** For each number of connections plain nginx first, then what is held against it. */
    public static List<Compared> run(Settings settings) throws IOException, InterruptedException {
        return compared(settings, new GatewayBench(settings).measure());
    }

    static List<Compared> compared(Settings settings, List<Figure> all) {
        List<Compared> out = new ArrayList<>();
        for (int connections : settings.connections()) {
            List<Figure> nginx = of(Way.NGINX, connections, all);
            for (Way way : Way.values()) {
                List<Figure> rounds = of(way, connections, all);
                out.add(new Compared(
                        new Figure(
                                way,
                                connections,
                                median(rounds.stream().mapToDouble(Figure::perSecond)),
                                median(rounds.stream().mapToDouble(Figure::p50Micros)),
                                median(rounds.stream().mapToDouble(Figure::p99Micros)),
                                median(rounds.stream().mapToDouble(Figure::cpuMicros)),
                                rounds.stream().mapToLong(Figure::failed).sum()),
                        beside(rounds, nginx, (a, b) -> a.perSecond() / b.perSecond()),
                        beside(rounds, nginx, (a, b) -> a.p50Micros() - b.p50Micros()),
                        beside(rounds, nginx, (a, b) -> a.p99Micros() - b.p99Micros())));
            }
        }
        return out;
    }

    private static List<Figure> of(Way way, int connections, List<Figure> all) {
        return all.stream()
                .filter(figure -> figure.way() == way && figure.connections() == connections)
                .toList();
    }

    private static double beside(List<Figure> rounds, List<Figure> nginx, ToDoubleBiFunction<Figure, Figure> compare) {
        return median(
                IntStream.range(0, rounds.size()).mapToDouble(i -> compare.applyAsDouble(rounds.get(i), nginx.get(i))));
    }

    private static double median(DoubleStream values) {
        double[] sorted = values.sorted().toArray();
        return sorted[sorted.length / 2];
    }

    private List<Figure> measure() throws IOException, InterruptedException {
        Files.createDirectories(settings.data());
        Process upstream = nginx("upstream", "return 200 '" + REPLY + "';", upstreamPort);
        Process plain = nginx("plain", "proxy_pass http://behind;", nginxPort);
        Sides sides = new Sides(plain, ProcessHandle.current());
        Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(LOOPS).setPreferNativeTransport(true));
        try (EmbeddedLedger ledger =
                EmbeddedLedger.open(LedgerSettings.in(settings.data().resolve("data")))) {
            Gateway gateway = gateway(vertx, ledger);
            // in one deployment, or both may be given the same loop
            await(vertx.deployVerticle(
                    () -> new Server(gateway, gatewayPort), new DeploymentOptions().setInstances(LOOPS)));
            awaitPort(upstreamPort);
            awaitPort(nginxPort);
            // both, or the compiler throws away half of what it made when the second way begins
            for (Way way : List.of(Way.BEARER, Way.DPOP)) {
                load(way, 64, settings.warmUp(), sides);
            }
            List<Figure> figures = new ArrayList<>();
            for (int round = 0; round < settings.rounds(); round++) {
                for (int connections : settings.connections()) {
                    for (Way way : Way.values()) {
                        figures.add(load(way, connections, settings.each(), sides));
                    }
                }
            }
            await(gateway.close());
            return figures;
        } finally {
            await(vertx.close());
            end(upstream);
            end(plain);
        }
    }

    /** Whom the load goes to. */
    private record Sides(Process nginx, ProcessHandle gateway) {
        Duration cpu(Way way) {
            Stream<ProcessHandle> all = way == Way.NGINX ? nginx.descendants() : Stream.of(gateway);
            return all.flatMap(each -> each.info().totalCpuDuration().stream()).reduce(Duration.ZERO, Duration::plus);
        }
    }

    private Figure load(Way way, int connections, Duration length, Sides sides)
            throws IOException, InterruptedException {
        Path requests = settings.data().resolve(way.name() + ".txt");
        Files.write(requests, requests(way, length));
        Path script = settings.data().resolve("load.lua");
        Files.writeString(script, SCRIPT);
        int port = way == Way.NGINX ? nginxPort : gatewayPort;
        Duration before = sides.cpu(way);
        Process wrk = new ProcessBuilder(
                        program("wrk").orElseThrow().toString(),
                        "-t1",
                        "-c" + connections,
                        "-d" + length.toSeconds() + "s",
                        "--latency",
                        "-s",
                        script.toString(),
                        "http://127.0.0.1:" + port,
                        "--",
                        requests.toString(),
                        "127.0.0.1:" + port,
                        CHAT,
                        ASK)
                .redirectErrorStream(true)
                .start();
        String told = new String(wrk.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        wrk.waitFor();
        return figure(way, connections, told, sides.cpu(way).minus(before));
    }

    private static final String SCRIPT = """
            local heads, at = {}, 0
            function init(args)
              local body = args[4]
              local before = "POST " .. args[3] .. " HTTP/1.1\\r\\nHost: " .. args[2] ..
                "\\r\\nContent-Type: application/json\\r\\nContent-Length: " .. #body .. "\\r\\n"
              for line in io.lines(args[1]) do
                heads[#heads + 1] = before .. line:gsub("\\t", "\\r\\n") .. "\\r\\n" .. body
              end
            end
            function request()
              at = at % #heads + 1
              return heads[at]
            end
            """;

    private List<String> requests(Way way, Duration length) {
        Instant now = Instant.now();
        List<String> lines = new ArrayList<>();
        switch (way) {
            case NGINX -> lines.add("Accept: */*\t");
            case BEARER -> {
                for (int task = 0; task < 64; task++) {
                    lines.add("Authorization: Bearer " + token(new Binding.Unbound(), now) + "\t");
                }
            }
            case DPOP -> {
                String token = token(new Binding.Key(agent.thumbprint()), now);
                for (long n = 0; n < PROOFS_PER_SECOND * length.toSeconds(); n++) {
                    String proof = DpopProof.sign(
                            agent,
                            "POST",
                            base + CHAT,
                            now,
                            now.toEpochMilli() + "-" + n,
                            Optional.of(token),
                            Optional.empty());
                    lines.add("Authorization: DPoP " + token + "\tDPoP: " + proof + "\t");
                }
            }
        }
        return lines;
    }

    static Figure figure(Way way, int connections, String told, Duration cpu) throws IOException {
        Matcher rate = RATE.matcher(told);
        if (!rate.find()) {
            throw new IOException("wrk told no figures: " + told);
        }
        double[] micros = new double[2];
        Matcher wait = WAIT.matcher(told);
        while (wait.find()) {
            double unit =
                    switch (wait.group(3)) {
                        case "us" -> 1;
                        case "ms" -> 1_000;
                        case String _ -> 1_000_000;
                    };
            micros[wait.group(1).equals("50") ? 0 : 1] = Double.parseDouble(wait.group(2)) * unit;
        }
        Matcher requests = REQUESTS.matcher(told);
        if (!requests.find()) {
            throw new IOException("wrk told no figures: " + told);
        }
        Matcher failed = FAILED.matcher(told);
        return new Figure(
                way,
                connections,
                Double.parseDouble(rate.group(1)),
                micros[0],
                micros[1],
                cpu.toNanos() / 1_000.0 / Math.max(1, Long.parseLong(requests.group(1))),
                failed.find() ? Long.parseLong(failed.group(1)) : 0);
    }

    private Process nginx(String name, String location, int port) throws IOException {
        Path folder = Files.createDirectories(settings.data().resolve(name));
        String user = System.getProperty("user.name").equals("root") ? "user root;" : "";
        Path config = folder.resolve("nginx.conf");
        Files.writeString(config, """
                %s
                daemon off; worker_processes 1; pid %s/pid; error_log %s/error.log;
                events { worker_connections 4096; }
                http {
                  access_log off; keepalive_requests 1000000000; default_type application/json;
                  client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;
                  scgi_temp_path %s/s;
                  upstream behind { server 127.0.0.1:%d; keepalive 512; keepalive_requests 1000000000; }
                  server {
                    listen 127.0.0.1:%d;
                    location / { proxy_http_version 1.1; proxy_set_header Connection ""; %s }
                  }
                }
                """.formatted(
                        user, folder, folder, folder, folder, folder, folder, folder, upstreamPort, port, location));
        return new ProcessBuilder(
                        program("nginx").orElseThrow().toString(), "-p", folder.toString(), "-c", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("out.log").toFile())
                .start();
    }

    /** Waits, so that nothing is written any more to a folder that the caller removes. */
    private static void end(Process process) throws InterruptedException {
        process.destroy();
        if (!process.waitFor(5, TimeUnit.SECONDS)) {
            process.destroyForcibly();
        }
    }

    private Gateway gateway(Vertx vertx, EmbeddedLedger ledger) {
        IssuerKeys keys = IssuerKeys.of(authority.publicKey());
        TrustedIssuers issuers = issuer -> issuer.equals(base) ? Optional.of(keys) : Optional.empty();
        Route route = Route.of(
                        "openai",
                        new Route.Models(Route.Provider.OPENAI),
                        "openai",
                        URI.create("http://127.0.0.1:" + upstreamPort),
                        Route.key(Route.Provider.OPENAI, "sk-upstream"))
                .withAllowUnbound(true);
        GatewayConfig config = new GatewayConfig(
                URI.create(base),
                base,
                "bench",
                Set.of("127.0.0.1:" + gatewayPort),
                Set.of(),
                List.of(route),
                GatewayConfig.Callers.NONE,
                new SecretKeySpec(new byte[32], Macs.ALGORITHM));
        return new Gateway(
                vertx,
                config,
                policy(),
                new Gateway.Edges(
                        new DelegationVerifier(issuers, Revocations.NONE, new DpopProofs()),
                        issuers,
                        _ -> CompletableFuture.completedFuture(null),
                        Revocations.NONE,
                        new InMemory(),
                        new NoTokens(),
                        ledger,
                        Clock.systemUTC()));
    }

    private static Policy policy() {
        try {
            return Policy.compile(PolicySource.BUILT_IN);
        } catch (PolicyProblems e) {
            throw new IllegalStateException("the built-in policy has no mistakes", e);
        }
    }

    private String token(Binding binding, Instant now) {
        SecureRandom random = new SecureRandom();
        Delegation delegation = new Delegation(
                base,
                base + "/gateway",
                Ids.next("dlg", now, random),
                new OnBehalfOf.Subject("corp:alice", "https://login.example", Ids.next("sbj", now, random)),
                List.of("bench-agent"),
                new BehalfTask(
                        "Measure",
                        Scope.of(Permission.of("openai", List.of("chat"))),
                        Limits.NONE,
                        Optional.empty(),
                        Optional.empty()),
                new TaskId(Ids.next("tsk", now, random)),
                now.plusSeconds(3_600),
                "0".repeat(43),
                Ids.next("apr", now, random),
                ApprovalKind.INTERACTIVE,
                Optional.empty(),
                binding,
                now,
                Optional.empty(),
                now.plusSeconds(300),
                Optional.empty());
        Map<String, @Nullable Object> header = new HashMap<>();
        header.put("typ", DelegationClaims.TYPE);
        header.put("alg", authority.algorithm().code());
        header.put("kid", authority.thumbprint());
        String signed = Base64Url.encode(Json.canonical(header)) + "."
                + Base64Url.encode(Json.canonical(DelegationClaims.toJson(delegation)));
        return signed + "." + Base64Url.encode(authority.sign(signed.getBytes(StandardCharsets.US_ASCII)));
    }

    private static final class Server extends VerticleBase {
        private final Gateway gateway;
        private final int port;

        Server(Gateway gateway, int port) {
            this.gateway = gateway;
            this.port = port;
        }

        @Override
        public Future<?> start() {
            Connections.Limits limits = Connections.Limits.of(Connections.Limits.MOST);
            return Gateway.server(vertx, new Connections(vertx, limits), gateway.handler(limits))
                    .listen(port, "127.0.0.1");
        }
    }

    private static final class InMemory implements Tasks {
        private final Map<TaskId, TaskState> states = new ConcurrentHashMap<>();

        @Override
        public @Nullable TaskState resident(TaskId id) {
            return states.get(id);
        }

        @Override
        public CompletionStage<Checked<TaskState>> open(Delegation d) {
            return CompletableFuture.completedFuture(Checked.passed(states.computeIfAbsent(
                    d.taskId(),
                    id -> new TaskState(id, new SecretKeySpec(new byte[32], Macs.ALGORITHM), Limits.NONE, 0, 0))));
        }
    }

    private static final class NoTokens implements UpstreamTokens {
        @Override
        public CompletionStage<Minted> tokenFor(VerifiedDelegation presented, Route route) {
            return CompletableFuture.failedFuture(new IllegalStateException("no route of the bench mints"));
        }

        @Override
        public String proof(Minted token, String record, String method, String url) {
            throw new IllegalStateException("no route of the bench mints");
        }
    }

    private static Optional<Path> program(String name) {
        String path = System.getenv().getOrDefault("PATH", "");
        return Stream.of((path + File.pathSeparator + "/usr/sbin").split(File.pathSeparator, -1))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private static <T> void await(Future<T> future) {
        future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(30, TimeUnit.SECONDS)
                .join();
    }

    private static void awaitPort(int port) throws InterruptedException, IOException {
        for (int attempt = 0; attempt < 250; attempt++) {
            try (Socket _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return;
            } catch (IOException notYet) {
                Thread.sleep(20);
            }
        }
        throw new IOException("nginx does not answer");
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}

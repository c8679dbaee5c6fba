package io.behalf.server;

import io.behalf.gateway.GatewayBench;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerBench;
import io.behalf.ledger.LedgerSettings;
import io.behalf.policy.PolicyBench;
import io.behalf.server.kill.Deed;
import io.behalf.server.kill.KillBench;
import io.behalf.verifier.VerifierBench;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code behalf bench}: the published figures, on this machine. What counts is how they stand to each other. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description =
                "Measures the ledger, the verifier, the policy and, beside plain nginx, the gateway on this machine; or"
                        + " kills a server under load, again and again, and checks that it kept its word (kill).")
final class BenchCommand implements Callable<Integer> {
    private static final int FEW_RULES = 10;
    private static final int MANY_RULES = 1_000;
    private static final int GATEWAY_ROUNDS = 3;
    private static final int KILL_ROUNDS = 500;
    private static final int KILL_PROGRAMS = 6;

    enum Part {
        LEDGER,
        VERIFIER,
        POLICY,
        GATEWAY,
        KILL
    }

    @Parameters(
            paramLabel = "NAME",
            arity = "0..1",
            description =
                    "One of ${COMPLETION-CANDIDATES}; without it all but KILL, which takes the better part of an hour.")
    private Optional<Part> part = Optional.empty();

    @Option(
            names = "--records",
            paramLabel = "N",
            defaultValue = "200000",
            description = "Records that the ledger writes flat out (${DEFAULT-VALUE}), after as many for warm-up.")
    private int records = 200_000;

    @Option(
            names = "--pace",
            paramLabel = "N",
            defaultValue = "2000",
            description = "Appends a second while the wait of one is measured (${DEFAULT-VALUE}).")
    private int pace = 2_000;

    @Option(
            names = "--seconds",
            paramLabel = "N",
            defaultValue = "10",
            description = "How long that is, and each measurement of the gateway (${DEFAULT-VALUE}).")
    private int seconds = 10;

    @Option(
            names = "--warm-up",
            paramLabel = "N",
            defaultValue = "30",
            description = "Seconds of load on the gateway before it is measured, with bearer tokens and as many with"
                    + " DPoP (${DEFAULT-VALUE}).")
    private int warmUp = 30;

    @Option(
            names = "--connections",
            paramLabel = "N",
            split = ",",
            defaultValue = "1,32,128",
            description = "Connections to the gateway and to nginx (${DEFAULT-VALUE}).")
    private List<Integer> connections = List.of(1, 32, 128);

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "How often nginx and gateway are measured in turn; the medians are told (" + GATEWAY_ROUNDS
                    + "). How often the server is killed (" + KILL_ROUNDS + ").")
    private Optional<Integer> rounds = Optional.empty();

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Of the choices that are made while servers are killed; one that is told, without it.")
    private Optional<Long> seed = Optional.empty();

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description =
                    "Where the ledger is written, on the disk to be measured: a folder in it is made and removed. A"
                            + " file system in memory makes the figures meaningless.")
    private Optional<Path> dir = Optional.empty();

    @Option(names = "--json", description = "Print facts as JSON.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    private final Clock clock = Clock.systemUTC();

    BenchCommand() {}

    /** @param value text, or a whole number; times in nanoseconds, ratios in hundredths */
    private record Figure(String name, Object value, String text) {}

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (records < 1
                || pace < 1
                || seconds < 1
                || warmUp < 1
                || rounds.orElse(1) < 1
                || connections.stream().anyMatch(n -> n < 1)) {
            throw CommandFailed.usage(
                    "--records, --pace, --seconds, --warm-up, --connections and --rounds are positive.");
        }
        if (dir.filter(folder -> !Files.isDirectory(folder)).isPresent()) {
            throw CommandFailed.usage(
                    "--dir " + dir.get() + " is no folder that is there: make it first, or name one on"
                            + " the disk that is to be measured.");
        }
        PrintWriter out = spec.commandLine().getOut();
        List<String> failures = new ArrayList<>();
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        for (Part each : parts()) {
            List<Figure> figures =
                    switch (each) {
                        case LEDGER -> ledger();
                        case VERIFIER -> verifier();
                        case POLICY -> policy();
                        case GATEWAY -> gateway();
                        case KILL -> kill(failures);
                    };
            String name = each.name().toLowerCase(Locale.ROOT);
            if (json) {
                Map<String, @Nullable Object> facts = new LinkedHashMap<>();
                figures.forEach(figure -> facts.put(figure.name(), figure.value()));
                all.put(name, facts);
            } else {
                out.println(name);
                figures.forEach(
                        figure -> out.println(String.format(Locale.ROOT, "  %-42s %s", figure.name(), figure.text())));
                out.flush();
            }
        }
        if (json) {
            out.println(JsonText.of(all));
        }
        out.flush();
        failures.forEach(spec.commandLine().getErr()::println);
        return failures.isEmpty() ? Exit.FINE : Exit.NO;
    }

    /** Without nginx everything else is still measured, unless the gateway was asked for by name. */
    private List<Part> parts() {
        List<String> missing = GatewayBench.missing();
        if (missing.isEmpty() || (part.isPresent() && part.get() != Part.GATEWAY)) {
            return part.map(List::of).orElse(List.of(Part.LEDGER, Part.VERIFIER, Part.POLICY, Part.GATEWAY));
        }
        String told = "The gateway is measured beside nginx, by wrk; not installed here: " + String.join(", ", missing)
                + ". On Debian or Ubuntu: apt-get install " + String.join(" ", missing);
        if (part.isPresent()) {
            throw CommandFailed.usage(told);
        }
        spec.commandLine().getErr().println(told);
        return List.of(Part.LEDGER, Part.VERIFIER, Part.POLICY);
    }

    private List<Figure> gateway() throws IOException, InterruptedException {
        Path folder = folder();
        try {
            List<Figure> out = new ArrayList<>();
            String disk = Files.getFileStore(folder).type();
            out.add(new Figure("file_system", disk, disk));
            List<GatewayBench.Compared> all = GatewayBench.run(new GatewayBench.Settings(
                    folder,
                    connections,
                    rounds.orElse(GATEWAY_ROUNDS),
                    Duration.ofSeconds(warmUp),
                    Duration.ofSeconds(seconds)));
            for (GatewayBench.Compared each : all) {
                GatewayBench.Figure figure = each.figure();
                String name = figure.way().name().toLowerCase(Locale.ROOT) + "_" + figure.connections() + "_";
                if (figure.failed() > 0) {
                    throw CommandFailed.no(figure.failed() + " answers to " + name
                            + " were no success: these figures would say nothing.");
                }
                out.add(count(name + "per_second", Math.round(figure.perSecond())));
                out.add(micros(name + "median_nanos", figure.p50Micros()));
                out.add(micros(name + "p99_nanos", figure.p99Micros()));
                out.add(micros(name + "cpu_nanos", figure.cpuMicros()));
                if (figure.way() != GatewayBench.Way.NGINX) {
                    out.add(ratio(name + "to_nginx", each.timesNginx(), 1));
                    out.add(micros(name + "added_median_nanos", each.addedP50Micros()));
                    out.add(micros(name + "added_p99_nanos", each.addedP99Micros()));
                }
            }
            return out;
        } finally {
            remove(folder);
        }
    }

    private Path folder() throws IOException {
        return dir.isPresent()
                ? Files.createTempDirectory(dir.get(), "behalf-bench")
                : Files.createTempDirectory("behalf-bench");
    }

    /** @param failures is told what was found wrong; then the data stays where it is, for whoever wants to know why */
    private List<Figure> kill(List<String> failures) throws IOException, InterruptedException {
        long used = seed.orElseGet(clock::millis);
        int wanted = rounds.orElse(KILL_ROUNDS);
        Path folder = folder();
        PrintWriter err = spec.commandLine().getErr();
        // the parts around a server that is killed have much to say about it
        ServeCommand.logFrom(Configuration.LogLevel.ERROR);
        if (Terminal.isThere()) {
            err.println("seed " + used + ", data in " + folder);
        }
        KillBench.Result result = KillBench.run(new KillBench.Settings(folder, wanted, KILL_PROGRAMS, used, round -> {
            if (Terminal.isThere()) {
                err.print("\rround " + round + " of " + wanted + (round == wanted ? "\n" : ""));
                err.flush();
            }
        }));
        if (result.violations().isEmpty()) {
            remove(folder);
        } else {
            failures.add("With --seed " + used + ", in round " + result.rounds() + " (data in " + folder + "):");
            result.violations().forEach(violation -> failures.add("  " + violation));
        }
        List<Figure> out = new ArrayList<>();
        out.add(new Figure("seed", used, String.valueOf(used)));
        out.add(count("rounds", result.rounds()));
        out.add(count("kills", result.kills()));
        out.add(count("calls", result.calls()));
        out.add(count("answers_cut", result.cut()));
        out.add(count("requests_at_upstreams", result.arrived()));
        out.add(count("acknowledged", result.acknowledged()));
        out.add(count("tasks_begun", result.answered(Deed.START, Deed.START_WITH_NOBODY, Deed.REDEEM)));
        out.add(count("approvals_in_the_browser", result.answered(Deed.REDEEM)));
        out.add(count("renewals", result.answered(Deed.RENEW, Deed.ROTATE)));
        out.add(count("hand_overs", result.answered(Deed.TAKE_OVER)));
        out.add(count("tasks_stopped", result.answered(Deed.STOP, Deed.END)));
        out.add(count("logouts", result.answered(Deed.LOGOUT)));
        out.add(count("open_calls_closed_as_unknown", result.unknown()));
        out.add(count("entries_verified", result.entries()));
        out.add(count("violations", result.violations().size()));
        out.add(millis("start_median_nanos", result.medianStart()));
        out.add(millis("start_longest_nanos", result.longestStart()));
        return out;
    }

    private List<Figure> ledger() throws IOException, InterruptedException {
        Path folder = folder();
        try {
            LedgerBench.Result result;
            try (EmbeddedLedger ledger = EmbeddedLedger.open(LedgerSettings.in(folder))) {
                result = LedgerBench.run(ledger, records, pace, Duration.ofSeconds(seconds));
            }
            return List.of(
                    count("durable_per_second", result.durablePerSecond()),
                    count("integrated_per_second", result.integratedPerSecond()),
                    ratio("integrated_to_durable", result.integratedPerSecond(), result.durablePerSecond()),
                    count("appends_per_second_paced", result.paced()),
                    micros("append_median_nanos", result.p50Micros()),
                    micros("append_p99_nanos", result.p99Micros()),
                    micros("append_longest_nanos", result.maxMicros()),
                    ratio("append_p99_to_median", result.p99Micros(), result.p50Micros()));
        } finally {
            remove(folder);
        }
    }

    private List<Figure> verifier() {
        VerifierBench.Figures figures = VerifierBench.run(VerifierBench.ROUNDS, clock.instant());
        return List.of(
                micros("signature_check_nanos", figures.rawCheck()),
                micros("new_token_nanos", figures.newToken()),
                ratio("new_token_to_signature_check", figures.newToken(), figures.rawCheck()),
                micros("known_token_nanos", figures.knownToken()),
                ratio("known_token_to_signature_check", figures.knownToken(), figures.rawCheck()),
                micros("known_token_with_proof_nanos", figures.knownTokenWithProof()),
                ratio("known_token_with_proof_to_signature_check", figures.knownTokenWithProof(), figures.rawCheck()));
    }

    private List<Figure> policy() {
        PolicyBench.Figures few = PolicyBench.run(FEW_RULES, clock.instant());
        PolicyBench.Figures many = PolicyBench.run(MANY_RULES, clock.instant());
        List<Figure> out = new ArrayList<>();
        for (PolicyBench.Figures figures : List.of(few, many)) {
            out.add(micros("decision_of_" + figures.rules() + "_rules_median_nanos", figures.median()));
            out.add(micros("decision_of_" + figures.rules() + "_rules_p99_nanos", figures.p99()));
        }
        out.add(ratio("median_of_many_to_few_rules", many.median(), few.median()));
        return out;
    }

    private static Figure count(String name, long value) {
        return new Figure(name, value, String.format(Locale.ROOT, "%,d", value));
    }

    private static Figure micros(String name, double micros) {
        return new Figure(name, Math.round(micros * 1_000), String.format(Locale.ROOT, "%,.2f µs", micros));
    }

    private static Figure micros(String name, long micros) {
        return micros(name, (double) micros);
    }

    private static Figure millis(String name, Duration time) {
        return new Figure(name, time.toNanos(), String.format(Locale.ROOT, "%,d ms", time.toMillis()));
    }

    private static Figure ratio(String name, long a, long b) {
        return ratio(name, (double) a, (double) b);
    }

    private static Figure ratio(String name, double a, double b) {
        double ratio = b == 0 ? 0 : a / b;
        return new Figure(name, Math.round(ratio * 100), String.format(Locale.ROOT, "%.2f times", ratio));
    }

    private static void remove(Path folder) throws IOException {
        List<Path> deepestFirst;
        try (var all = Files.walk(folder)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }
}

package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.gateway.GatewayConfig;
import io.behalf.gateway.Route;
import io.behalf.ledger.LedgerSettings;
import io.behalf.policy.Policy;
import io.behalf.policy.PolicyProblems;
import io.behalf.policy.PolicySource;
import io.behalf.policy.Rule;
import io.behalf.policy.ServicePolicy;
import io.behalf.server.Configuration.Listening;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Makes a {@link Configuration} of a YAML file: the only place that knows its keys. */
final class ConfigurationReader {
    static final String DEFAULT_ADDRESS = "127.0.0.1";
    static final int DEFAULT_PORT = 8700;
    static final Duration DEFAULT_DRAIN = Duration.ofSeconds(20);

    private final YamlFile file;

    private ConfigurationReader(YamlFile file) {
        this.file = file;
    }

    static ReadConfiguration read(Path path, Map<String, String> environment) {
        try {
            return read(fileOf(Files.readString(path), path, environment));
        } catch (MalformedInputException e) {
            return new ReadConfiguration.Rejected(List.of(new Problem(0, "", "not UTF-8")));
        } catch (IOException e) {
            return new ReadConfiguration.Rejected(List.of(new Problem(0, "", "cannot be read")));
        }
    }

    /** As {@link #read(Path, Map)}; the caller may ask the file afterwards which keys are known. */
    static ReadConfiguration read(YamlFile file) {
        if (!file.problems().isEmpty()) {
            return new ReadConfiguration.Rejected(file.problems()); // what is missing from no file would only distract
        }
        Optional<Configuration> made = new ConfigurationReader(file).configuration();
        List<Problem> problems = file.problems();
        return made.isPresent() && problems.isEmpty()
                ? new ReadConfiguration.Accepted(made.get())
                : new ReadConfiguration.Rejected(problems);
    }

    private static YamlFile fileOf(String text, Path path, Map<String, String> environment) {
        Path folder = path.toAbsolutePath().getParent();
        return new YamlFile(text, environment, folder == null ? Path.of("") : folder);
    }

    private Optional<Configuration> configuration() {
        Section root = file.root();
        Optional<Listening> listening = listening(root.section("server"));
        boolean development = root.section("server").flag("development", false);
        URI base = listening.map(Listening::base).orElse(URI.create("http://127.0.0.1:" + DEFAULT_PORT));
        String node = listening.map(Listening::node).orElse("local");

        ServicesReader services = new ServicesReader(root.named("services"));
        List<Route> routes = new RoutesReader(services.regulated(), file).routes(root.section("gateway"));
        Section authoritySection = root.section("authority");
        List<Section> agents = authoritySection.sections("agents");
        GatewayConfig.Callers callers = callers(root.section("gateway").section("callers"), agents);
        services.requireLabels(routes);
        Optional<AuthorityConfig> authority =
                new AuthorityReader(authoritySection, agents, base, node, development).authority(routes, services);
        Optional<PolicySource> policy = policy(root.section("policy"), routes, services.policies());
        Optional<Configuration.LedgerOptions> ledger = ledger(root.section("ledger"), development);
        Section observability = root.section("observability");
        var level = observability.word("log-level", Configuration.LogLevel.class, Configuration.LogLevel.INFO);
        observability.done();
        root.done();
        if (listening.isEmpty() || authority.isEmpty() || policy.isEmpty() || ledger.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new Configuration(
                listening.get(),
                authority.get(),
                routes,
                callers,
                services.registered(),
                policy.get(),
                ledger.get(),
                level));
    }

    private Optional<Listening> listening(Section s) {
        int before = s.problemCount();
        String address = s.text("address", DEFAULT_ADDRESS);
        int port = s.number("port", DEFAULT_PORT, 1, 65_535);
        URI base = s.address("base", URI.create("http://" + bracketed(address) + ":" + port));
        String node = s.text("node", "local");
        boolean development = s.flag("development", false);
        Set<String> hosts = new HashSet<>(s.texts("hosts"));
        Set<String> origins = new HashSet<>(s.texts("origins"));
        Duration drain = s.duration("drain", DEFAULT_DRAIN);
        Optional<String> apiToken = s.secret("api-token");
        s.done();
        if (base.getHost() == null || !base.getRawPath().isEmpty()) {
            s.refuse("base", "scheme, host and port, without a path");
        } else {
            hosts.add(authorityOf(base));
            origins.add(base.toString().toLowerCase(Locale.ROOT));
        }
        if (!development && "http".equals(base.getScheme()) && !Loopback.is(base)) {
            s.refuse("base", "https, unless it is on loopback");
        }
        Set<String> lower = new HashSet<>();
        hosts.forEach(host -> lower.add(host.toLowerCase(Locale.ROOT)));
        return s.make(
                before, () -> new Listening(address, port, base, node, development, lower, origins, drain, apiToken));
    }

    /** The {@code Host} value that a client of this address sends: without the scheme's own port. */
    private static String authorityOf(URI base) {
        return (base.getPort() < 0 ? base.getHost() : base.getHost() + ":" + base.getPort()).toLowerCase(Locale.ROOT);
    }

    private static String bracketed(String address) {
        return address.contains(":") && !address.startsWith("[") ? "[" + address + "]" : address;
    }

    private static GatewayConfig.Callers callers(Section s, List<Section> agents) {
        Map<String, String> addresses = s.labels("addresses");
        s.done();
        Map<String, String> keys = new HashMap<>();
        for (Section agent : agents) {
            for (String digest : agent.texts("api-key-sha256")) {
                if (!digest.matches("[0-9a-f]{64}")) {
                    agent.refuse("api-key-sha256", "the SHA-256 of a key, in lower-case hex");
                }
                keys.put(digest, agent.text("id"));
            }
        }
        return new GatewayConfig.Callers(keys, addresses);
    }

    private static Optional<PolicySource> policy(Section s, List<Route> routes, List<ServicePolicy> services) {
        int before = s.problemCount();
        boolean scopePermits = s.flag("scope-permits", PolicySource.BUILT_IN.scopePermits());
        int maxActors = s.number("max-actors", PolicySource.BUILT_IN.maxActors(), 1, 8);
        List<Rule> rules = new ArrayList<>();
        for (Section rule : s.sections("rules")) {
            int beforeRule = rule.problemCount();
            String id = rule.text("id");
            Rule.Effect effect = rule.word("effect", Rule.Effect.class, Rule.Effect.FORBID);
            Set<String> of = new TreeSet<>(rule.texts("services"));
            Set<String> actions = new TreeSet<>(rule.texts("actions"));
            String when = rule.text("when", "true");
            if (!rule.has("effect")) {
                rule.refuse("effect", "is missing");
            }
            rule.done();
            rule.make(beforeRule, () -> Rule.of(id, effect, of, actions, when)).ifPresent(rules::add);
        }
        s.done();
        Set<String> known = new HashSet<>();
        routes.forEach(route -> known.add(route.service()));
        services.forEach(service -> known.add(service.service()));
        Optional<PolicySource> source =
                s.make(before, () -> new PolicySource(rules, services, known, scopePermits, maxActors));
        source.ifPresent(written -> {
            try {
                Policy.compile(written);
            } catch (PolicyProblems e) {
                e.problems().forEach(problem -> s.refuse("rules", problem.toString()));
            }
        });
        return source;
    }

    private static Optional<Configuration.LedgerOptions> ledger(Section s, boolean development) {
        int before = s.problemCount();
        String log = s.text("log", "main");
        Optional<String> origin = s.optionalText("origin");
        Optional<Path> pin = s.path("pin-file");
        var readers = s.word("readers", Configuration.Readers.class, Configuration.Readers.API_TOKEN);
        long segment = s.size("segment-size", LedgerSettings.SEGMENT_BYTES);
        int queue = s.number("queue-records", LedgerSettings.QUEUE_RECORDS, 1, 1 << 24);
        Duration append = s.duration("append-timeout", LedgerSettings.APPEND_TIMEOUT);
        Duration checkpoint = s.duration("checkpoint-interval", LedgerSettings.CHECKPOINT_INTERVAL);
        s.done();
        if (origin.isEmpty() && !development) {
            // the pin file's name comes from it, and auditors hold it against the key: it must not change by itself
            s.refuse("origin", "is missing; outside development mode the log's name is yours to choose");
        }
        return s.make(before, () -> {
            if (segment > LedgerSettings.MAX_SEGMENT_BYTES) {
                throw new IllegalArgumentException("segment-size is 1GiB at most");
            }
            return new Configuration.LedgerOptions(log, origin, pin, readers, (int) segment, queue, append, checkpoint);
        });
    }
}

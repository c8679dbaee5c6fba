package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Rights;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.record.AuditRecord.Mode;
import io.behalf.gateway.Route;
import io.behalf.gateway.Route.Credential;
import io.behalf.gateway.Route.Value;
import io.behalf.policy.Rule;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every key of the configuration: what it is by default, what it becomes when it is written, and its line in
 * {@code docs/configuration.md}. A key that the reader knows and this table lacks fails.
 */
class ConfigurationKeysTest {
    /** The least that may stand in a file for the defaults to be seen. */
    private static final String LEAST = """
            server: {development: true}
            authority:
              providers: [{name: corp, issuer: "https://id.example", client-id: behalf}]
              agents: [{id: ticket-agent, secret: {env: AGENT_SECRET}}]
            services:
              tickets: {actions: {read: {}}}
            gateway:
              routes:
                - name: tickets-api
                  kind: http
                  upstream: http://127.0.0.1:3002
                  operations: [{method: GET, path: "/tickets/{id}", action: read, resources: [{path: id}]}]
                - {name: tools, kind: mcp, upstream: "http://127.0.0.1:3001", tools: [{tool: search, resources: [{pointer: /query}]}]}
                - {name: claude, kind: anthropic}
                - {name: gpt, kind: openai}
            policy:
              rules: [{id: office-hours, effect: permit}]
            """;

    private static final String REQUIRED = "required";

    /** @param byDefault {@link #REQUIRED} where a file without it is refused or where one of several must stand */
    record Key(String name, Function<Configuration, ?> read, Object byDefault, Object written) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Key> keys() {
        List<Key> keys = new ArrayList<>();
        keys.addAll(serverKeys());
        keys.addAll(authorityKeys());
        keys.addAll(serviceKeys());
        keys.addAll(routeKeys());
        keys.addAll(partsKeys("operations"));
        keys.addAll(partsKeys("tools"));
        keys.addAll(policyKeys());
        keys.addAll(ledgerKeys());
        keys.add(new Key(
                "observability.log-level",
                Configuration::logLevel,
                Configuration.LogLevel.INFO,
                Configuration.LogLevel.DEBUG));
        return keys;
    }

    private static List<Key> serverKeys() {
        return List.of(
                new Key("server.address", c -> c.server().address(), "127.0.0.1", "::1"),
                new Key("server.port", c -> c.server().port(), 8700, 9000),
                new Key(
                        "server.base",
                        c -> c.server().base(),
                        URI.create("http://127.0.0.1:8700"),
                        URI.create("https://behalf.example:9443")),
                new Key("server.node", c -> c.server().node(), "local", "north-1"),
                // without it the least file would lack an origin, rights and scopes: ConfigurationReaderTest shows that
                new Key("server.development", c -> c.server().development(), REQUIRED, true),
                new Key(
                        "server.hosts",
                        c -> c.server().hosts(),
                        Set.of("127.0.0.1:8700"),
                        Set.of("gateway.example", "behalf.example:9443")),
                new Key(
                        "server.origins",
                        c -> c.server().origins(),
                        Set.of("http://127.0.0.1:8700"),
                        Set.of("https://console.example", "https://behalf.example:9443")),
                new Key("server.drain", c -> c.server().drain(), Duration.ofSeconds(20), Duration.ofSeconds(3)),
                new Key(
                        "server.api-token",
                        c -> c.server().apiToken(),
                        Optional.empty(),
                        Optional.of("a-token-of-more-than-thirty-two-characters")));
    }

    private static List<Key> authorityKeys() {
        Function<Configuration, AuthorityConfig.Provider> provider =
                c -> c.authority().providers().getFirst();
        Function<Configuration, Rights.Rule> right =
                c -> switch (provider.apply(c).rights()) {
                    case Rights.ByClaims(var rules) -> rules.getFirst();
                    case Rights.Unlimited _ -> throw new AssertionError("no rights");
                };
        Function<Configuration, Agent> agent = c -> c.authority().agents().getFirst();
        return List.of(
                new Key(
                        "authority.issuer",
                        c -> c.authority().issuer(),
                        "http://127.0.0.1:8700",
                        "https://behalf.example/authority"),
                new Key(
                        "authority.algorithm",
                        c -> c.authority().algorithm(),
                        SignatureAlgorithm.ES256,
                        SignatureAlgorithm.EDDSA),
                new Key("authority.allow-unbound", c -> c.authority().allowUnbound(), true, false),
                new Key(
                        "authority.lifetimes.token",
                        c -> c.authority().lifetimes().token(),
                        Duration.ofMinutes(5),
                        Duration.ofMinutes(2)),
                new Key(
                        "authority.lifetimes.task",
                        c -> c.authority().lifetimes().task(),
                        Duration.ofHours(8),
                        Duration.ofMinutes(90)),
                new Key(
                        "authority.lifetimes.longest-task",
                        c -> c.authority().lifetimes().longestTask(),
                        Duration.ofDays(7),
                        Duration.ofDays(2)),
                new Key("authority.rate.per-second", c -> c.authority().rate().perSecond(), 50, 20),
                new Key("authority.rate.burst", c -> c.authority().rate().burst(), 1_000, 300),
                new Key(
                        "authority.providers[].name",
                        provider.andThen(AuthorityConfig.Provider::name),
                        REQUIRED,
                        "corp"),
                new Key(
                        "authority.providers[].issuer",
                        provider.andThen(AuthorityConfig.Provider::issuer),
                        REQUIRED,
                        "https://id.example"),
                new Key(
                        "authority.providers[].client-id",
                        provider.andThen(AuthorityConfig.Provider::clientId),
                        REQUIRED,
                        "behalf"),
                new Key(
                        "authority.providers[].client-secret",
                        provider.andThen(AuthorityConfig.Provider::clientSecret),
                        Optional.empty(),
                        Optional.of("corp-secret")),
                new Key(
                        "authority.providers[].audiences",
                        provider.andThen(AuthorityConfig.Provider::audiences),
                        Set.of(),
                        Set.of("behalf-api")),
                new Key("authority.providers[].rights[].claim", right.andThen(Rights.Rule::claim), REQUIRED, "groups"),
                new Key("authority.providers[].rights[].value", right.andThen(Rights.Rule::value), REQUIRED, "staff"),
                new Key(
                        "authority.providers[].rights[].scope",
                        right.andThen(Rights.Rule::scope),
                        REQUIRED,
                        ScopeWords.parse("tickets:read")),
                new Key("authority.agents[].id", agent.andThen(Agent::id), REQUIRED, "ticket-agent"),
                new Key(
                        "authority.agents[].display-name",
                        agent.andThen(Agent::displayName),
                        "ticket-agent",
                        "Ticket agent"),
                new Key(
                        "authority.agents[].secret",
                        agent.andThen(Agent::authentication),
                        REQUIRED,
                        new Authentication.Secret(AuthorityReader.sha256("agent-secret-of-more-than-32-characters"))),
                new Key(
                        "authority.agents[].jwks-file",
                        c -> c.authority().agents().getLast().authentication() instanceof Authentication.PrivateKeyJwt,
                        false,
                        true),
                new Key(
                        "authority.agents[].provider-clients",
                        agent.andThen(Agent::providerClients),
                        Map.of(),
                        Map.of("corp", Set.of("ticket-app"))),
                new Key(
                        "authority.agents[].scope",
                        agent.andThen(Agent::scope),
                        Optional.empty(),
                        Optional.of(ScopeWords.parse("tickets:read tickets:list"))),
                new Key(
                        "authority.agents[].redirect-uris",
                        agent.andThen(Agent::redirectUris),
                        Set.of(),
                        Set.of("https://app.example/back")),
                new Key(
                        "authority.agents[].may-hand-over-to",
                        agent.andThen(Agent::mayHandOverTo),
                        Set.of(),
                        Set.of("summarizer")),
                new Key(
                        "authority.agents[].no-subject.category",
                        agent.andThen(a -> a.noSubject().map(OnBehalfOf.NoSubject::category)),
                        Optional.empty(),
                        Optional.of("scheduled")),
                new Key(
                        "authority.agents[].no-subject.reason-code",
                        agent.andThen(a -> a.noSubject().map(OnBehalfOf.NoSubject::reasonCode)),
                        Optional.empty(),
                        Optional.of("nightly")),
                new Key("authority.agents[].max-depth", agent.andThen(Agent::maxDepth), 3, 2),
                new Key(
                        "authority.agents[].introspects",
                        agent.andThen(Agent::introspects),
                        Set.of(),
                        Set.of("https://tickets.example")),
                new Key(
                        "authority.agents[].api-key-sha256",
                        c -> c.callers().keys().values(),
                        List.of(),
                        List.of("ticket-agent")));
    }

    private static List<Key> serviceKeys() {
        Function<Configuration, AuthorityConfig.Service> service =
                c -> c.authority().services().getOrDefault("tickets", NO_SERVICE);
        Function<Configuration, AuthorityConfig.Action> action =
                c -> service.apply(c).actions().getOrDefault("read", NO_ACTION);
        return List.of(
                new Key(
                        "services.<name>.label",
                        service.andThen(AuthorityConfig.Service::label),
                        Map.of(),
                        Map.of("en", "support tickets")),
                new Key("services.<name>.regulated", service.andThen(AuthorityConfig.Service::regulated), false, true),
                new Key(
                        "services.<name>.actions.<name>.label",
                        action.andThen(AuthorityConfig.Action::label),
                        Map.of(),
                        Map.of("en", "read tickets")),
                new Key(
                        "services.<name>.actions.<name>.risk",
                        action.andThen(AuthorityConfig.Action::risk),
                        AuthorityConfig.Risk.LOW,
                        AuthorityConfig.Risk.HIGH),
                new Key(
                        "services.<name>.actions.<name>.data",
                        action.andThen(AuthorityConfig.Action::data),
                        Map.of(),
                        Map.of("en", "what customers wrote")),
                new Key(
                        "services.<name>.audience",
                        c -> c.registered().values().stream()
                                .map(Configuration.Registered::audience)
                                .toList(),
                        List.of(),
                        List.of("https://tickets.example")),
                new Key(
                        "services.<name>.signing-keys",
                        c -> c.registered().values().stream()
                                .map(r -> r.jwks().strip())
                                .toList(),
                        List.of(),
                        List.of("{\"keys\":[]}")));
    }

    private static final AuthorityConfig.Service NO_SERVICE = new AuthorityConfig.Service(Map.of(), false, Map.of());
    private static final AuthorityConfig.Action NO_ACTION =
            new AuthorityConfig.Action(Map.of(), AuthorityConfig.Risk.LOW, Map.of());

    private static List<Key> routeKeys() {
        Function<Configuration, Route> route = c -> c.routes().get(0);
        Function<Configuration, Route> tools = c -> c.routes().get(1);
        Function<Configuration, Route> claude = c -> c.routes().get(2);
        Function<Configuration, Route> gpt = c -> c.routes().get(3);
        return List.of(
                new Key("gateway.routes[].name", route.andThen(Route::name), REQUIRED, "tickets-api"),
                new Key(
                        "gateway.routes[].kind",
                        gpt.andThen(Route::kind),
                        REQUIRED,
                        new Route.Models(Route.Provider.OPENAI)),
                new Key("gateway.routes[].service", route.andThen(Route::service), "tickets-api", "tickets"),
                new Key(
                        "gateway.routes[].upstream",
                        route.andThen(Route::upstream),
                        REQUIRED,
                        URI.create("https://tickets.example/v1")),
                new Key("gateway.routes[].mode", route.andThen(Route::mode), Mode.ENFORCE, Mode.OBSERVE),
                new Key(
                        "gateway.routes[].credential.key",
                        tools.andThen(Route::credential),
                        new Credential.None(),
                        new Credential.Fixed("authorization", "Bearer tools-key")),
                new Key(
                        "gateway.routes[].credential.header",
                        claude.andThen(ConfigurationKeysTest::header),
                        "",
                        "x-own-key"),
                new Key(
                        "gateway.routes[].credential.value",
                        claude.andThen(ConfigurationKeysTest::secret),
                        "",
                        "tools-key"),
                new Key(
                        "gateway.routes[].credential.minted-for",
                        route.andThen(Route::mintedAudience),
                        Optional.empty(),
                        Optional.of("https://tickets.example")),
                new Key(
                        "gateway.routes[].credential.caller",
                        gpt.andThen(Route::credential),
                        new Credential.None(),
                        new Credential.Caller()),
                new Key("gateway.routes[].allow-unbound", route.andThen(Route::allowUnbound), false, true),
                new Key(
                        "gateway.routes[].max-request-size",
                        route.andThen(Route::maxRequestBytes),
                        16L << 20,
                        1L << 20),
                new Key(
                        "gateway.routes[].request-headers",
                        route.andThen(Route::requestHeaders),
                        Set.of(),
                        Set.of("x-tenant")),
                new Key(
                        "gateway.routes[].answer-timeout",
                        route.andThen(Route::answerTimeout),
                        Duration.ofMinutes(10),
                        Duration.ofSeconds(4)),
                new Key(
                        "gateway.routes[].idle-timeout",
                        route.andThen(Route::idleTimeout),
                        Duration.ofMinutes(10),
                        Duration.ofSeconds(5)),
                new Key(
                        "gateway.routes[].operations[].method",
                        route.andThen(r -> operation(r).method()),
                        REQUIRED,
                        "GET"),
                new Key(
                        "gateway.routes[].operations[].path",
                        route.andThen(r -> operation(r).path()),
                        REQUIRED,
                        "/tickets/{id}"),
                new Key(
                        "gateway.routes[].operations[].action",
                        route.andThen(r -> operation(r).action()),
                        REQUIRED,
                        "read"),
                new Key("gateway.routes[].tools[].tool", tools.andThen(r -> tool(r).tool()), REQUIRED, "search"),
                new Key("gateway.routes[].tools[].action", tools.andThen(r -> tool(r).action()), "search", "find"),
                new Key(
                        "gateway.callers.addresses",
                        c -> c.callers().addresses(),
                        Map.of(),
                        Map.of("192.0.2.7", "batch-host")));
    }

    /** What a tool and an operation have in common: how they say what a call touches. */
    private static List<Key> partsKeys(String parts) {
        boolean tools = parts.equals("tools");
        Function<Configuration, List<Route.Resource>> resources = c -> tools
                ? tool(c.routes().get(1)).resources()
                : operation(c.routes().get(0)).resources();
        Function<Configuration, Map<String, Value>> attributes = c -> tools
                ? tool(c.routes().get(1)).attributes()
                : operation(c.routes().get(0)).attributes();
        String key = "gateway.routes[]." + parts + "[].";
        return List.of(
                new Key(
                        key + "resources[].prefix",
                        resources.andThen(r -> r.getFirst().prefix()),
                        "",
                        tools ? "search/" : "tickets/"),
                new Key(
                        key + "resources[].path",
                        resources.andThen(r -> r.getFirst().value()),
                        REQUIRED,
                        new Value.PathPart("id")),
                new Key(
                        key + "resources[].query",
                        resources.andThen(r -> r.get(1).value()),
                        REQUIRED,
                        new Value.QueryPart(tools ? "q" : "also")),
                new Key(
                        key + "resources[].pointer",
                        resources.andThen(r -> r.get(2).value()),
                        REQUIRED,
                        new Value.Pointer(tools ? "/query" : "/ticket")),
                new Key(
                        key + "attributes.<name>.path",
                        attributes.andThen(a -> Optional.ofNullable(a.get("tenant"))),
                        Optional.empty(),
                        Optional.of(new Value.PathPart("id"))),
                new Key(
                        key + "attributes.<name>.query",
                        attributes.andThen(a -> Optional.ofNullable(a.get("region"))),
                        Optional.empty(),
                        Optional.of(new Value.QueryPart("region"))),
                new Key(
                        key + "attributes.<name>.pointer",
                        attributes.andThen(a -> Optional.ofNullable(a.get("kind"))),
                        Optional.empty(),
                        Optional.of(new Value.Pointer("/kind"))));
    }

    private static List<Key> policyKeys() {
        Function<Configuration, Rule> rule = c -> c.policy().rules().getFirst();
        return List.of(
                new Key("policy.scope-permits", c -> c.policy().scopePermits(), true, false),
                new Key("policy.max-actors", c -> c.policy().maxActors(), 3, 2),
                new Key("policy.rules[].id", rule.andThen(Rule::id), REQUIRED, "office-hours"),
                new Key("policy.rules[].effect", rule.andThen(Rule::effect), REQUIRED, Rule.Effect.PERMIT),
                new Key("policy.rules[].services", rule.andThen(Rule::services), Set.of(), Set.of("tickets")),
                new Key("policy.rules[].actions", rule.andThen(Rule::actions), Set.of(), Set.of("read")),
                new Key("policy.rules[].when", rule.andThen(Rule::when), "true", "size(agents) == 1"));
    }

    private static List<Key> ledgerKeys() {
        return List.of(
                new Key("ledger.log", c -> c.ledger().log(), "main", "audit"),
                new Key(
                        "ledger.origin",
                        c -> c.ledger().origin(),
                        Optional.empty(),
                        Optional.of("behalf.example/audit")),
                new Key(
                        "ledger.pin-file",
                        c -> c.ledger().pinFile(),
                        Optional.empty(),
                        Optional.of(Configurations.resource("every-key.yaml").resolveSibling("pins/audit"))),
                new Key(
                        "ledger.readers",
                        c -> c.ledger().readers(),
                        Configuration.Readers.API_TOKEN,
                        Configuration.Readers.ANYONE),
                new Key("ledger.segment-size", c -> c.ledger().segmentBytes(), 64 << 20, 1 << 20),
                new Key("ledger.queue-records", c -> c.ledger().queueRecords(), 65_536, 100),
                new Key(
                        "ledger.append-timeout",
                        c -> c.ledger().appendTimeout(),
                        Duration.ofSeconds(5),
                        Duration.ofSeconds(1)),
                new Key(
                        "ledger.checkpoint-interval",
                        c -> c.ledger().checkpointInterval(),
                        Duration.ofMillis(100),
                        Duration.ofMillis(250)));
    }

    static Stream<Key> withDefault() {
        return keys().stream().filter(key -> !REQUIRED.equals(key.byDefault()));
    }

    @ParameterizedTest
    @MethodSource("withDefault")
    void hasItsDefault(Key key) {
        assertThat((Object) key.read().apply(Configurations.accepted(Configurations.text(LEAST))))
                .usingRecursiveComparison()
                .ignoringCollectionOrder()
                .isEqualTo(key.byDefault());
    }

    @ParameterizedTest
    @MethodSource("keys")
    void isRead(Key key) throws IOException {
        assertThat((Object) key.read().apply(Configurations.accepted(Configurations.everyKey())))
                .usingRecursiveComparison()
                .ignoringCollectionOrder()
                .isEqualTo(key.written());
        assertThat(key.written()).isNotEqualTo(key.byDefault());
    }

    @ParameterizedTest
    @MethodSource("keys")
    void isDocumented(Key key) throws IOException {
        assertThat(documentation()).contains("| `" + key.name() + "` |");
    }

    @Test
    void thisTableHasEveryKeyThatTheReaderKnows() throws IOException {
        YamlFile file = Configurations.everyKey();
        Configurations.accepted(file);
        Set<String> table = new TreeSet<>();
        keys().forEach(key -> table.add(key.name()));
        assertThat(leaves(file.asked())).isEqualTo(table);
    }

    @Test
    void theDocumentedSampleIsAccepted() throws IOException {
        String page = documentation();
        int start = page.indexOf("```yaml\n") + "```yaml\n".length();
        String sample = page.substring(start, page.indexOf("```", start));
        var environment = Map.of(
                "OPENAI_API_KEY", "sk-test",
                "CORP_CLIENT_SECRET", "secret",
                "TICKET_AGENT_SECRET", "a-secret-of-more-than-32-characters");
        assertThat(ConfigurationReader.read(new YamlFile(sample, environment, Path.of(""))))
                .isInstanceOf(ReadConfiguration.Accepted.class);
    }

    /** Keys that hold no others; the two ways to give a secret are not keys of their own. */
    private static Set<String> leaves(Set<String> asked) {
        Set<String> leaves = new TreeSet<>();
        for (String key : asked) {
            boolean holdsOthers = asked.stream()
                    .anyMatch(other -> (other.startsWith(key + ".") && !isSource(other))
                            || other.startsWith(key + "[].")
                            || other.startsWith(key + ".<name>"));
            if (!holdsOthers && !isSource(key)) {
                leaves.add(key);
            }
        }
        return leaves;
    }

    private static boolean isSource(String key) {
        return key.endsWith(".env") || key.endsWith(".file");
    }

    private static String documentation() throws IOException {
        return Files.readString(Path.of("..", "docs", "configuration.md"));
    }

    private static Route.Operation operation(Route route) {
        return switch (route.kind()) {
            case Route.Http(var operations) -> operations.getFirst();
            case Route.Models _, Route.Mcp _ -> throw new AssertionError("not an HTTP route");
        };
    }

    private static Route.Tool tool(Route route) {
        return switch (route.kind()) {
            case Route.Mcp(var tools) -> tools.getFirst();
            case Route.Models _, Route.Http _ -> throw new AssertionError("not an MCP route");
        };
    }

    private static String header(Route route) {
        return route.credential() instanceof Credential.Fixed fixed ? fixed.header() : "";
    }

    private static String secret(Route route) {
        return route.credential() instanceof Credential.Fixed fixed ? fixed.value() : "";
    }
}

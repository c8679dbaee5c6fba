package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Rights;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.gateway.Route;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads {@code authority}. */
final class AuthorityReader {
    /** A client secret is kept as a plain digest, which is enough only for one that cannot be guessed. */
    private static final int MIN_SECRET = 32;

    private final Section section;
    private final List<Section> agentSections;
    private final URI base;
    private final String node;
    private final boolean development;

    AuthorityReader(Section section, List<Section> agents, URI base, String node, boolean development) {
        this.section = section;
        this.agentSections = agents;
        this.base = base;
        this.node = node;
        this.development = development;
    }

    Optional<AuthorityConfig> authority(List<Route> routes, ServicesReader services) {
        int before = section.problemCount();
        String issuer = section.text("issuer", base.toString());
        boolean unbound = section.flag("allow-unbound", development);
        SignatureAlgorithm algorithm = algorithm();
        Optional<AuthorityConfig.Lifetimes> lifetimes = lifetimes(section.section("lifetimes"));
        AuthorityConfig.Rate rate = rate(section.section("rate"));
        List<AuthorityConfig.Provider> providers = section.sections("providers").stream()
                .map(this::provider)
                .flatMap(Optional::stream)
                .toList();
        section.sections("agents"); // given to the constructor, as callers' keys stand there too
        List<Agent> agents = agentSections.stream()
                .map(this::agent)
                .flatMap(Optional::stream)
                .toList();
        section.done();
        return section.make(
                before,
                () -> new AuthorityConfig(
                        issuer,
                        node,
                        development,
                        providers,
                        agents,
                        audiences(base.toString(), routes, services.registered()),
                        services.services(),
                        lifetimes.orElse(AuthorityConfig.Lifetimes.DEFAULT),
                        rate,
                        algorithm,
                        unbound));
    }

    /** The gateway as a whole, each of its routes, and the services that verify for themselves, behind them or not. */
    static List<Audience> audiences(String base, List<Route> routes, Map<String, Configuration.Registered> registered) {
        Map<String, Audience> audiences = new LinkedHashMap<>();
        audiences.put(base + "/gateway", new Audience(base + "/gateway", Set.of()));
        for (Route route : routes) {
            String address = base + route.prefix();
            audiences.put(address, new Audience(address, Set.of(route.service())));
        }
        for (Route route : routes) {
            route.mintedAudience()
                    .ifPresent(uri -> audiences.put(uri, new Audience(uri, Set.of(route.service()), true)));
        }
        registered.forEach((name, service) ->
                audiences.putIfAbsent(service.audience(), new Audience(service.audience(), Set.of(name))));
        return List.copyOf(audiences.values());
    }

    private SignatureAlgorithm algorithm() {
        String code = section.text("algorithm", SignatureAlgorithm.ES256.code());
        return SignatureAlgorithm.of(code).orElseGet(() -> {
            section.refuse("algorithm", "is ES256, RS256 or EdDSA");
            return SignatureAlgorithm.ES256;
        });
    }

    private static Optional<AuthorityConfig.Lifetimes> lifetimes(Section s) {
        int before = s.problemCount();
        var usual = AuthorityConfig.Lifetimes.DEFAULT;
        var token = s.duration("token", usual.token());
        var task = s.duration("task", usual.task());
        var longest = s.duration("longest-task", usual.longestTask());
        s.done();
        return s.make(before, () -> new AuthorityConfig.Lifetimes(token, task, longest));
    }

    private static AuthorityConfig.Rate rate(Section s) {
        var usual = AuthorityConfig.Rate.DEFAULT;
        int perSecond = s.number("per-second", usual.perSecond(), 1, AuthorityConfig.Rate.MOST_PER_SECOND);
        int burst = s.number("burst", usual.burst(), 1, AuthorityConfig.Rate.LARGEST_BURST);
        s.done();
        return new AuthorityConfig.Rate(perSecond, burst);
    }

    private Optional<AuthorityConfig.Provider> provider(Section s) {
        int before = s.problemCount();
        String name = s.text("name");
        String issuer = s.text("issuer");
        String client = s.text("client-id");
        Optional<String> secret = s.secret("client-secret");
        Set<String> audiences = new HashSet<>(s.texts("audiences"));
        List<Rights.Rule> rules = new ArrayList<>();
        for (Section rule : s.sections("rights")) {
            String claim = rule.text("claim");
            String value = rule.text("value");
            Scope scope = scope(rule, "scope").orElse(Scope.NONE);
            rule.done();
            rules.add(new Rights.Rule(claim, value, scope));
        }
        s.done();
        if (!s.has("rights") && !development) {
            s.refuse("rights", "is missing: what this provider's people may do");
        }
        Rights rights = s.has("rights") ? new Rights.ByClaims(rules) : new Rights.Unlimited();
        return s.make(before, () -> new AuthorityConfig.Provider(name, issuer, client, secret, audiences, rights));
    }

    private Optional<Agent> agent(Section s) {
        int before = s.problemCount();
        String id = s.text("id");
        String display = s.text("display-name", id);
        Optional<Authentication> authentication = authentication(s);
        Map<String, Set<String>> clients = new HashMap<>();
        s.lists("provider-clients").forEach((provider, names) -> clients.put(provider, Set.copyOf(names)));
        Optional<Scope> scope = scope(s, "scope");
        if (scope.isEmpty() && !development) {
            s.refuse("scope", "is missing: what this agent may ever be given");
        }
        Set<String> redirects = new HashSet<>(s.texts("redirect-uris"));
        Set<String> children = new HashSet<>(s.texts("may-hand-over-to"));
        Section nobody = s.section("no-subject");
        Optional<OnBehalfOf.NoSubject> noSubject = Optional.empty();
        if (s.has("no-subject")) {
            int beforeNobody = nobody.problemCount();
            String category = nobody.text("category");
            String reason = nobody.text("reason-code");
            noSubject = nobody.make(beforeNobody, () -> new OnBehalfOf.NoSubject(category, reason));
        } else {
            nobody.optionalText("category");
            nobody.optionalText("reason-code");
        }
        nobody.done();
        int depth = s.number("max-depth", AuthorityConfig.DEFAULT_DEPTH, 1, 8);
        Set<String> introspects = new HashSet<>(s.texts("introspects"));
        s.texts("api-key-sha256");
        s.done();
        if (authentication.isEmpty()) {
            return Optional.empty();
        }
        Optional<OnBehalfOf.NoSubject> without = noSubject;
        return s.make(
                before,
                () -> new Agent(
                        id,
                        display,
                        authentication.get(),
                        clients,
                        scope,
                        redirects,
                        children,
                        without,
                        depth,
                        introspects));
    }

    private static Optional<Authentication> authentication(Section s) {
        Optional<Path> jwks = s.path("jwks-file");
        Optional<String> secret = s.secret("secret");
        if (s.has("jwks-file") == s.has("secret")) {
            s.refuse("jwks-file", "an agent has exactly one of jwks-file and secret");
            return Optional.empty();
        }
        if (secret.isPresent()) {
            if (secret.get().length() < MIN_SECRET) {
                s.refuse("secret", "at least " + MIN_SECRET + " random characters");
                return Optional.empty();
            }
            return Optional.of(new Authentication.Secret(sha256(secret.get())));
        }
        if (jwks.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Authentication.PrivateKeyJwt(Files.readString(jwks.get())));
        } catch (IOException e) {
            s.refuse("jwks-file", "the file " + jwks.get() + " cannot be read");
            return Optional.empty();
        }
    }

    /** A list of words {@code service:action}; empty where the key is absent. */
    private static Optional<Scope> scope(Section s, String key) {
        int before = s.problemCount();
        if (!s.has(key)) {
            s.texts(key);
            return Optional.empty();
        }
        return s.make(before, () -> ScopeWords.parse(String.join(" ", s.texts(key))));
    }

    static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

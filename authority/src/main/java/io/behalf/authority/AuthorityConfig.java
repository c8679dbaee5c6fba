package io.behalf.authority;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ShownText;
import io.behalf.core.jose.SignatureAlgorithm;
import java.net.URI;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * All that the authority is told: an immutable tree, made by the server from its file.
 *
 * @param issuer the {@code iss} of every delegation and the base of its endpoints; no query, fragment or final slash
 * @param node this server's name in records
 * @param development loopback only, generous defaults; never in production
 * @param audiences what a delegation can be for; the first is the default: the gateway, {@code <base>/gateway}
 * @param services what people read about each service, by service name
 * @param algorithm what delegations are signed with
 * @param allowUnbound whether a delegation without {@code cnf} is handed out at all
 */
public record AuthorityConfig(
        String issuer,
        String node,
        boolean development,
        List<Provider> providers,
        List<Agent> agents,
        List<Audience> audiences,
        Map<String, Service> services,
        Lifetimes lifetimes,
        Rate rate,
        SignatureAlgorithm algorithm,
        boolean allowUnbound) {
    private static final Pattern PROVIDER_NAME = Pattern.compile("[a-z0-9-]{1,64}");
    private static final Pattern SHA256_HEX = Pattern.compile("[0-9a-f]{64}");

    public AuthorityConfig {
        requireHttp("issuer", issuer);
        if (issuer.endsWith("/")) {
            throw new IllegalArgumentException("issuer has no final slash");
        }
        providers = List.copyOf(providers);
        agents = List.copyOf(agents);
        audiences = List.copyOf(audiences);
        services = Map.copyOf(services);
        if (audiences.isEmpty()) {
            throw new IllegalArgumentException("at least one audience: the gateway's");
        }
        requireUnique("provider", providers.stream().map(Provider::name).toList());
        requireUnique(
                "issuer of a provider", providers.stream().map(Provider::issuer).toList());
        requireUnique("agent", agents.stream().map(Agent::id).toList());
        requireUnique("audience", audiences.stream().map(Audience::uri).toList());
        if (!development && providers.stream().anyMatch(p -> p.rights() instanceof Rights.Unlimited)) {
            throw new IllegalArgumentException("a provider's rights are unlimited only in development mode");
        }
    }

    /**
     * An OpenID provider that knows the people.
     *
     * @param name first part of a subject's id, {@code <name>:<sub>}
     * @param issuer exact; discovery is read from it
     * @param clientId the authority's own client there
     * @param clientSecret absent for a public client
     * @param audiences values of {@code aud} that mean this authority in an access token
     * @param rights what its people may do, from their claims
     */
    public record Provider(
            String name,
            String issuer,
            String clientId,
            Optional<String> clientSecret,
            Set<String> audiences,
            Rights rights) {
        public Provider {
            if (!PROVIDER_NAME.matcher(name).matches() || name.equals("agent")) {
                throw new IllegalArgumentException("a provider's name is [a-z0-9-]+, and not agent");
            }
            requireHttp("issuer of provider " + name, issuer);
            audiences = Set.copyOf(audiences);
        }

        @Override
        public String toString() {
            return "Provider[" + name + "]"; // holds a secret
        }
    }

    /** What a person may do, found from the claims of the provider's token. */
    public sealed interface Rights {
        /** Everything: development only. */
        record Unlimited() implements Rights {}

        /** The union of the rules that match. */
        record ByClaims(List<Rule> rules) implements Rights {
            public ByClaims {
                rules = List.copyOf(rules);
            }
        }

        /**
         * @param claim name, with dots into objects, such as {@code realm_access.roles}
         * @param value the claim equals it or is an array that holds it; {@code *} matches any person of the provider
         */
        record Rule(String claim, String value, Scope scope) {}
    }

    /**
     * A program that may act for people.
     *
     * @param providerClients by provider name: the clients there that stand for this agent in {@code azp}
     * @param scope what it may ever be given; empty means all, in development only
     * @param mayHandOverTo agents that it may pass a part of its task to
     * @param noSubject set where it may start tasks with nobody behind them
     * @param maxDepth longest chain of actors of its tasks
     * @param introspects audiences that it serves, whose tokens it may ask about
     */
    public record Agent(
            String id,
            String displayName,
            Authentication authentication,
            Map<String, Set<String>> providerClients,
            Optional<Scope> scope,
            Set<String> redirectUris,
            Set<String> mayHandOverTo,
            Optional<OnBehalfOf.NoSubject> noSubject,
            int maxDepth,
            Set<String> introspects) {
        /** Longest display name, in characters. */
        public static final int MAX_DISPLAY_NAME = 100;

        public Agent {
            Delegation.requireAgent(id);
            ShownText.require("an agent's display name", displayName, MAX_DISPLAY_NAME);
            providerClients = Map.copyOf(providerClients);
            redirectUris = Set.copyOf(redirectUris);
            mayHandOverTo = Set.copyOf(mayHandOverTo);
            introspects = Set.copyOf(introspects);
            redirectUris.forEach(uri -> requireRedirect(uri));
            if (maxDepth < 1 || maxDepth > Delegation.MAX_ACTORS) {
                throw new IllegalArgumentException("max-depth is between 1 and " + Delegation.MAX_ACTORS);
            }
        }

        /** An agent with the defaults of everything that only some need. */
        public static Agent of(String id, String displayName, Authentication authentication, Optional<Scope> scope) {
            return new Agent(
                    id,
                    displayName,
                    authentication,
                    Map.of(),
                    scope,
                    Set.of(),
                    Set.of(),
                    Optional.empty(),
                    DEFAULT_DEPTH,
                    Set.of());
        }
    }

    /** Longest chain of actors unless an agent's registration says otherwise. */
    public static final int DEFAULT_DEPTH = 3;

    /** How an agent proves who it is at the token endpoint. */
    public sealed interface Authentication {
        /** RFC 7523, {@code private_key_jwt}; the key set as JSON, public keys only. */
        record PrivateKeyJwt(String jwks) implements Authentication {}

        /**
         * {@code client_secret_basic} and {@code client_secret_post}.
         *
         * @param sha256 lower-case hex of the secret, which is 32 random characters or more: a plain digest is enough
         *     only because it cannot be guessed
         */
        record Secret(String sha256) implements Authentication {
            public Secret {
                if (!SHA256_HEX.matcher(sha256).matches()) {
                    throw new IllegalArgumentException("a secret is kept as its SHA-256 in lower-case hex");
                }
            }
        }
    }

    /**
     * One resource address that a token can be for.
     *
     * @param services whose permissions it carries; empty means all
     * @param minted whether such tokens are made for the gateway alone, one for each call that it has decided on and recorded:
     *     an agent that held one could go past it
     */
    public record Audience(String uri, Set<String> services, boolean minted) {
        public Audience {
            requireHttp("audience", uri);
            services = Set.copyOf(services);
        }

        /** One that agents may ask for. */
        public Audience(String uri, Set<String> services) {
            this(uri, services, false);
        }

        Scope of(Scope scope) {
            return services.isEmpty() ? scope : scope.at(services);
        }
    }

    /** What people read about a service; labels by BCP 47 language. */
    public record Service(Map<String, String> label, boolean regulated, Map<String, Action> actions) {
        public Service {
            label = Map.copyOf(label);
            actions = Map.copyOf(actions);
        }
    }

    /** @param data which data it touches, by language */
    public record Action(Map<String, String> label, Risk risk, Map<String, String> data) {
        public Action {
            label = Map.copyOf(label);
            data = Map.copyOf(data);
        }
    }

    /** How much harm an action can do; a high one asks the person to sign in anew. */
    public enum Risk {
        LOW,
        MEDIUM,
        HIGH
    }

    /**
     * @param token of a delegation token
     * @param task of a task whose request names no duration
     * @param longestTask what a request may ask for
     */
    public record Lifetimes(Duration token, Duration task, Duration longestTask) {
        /** For any token: a stop that does not get through is over by then. */
        public static final Duration LONGEST_TOKEN = Duration.ofMinutes(15);
        /** Without proof of possession whoever finds the token can use it. */
        public static final Duration LONGEST_UNBOUND = Duration.ofMinutes(5);

        public static final Lifetimes DEFAULT =
                new Lifetimes(Duration.ofMinutes(5), Duration.ofHours(8), Duration.ofDays(7));

        public Lifetimes {
            requirePositive("token", token);
            requirePositive("task", task);
            requirePositive("longest-task", longestTask);
            if (token.compareTo(LONGEST_TOKEN) > 0) {
                throw new IllegalArgumentException("a token lives 15 minutes at most");
            }
            if (task.compareTo(longestTask) > 0) {
                throw new IllegalArgumentException("task is not longer than longest-task");
            }
        }
    }

    /**
     * How often each agent may ask for what is kept: at the token endpoint, and for approvals. The bounds leave room for
     * the proofs of all its requests in what is remembered of one agent.
     *
     * @param perSecond in the long run
     * @param burst at once, after a time without
     */
    public record Rate(int perSecond, int burst) {
        public static final int MOST_PER_SECOND = 200;
        public static final int LARGEST_BURST = 5_000;

        /** For some ten thousand tasks of one agent, each renewed every four minutes. */
        public static final Rate DEFAULT = new Rate(50, 1_000);

        public Rate {
            if (perSecond < 1 || perSecond > MOST_PER_SECOND) {
                throw new IllegalArgumentException("per-second is between 1 and " + MOST_PER_SECOND);
            }
            if (burst < 1 || burst > LARGEST_BURST) {
                throw new IllegalArgumentException("burst is between 1 and " + LARGEST_BURST);
            }
        }
    }

    private static void requirePositive(String what, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException(what + " is longer than nothing");
        }
    }

    private static void requireHttp(String what, String value) {
        URI uri = URI.create(value);
        boolean web = "https".equals(uri.getScheme()) || ("http".equals(uri.getScheme()) && loopback(uri));
        if (!web || uri.getHost() == null || uri.getRawQuery() != null || uri.getRawFragment() != null) {
            throw new IllegalArgumentException(
                    what + " is an https address (http on loopback only) without query and fragment");
        }
    }

    /** RFC 8252 §7: https, or http on loopback; RFC 6749 §3.1.2: no fragment. */
    private static void requireRedirect(String value) {
        URI uri = URI.create(value);
        boolean web = "https".equals(uri.getScheme()) || ("http".equals(uri.getScheme()) && loopback(uri));
        if (!web || uri.getHost() == null || uri.getRawFragment() != null || uri.getRawUserInfo() != null) {
            throw new IllegalArgumentException("a redirect URI is https (http on loopback only) without fragment");
        }
    }

    static boolean loopback(URI uri) {
        String host = String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT);
        return host.equals("127.0.0.1") || host.equals("[::1]") || host.equals("localhost");
    }

    private static void requireUnique(String what, List<String> names) {
        Set<String> seen = new HashSet<>();
        for (String name : names) {
            if (!seen.add(name)) {
                throw new IllegalArgumentException(what + " " + name + " is named twice");
            }
        }
    }
}

package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.verifier.IssuerKeys;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The agents, and how one proves at an endpoint that it is who it says. Every failure is the same {@code invalid_client}
 * outside: whether an agent exists, and which way it authenticates, is nobody's business who cannot.
 */
final class Agents {
    static final String ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    /** Longest life of an assertion: as long must its {@code jti} be remembered. */
    static final Duration MAX_ASSERTION_LIFE = Duration.ofMinutes(10);

    static final Duration MAX_SKEW = Duration.ofSeconds(60);
    static final int MAX_JTI = 256;

    /** Assertions that are not known to be in the store yet; beyond it, one that stops something waits for the store, too. */
    static final int MAX_UNSTORED = 4_096;

    /** What an unknown agent's secret is compared with, so that the time taken does not tell that it is unknown. */
    private static final String NOBODYS_SECRET = Digests.hex("no such agent");

    private static final Logger LOG = System.getLogger(Agents.class.getName());

    private final String issuer;
    private final Store store;
    private final Shelf shelf;
    private final Map<String, Agent> agents = new ConcurrentHashMap<>();
    /** Assertions that stopped something and that the store must still remember, with their end. */
    private final Map<String, Instant> unstored = new ConcurrentHashMap<>();

    /** @param agents of the configuration; those registered while running come from the store */
    Agents(String issuer, List<Agent> agents, Store store, Shelf shelf) {
        this.issuer = issuer;
        this.store = store;
        this.shelf = shelf;
        AgentTable.all(store).forEach(agent -> this.agents.put(agent.id(), agent));
        agents.forEach(agent -> this.agents.put(agent.id(), agent)); // the configuration has the last word
    }

    Optional<Agent> find(String id) {
        return Optional.ofNullable(agents.get(id));
    }

    /** Known from now on. */
    void add(Agent agent) {
        agents.put(agent.id(), agent);
    }

    /**
     * RFC 6749 §2.3: exactly one way of authentication in a request.
     *
     * @param authorization the header
     * @param endpoint its address, which an assertion may name as its audience
     */
    Answer<Agent> authenticate(Form form, Optional<String> authorization, String endpoint, Instant now) {
        return proven(form, authorization, endpoint, now).flatMap(proven -> once(proven, this::firstTime));
    }

    /**
     * The same of an agent that asks for what is kept. Its rate is asked before the store remembers its assertion, so that a
     * request beyond it writes nothing and may be sent again as it is. What turns out to be a replay takes nothing.
     */
    Answer<Agent> authenticate(
            Form form, Optional<String> authorization, String endpoint, Instant now, RequestRates rates) {
        return proven(form, authorization, endpoint, now)
                .flatMap(proven -> rates.take(proven.agent()).flatMap(agent -> {
                    Answer<Agent> known = once(proven, this::firstTime);
                    if (known instanceof Answer.No<Agent>) {
                        rates.giveBack(agent);
                    }
                    return known;
                }));
    }

    /** The same of an agent that stops something: whether the store can be written now does not matter. */
    Answer<Agent> authenticateToStop(Form form, Optional<String> authorization, String endpoint, Instant now) {
        return proven(form, authorization, endpoint, now)
                .flatMap(proven -> once(proven, (mark, until) -> firstTimeUnstored(mark, until, now)));
    }

    /** @param assertion that it showed, and that must not have been shown before */
    private record Proven(Agent agent, Optional<Assertion> assertion) {}

    private record Assertion(String mark, Instant until) {}

    /** Whether it is shown for the first time; from now on it is not. */
    private interface Once {
        boolean firstTime(String mark, Instant until);
    }

    private static Answer<Agent> once(Proven proven, Once once) {
        return proven.assertion()
                        .filter(shown -> !once.firstTime(shown.mark(), shown.until()))
                        .isEmpty()
                ? Answer.ok(proven.agent())
                : refused("assertion was used before");
    }

    private Answer<Proven> proven(Form form, Optional<String> authorization, String endpoint, Instant now) {
        Optional<String> assertion = form.one("client_assertion");
        Optional<String> secret = form.one("client_secret");
        int ways = (assertion.isPresent() ? 1 : 0) + (secret.isPresent() ? 1 : 0) + (authorization.isPresent() ? 1 : 0);
        if (ways != 1) {
            return refused(ways == 0 ? "no authentication" : "several ways of authentication");
        }
        if (assertion.isPresent()) {
            return byAssertion(form, assertion.get(), endpoint, now);
        }
        if (secret.isPresent()) {
            return bySecret(form.one("client_id"), secret);
        }
        return byBasic(form, authorization.get());
    }

    /** RFC 7523 §3. */
    private Answer<Proven> byAssertion(Form form, String assertion, String endpoint, Instant now) {
        if (!form.one("client_assertion_type").equals(Optional.of(ASSERTION_TYPE))) {
            return refused("client_assertion_type");
        }
        CompactJws jws;
        try {
            jws = CompactJws.parse(assertion);
        } catch (Json.Malformed e) {
            return refused("assertion is no JWT");
        }
        Optional<String> claimed = jws.claim("sub");
        if (claimed.isEmpty()
                || !jws.claim("iss").equals(claimed)
                || !form.one("client_id").or(() -> claimed).equals(claimed)) {
            return refused("iss, sub and client_id are not one agent");
        }
        Optional<Agent> agent = find(claimed.get());
        if (agent.isEmpty()
                || !(agent.get().authentication() instanceof Authentication.PrivateKeyJwt(var jwks))
                || keys(jwks, jws).stream().noneMatch(jws::signedBy)) {
            return refused("unknown agent, or not its key");
        }
        List<String> audience = Providers.strings(jws.claims().get("aud"));
        if (audience.size() != 1 || !Set.of(issuer, endpoint).contains(audience.getFirst())) {
            // one audience only: an assertion that also serves elsewhere can be taken from there
            return refused("assertion is for another audience");
        }
        if (!(jws.claims().get("exp") instanceof Long exp)
                || exp <= now.getEpochSecond()
                || exp > now.plus(MAX_ASSERTION_LIFE).getEpochSecond()) {
            return refused("assertion's exp");
        }
        if (jws.claims().get("nbf") instanceof Long nbf
                && nbf > now.plus(MAX_SKEW).getEpochSecond()) {
            return refused("assertion's nbf");
        }
        Optional<String> jti = jws.claim("jti").filter(id -> !id.isEmpty() && id.length() <= MAX_JTI);
        if (jti.isEmpty()) {
            return refused("assertion's jti");
        }
        Assertion shown = new Assertion("assertion " + claimed.get() + " " + jti.get(), Instant.ofEpochSecond(exp));
        return Answer.ok(new Proven(agent.get(), Optional.of(shown)));
    }

    private boolean firstTime(String mark, Instant until) {
        return !unstored.containsKey(mark) && store.transaction(sql -> shelf.firstTime(sql, mark, until));
    }

    /** The store gets it when it takes it; until then, and after a failure to the assertion's end, it is known here. */
    private boolean firstTimeUnstored(String mark, Instant until, Instant now) {
        unstored.values().removeIf(end -> !end.isAfter(now));
        if (unstored.size() >= MAX_UNSTORED) {
            return firstTime(mark, until);
        }
        if (unstored.putIfAbsent(mark, until) != null) {
            return false;
        }
        if (store.read(sql -> shelf.wasSeen(sql, mark))) {
            unstored.remove(mark);
            return false;
        }
        Thread.ofVirtual().name("authority-assertion").start(() -> {
            try {
                store.transaction(sql -> shelf.firstTime(sql, mark, until));
                unstored.remove(mark);
            } catch (RuntimeException away) {
                LOG.log(Level.DEBUG, "an assertion that stopped something is remembered in memory only", away);
            }
        });
        return true;
    }

    private Answer<Proven> bySecret(Optional<String> id, Optional<String> secret) {
        Optional<Agent> agent = id.flatMap(this::find);
        String expected = agent.isPresent() && agent.get().authentication() instanceof Authentication.Secret(var sha256)
                ? sha256
                : NOBODYS_SECRET;
        boolean right = Digests.same(expected, Digests.hex(secret.orElse("")));
        return right && agent.isPresent()
                ? Answer.ok(new Proven(agent.get(), Optional.empty()))
                : refused("unknown agent, or not its secret");
    }

    /** RFC 6749 §2.3.1: both parts are form-encoded within the Basic scheme. */
    private Answer<Proven> byBasic(Form form, String authorization) {
        if (!authorization.regionMatches(true, 0, "Basic ", 0, 6)) {
            return refused("not the Basic scheme");
        }
        String id;
        String secret;
        try {
            String pair = new String(
                    Base64.getDecoder().decode(authorization.substring(6).strip()), StandardCharsets.UTF_8);
            int colon = pair.indexOf(':');
            if (colon < 0) {
                return refused("Basic without colon");
            }
            id = URLDecoder.decode(pair.substring(0, colon), StandardCharsets.UTF_8);
            secret = URLDecoder.decode(pair.substring(colon + 1), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return refused("Basic is not well-formed");
        }
        if (!form.one("client_id").orElse(id).equals(id)) {
            return refused("client_id differs from Basic");
        }
        return bySecret(Optional.of(id), Optional.of(secret));
    }

    private static List<VerificationKey> keys(String jwks, CompactJws jws) {
        try {
            IssuerKeys keys = IssuerKeys.fromJwks(
                    Json.readObject(jwks.getBytes(StandardCharsets.UTF_8)), EnumSet.allOf(SignatureAlgorithm.class));
            Optional<String> kid = jws.headerString("kid");
            return kid.isPresent()
                    ? Optional.ofNullable(keys.keys().get(kid.get())).stream().toList()
                    : new ArrayList<>(keys.keys().values());
        } catch (Json.Malformed e) {
            return List.of();
        }
    }

    private static <T> Answer<T> refused(String detail) {
        return Answer.no(Code.INVALID_CLIENT, "The client could not be authenticated.", detail);
    }
}

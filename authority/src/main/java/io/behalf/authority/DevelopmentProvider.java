package io.behalf.authority;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.vertx.ext.web.Router;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A small OpenID provider with two pretend people, for development, the demo and tests: discovery, key set, login with
 * PKCE, logout with its word to the clients (OpenID Connect Back-Channel Logout 1.0). Loopback only, everything in memory: what it says about people is worth nothing, so an authority outside
 * development mode must not trust it.
 */
public final class DevelopmentProvider implements AutoCloseable {
    static final Duration TOKEN_LIFE = Duration.ofMinutes(10);
    static final Duration CODE_LIFE = Duration.ofMinutes(1);
    static final Duration SESSION_LIFE = Duration.ofHours(8);
    static final Duration LOGOUT_LIFE = Duration.ofMinutes(2);

    /** Logins and sessions kept at once. */
    private static final int MAX_KEPT = 10_000;

    private static final Logger LOG = System.getLogger(DevelopmentProvider.class.getName());

    private static final String COOKIE = "behalf-development-login";

    private final String issuer;
    private final Map<String, Client> clients;
    private final Map<String, User> users = new LinkedHashMap<>();
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();
    private final SigningKey key = SigningKey.generate();
    private final Pages pages = new Pages();
    private final Http http = new Http(COOKIE);
    private final Fetch fetch = new Fetch();
    private final Map<String, Session> sessions = new ConcurrentHashMap<>();
    private final Map<String, Map<String, String>> waiting = new ConcurrentHashMap<>();
    private final Map<String, Code> codes = new ConcurrentHashMap<>();

    /**
     * @param secret absent for a public client
     * @param audiences of the access tokens that it gets
     * @param backchannelLogout where it is told that a person has logged out
     */
    public record Client(
            String id,
            Optional<String> secret,
            Set<String> redirectUris,
            Set<String> audiences,
            Optional<URI> backchannelLogout) {
        public Client {
            redirectUris = Set.copyOf(redirectUris);
            audiences = Set.copyOf(audiences);
            if (!backchannelLogout.map(AuthorityConfig::loopback).orElse(true)) {
                throw new IllegalArgumentException("the development provider is for loopback only");
            }
        }

        /** One that is not told of logouts. */
        public Client(String id, Optional<String> secret, Set<String> redirectUris, Set<String> audiences) {
            this(id, secret, redirectUris, audiences, Optional.empty());
        }

        /** Told of logouts at the back-channel endpoint of an authority. */
        public Client toldOfLogouts(String authorityIssuer) {
            return new Client(
                    id, secret, redirectUris, audiences, Optional.of(URI.create(authorityIssuer + Logouts.PATH)));
        }

        @Override
        public String toString() {
            return "Client[" + id + "]"; // holds a secret
        }
    }

    /** What somebody holds after signing in. */
    public record SignedIn(String accessToken, String idToken) {
        @Override
        public String toString() {
            return "SignedIn";
        }
    }

    private record User(String sub, String name, String email, List<String> groups, String password) {}

    private record Session(String sid, User user, Instant since) {}

    private record Code(Session session, Map<String, String> request, Instant until) {}

    /** @param issuer its address, on loopback, without a final slash */
    public DevelopmentProvider(String issuer, List<Client> clients, Clock clock) {
        if (!AuthorityConfig.loopback(URI.create(issuer))) {
            throw new IllegalArgumentException("the development provider is for loopback only");
        }
        this.issuer = issuer;
        this.clock = clock;
        this.clients = new ConcurrentHashMap<>();
        clients.forEach(client -> this.clients.put(client.id(), client));
        users.put("alice", new User("u-1001", "Alice Doe", "alice@example.test", List.of("support", "staff"), word()));
        users.put("bob", new User("u-1002", "Bob Roe", "bob@example.test", List.of("staff"), word()));
    }

    /** By user name; for the server to print, once. */
    public Map<String, String> passwords() {
        Map<String, String> out = new LinkedHashMap<>();
        users.forEach((name, user) -> out.put(name, user.password()));
        return out;
    }

    /** Immutable id of a user here: the second part of the token's {@code sub}. */
    public String sub(String user) {
        return user(user).sub();
    }

    /** Signs a user in at a client without a browser, as a script in a demo or a test does. */
    public SignedIn signIn(String user, String clientId) {
        Client client = Optional.ofNullable(clients.get(clientId)).orElseThrow();
        Instant now = clock.instant();
        return tokens(new Session(word(), user(user), now), client, now, Optional.empty());
    }

    /**
     * Logs a user out: ends all sessions here and tells every client that wants to know. Blocks until they have answered.
     * Tokens that are out stay what they are.
     */
    public void signOut(String user) {
        User known = user(user);
        sessions.values().removeIf(session -> session.user().equals(known));
        tellClients(Map.of("sub", known.sub()));
    }

    /** Mounts it; {@code below} is the path part of its issuer, empty or with a leading slash. */
    public void mount(Router router, String below) {
        http.get(router, below + "/.well-known/openid-configuration", "", ask -> Reply.json(200, discovery()));
        http.get(router, below + "/jwks", "", ask -> Reply.json(200, jwks()));
        http.get(router, below + "/authorize", "", this::authorize);
        http.post(router, below + "/login", "", this::login);
        http.post(router, below + "/token", "", this::token);
        http.get(router, below + "/logout", "", this::logout);
    }

    @Override
    public void close() {
        http.close();
        fetch.close();
    }

    private Map<String, @Nullable Object> discovery() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("issuer", issuer);
        out.put("authorization_endpoint", issuer + "/authorize");
        out.put("token_endpoint", issuer + "/token");
        out.put("jwks_uri", issuer + "/jwks");
        out.put("end_session_endpoint", issuer + "/logout");
        out.put("backchannel_logout_supported", true);
        out.put("backchannel_logout_session_supported", true);
        out.put("response_types_supported", List.of("code"));
        out.put("subject_types_supported", List.of("public"));
        out.put("id_token_signing_alg_values_supported", List.of(key.algorithm().code()));
        out.put("code_challenge_methods_supported", List.of("S256"));
        out.put("authorization_response_iss_parameter_supported", true);
        return out;
    }

    private Map<String, @Nullable Object> jwks() {
        return Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())));
    }

    private Reply authorize(Ask ask) {
        Form form = ask.form();
        Optional<Client> client = form.one("client_id").map(clients::get);
        Optional<String> redirect = form.one("redirect_uri");
        if (client.isEmpty()
                || redirect.isEmpty()
                || !client.get().redirectUris().contains(redirect.get())) {
            return Reply.json(400, Map.of("error", "invalid_request", "error_description", "client or redirect_uri"));
        }
        Map<String, String> request = new LinkedHashMap<>();
        for (String name : List.of("client_id", "redirect_uri", "state", "nonce", "code_challenge", "prompt")) {
            form.one(name).ifPresent(value -> request.put(name, value));
        }
        boolean pkce =
                form.one("code_challenge_method").equals(Optional.of("S256")) && request.containsKey("code_challenge");
        if (!form.one("response_type").equals(Optional.of("code")) || !pkce) {
            return back(request, Map.of("error", "invalid_request"));
        }
        Optional<Session> session = ask.cookie().map(sessions::get).filter(s -> fresh(s.since(), SESSION_LIFE));
        String prompt = request.getOrDefault("prompt", "");
        if (session.isPresent() && !prompt.equals("login")) {
            return coded(request, session.get());
        }
        if (prompt.equals("none")) { // OpenID Connect Core 1.0 §3.1.2.1
            return back(request, Map.of("error", "login_required"));
        }
        return loginPage(200, keep(waiting, request), "");
    }

    private Reply login(Ask ask) {
        String handle = ask.form().one("request").orElse("");
        Optional<Map<String, String>> request = Optional.ofNullable(waiting.get(handle));
        if (request.isEmpty()) {
            return loginPage(400, "", "This sign-in is over. Go back to the application and start again.");
        }
        Optional<User> user = ask.form().one("user").map(users::get);
        boolean right = user.isPresent()
                && Digests.same(
                        user.get().password(), ask.form().one("password").orElse(""));
        if (!right) {
            return loginPage(401, handle, "Name and password do not fit.");
        }
        waiting.remove(handle);
        Session session = new Session(word(), user.get(), clock.instant());
        String cookie = keep(sessions, session);
        return coded(request.get(), session)
                .with("Set-Cookie", COOKIE + "=" + cookie + "; Path=/; HttpOnly; SameSite=Lax");
    }

    private Reply token(Ask ask) {
        Form form = ask.form();
        Optional<Code> code =
                form.one("code").map(codes::remove).filter(c -> clock.instant().isBefore(c.until()));
        if (code.isEmpty()) {
            return Reply.json(400, Map.of("error", "invalid_grant"));
        }
        Map<String, String> request = code.get().request();
        Client client =
                Optional.ofNullable(clients.get(request.get("client_id"))).orElseThrow();
        boolean authentic = client.secret().isEmpty()
                ? form.one("client_id").equals(Optional.of(client.id()))
                : secret(ask)
                        .filter(given -> Digests.same(
                                given, client.id() + ":" + client.secret().get()))
                        .isPresent();
        String verifier = form.one("code_verifier").orElse("");
        boolean fits = Digests.challenge(verifier).equals(request.get("code_challenge"))
                && form.one("redirect_uri").equals(Optional.ofNullable(request.get("redirect_uri")));
        if (!authentic || !fits) {
            return Reply.json(400, Map.of("error", authentic ? "invalid_grant" : "invalid_client"));
        }
        SignedIn tokens =
                tokens(code.get().session(), client, clock.instant(), Optional.ofNullable(request.get("nonce")));
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("access_token", tokens.accessToken());
        out.put("id_token", tokens.idToken());
        out.put("token_type", "Bearer");
        out.put("expires_in", TOKEN_LIFE.toSeconds());
        return Reply.json(200, out);
    }

    private Reply logout(Ask ask) {
        ask.cookie()
                .flatMap(cookie -> Optional.ofNullable(sessions.remove(cookie)))
                .ifPresent(ended -> tellClients(Map.of("sub", ended.user().sub(), "sid", ended.sid())));
        return Reply.nothing(204).with("Set-Cookie", COOKIE + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    /** Back-Channel Logout 1.0 §2.5. A client that is away misses it, as in life. */
    private void tellClients(Map<String, String> who) {
        for (Client client : clients.values()) {
            if (client.backchannelLogout().isEmpty()) {
                continue;
            }
            String address = client.backchannelLogout().get().toString();
            try {
                int status = fetch.tell(address, query(Map.of("logout_token", logoutToken(client, who))));
                if (status != 200) {
                    LOG.log(Level.WARNING, client.id() + " answered a logout with status " + status);
                }
            } catch (Fetch.Unreachable e) {
                LOG.log(Level.WARNING, client.id() + " cannot be told of a logout: " + e.getMessage());
            }
        }
    }

    private String logoutToken(Client client, Map<String, String> who) {
        Instant now = clock.instant();
        Map<String, @Nullable Object> claims = new LinkedHashMap<>(who);
        claims.put("iss", issuer);
        claims.put("aud", client.id());
        claims.put("iat", now.getEpochSecond());
        claims.put("exp", now.plus(LOGOUT_LIFE).getEpochSecond());
        claims.put("jti", word());
        claims.put("events", Map.of(Logouts.EVENT, Map.of()));
        return sign("logout+jwt", claims);
    }

    String sign(String typ, Map<String, @Nullable Object> claims) {
        return CompactJws.sign(key, typ, key.thumbprint(), claims);
    }

    private static Optional<String> secret(Ask ask) {
        Optional<String> basic = ask.authorization()
                .filter(value -> value.startsWith("Basic "))
                .map(value -> new String(Base64.getDecoder().decode(value.substring(6)), StandardCharsets.UTF_8))
                .map(pair -> URLDecoder.decode(pair, StandardCharsets.UTF_8)); // RFC 6749 §2.3.1
        return basic.or(() -> ask.form()
                .one("client_secret")
                .map(secret -> ask.form().one("client_id").orElse("") + ":" + secret));
    }

    private Reply coded(Map<String, String> request, Session session) {
        Code code = new Code(session, request, clock.instant().plus(CODE_LIFE));
        return back(request, Map.of("code", keep(codes, code)));
    }

    private Reply back(Map<String, String> request, Map<String, String> answer) {
        Map<String, String> parameters = new LinkedHashMap<>(answer);
        Optional.ofNullable(request.get("state")).ifPresent(state -> parameters.put("state", state));
        parameters.put("iss", issuer);
        return Reply.redirect(request.get("redirect_uri") + "?" + query(parameters));
    }

    private Reply loginPage(int status, String request, String problem) {
        return pages.show(
                status,
                "developmentLogin",
                Map.of(
                        "action",
                        issuer + "/login",
                        "users",
                        List.copyOf(users.keySet()),
                        "request",
                        request,
                        "problem",
                        problem));
    }

    private SignedIn tokens(Session session, Client client, Instant now, Optional<String> nonce) {
        Map<String, @Nullable Object> access = claims(session, now);
        access.put("aud", client.audiences().stream().sorted().toList());
        access.put("azp", client.id());
        access.put("client_id", client.id());
        Map<String, @Nullable Object> id = claims(session, now);
        id.put("aud", client.id());
        nonce.ifPresent(value -> id.put("nonce", value));
        return new SignedIn(sign("at+jwt", access), sign("JWT", id));
    }

    private Map<String, @Nullable Object> claims(Session session, Instant now) {
        User user = session.user();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("iss", issuer);
        out.put("sub", user.sub());
        out.put("name", user.name());
        out.put("email", user.email());
        out.put("groups", user.groups());
        out.put("iat", now.getEpochSecond());
        out.put("exp", now.plus(TOKEN_LIFE).getEpochSecond());
        out.put("auth_time", session.since().getEpochSecond());
        out.put("sid", session.sid());
        out.put("acr", "1");
        out.put("amr", List.of("pwd"));
        out.put("jti", word());
        return out;
    }

    private User user(String name) {
        return Optional.ofNullable(users.get(name))
                .orElseThrow(() -> new IllegalArgumentException("the development provider knows alice and bob"));
    }

    private boolean fresh(Instant since, Duration life) {
        return clock.instant().isBefore(since.plus(life));
    }

    private <T> String keep(Map<String, T> in, T value) {
        if (in.size() >= MAX_KEPT) {
            in.clear(); // development: better a new sign-in than memory without end
        }
        String handle = word();
        in.put(handle, value);
        return handle;
    }

    private String word() {
        byte[] bytes = new byte[18];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    static String query(Map<String, String> parameters) {
        StringBuilder out = new StringBuilder();
        parameters.forEach((name, value) -> out.append(out.isEmpty() ? "" : "&")
                .append(encode(name))
                .append('=')
                .append(encode(value)));
        return out.toString();
    }

    static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}

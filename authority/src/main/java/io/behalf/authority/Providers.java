package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.verifier.IssuerKeys;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The OpenID providers: where they are (OpenID Connect Discovery 1.0), their keys, and the check of a token that one of
 * them signed. What a token is <em>for</em> is the caller's to check.
 */
final class Providers {
    /** How long a discovery document and a key set are believed. */
    static final Duration METADATA_LIFE = Duration.ofMinutes(10);

    /**
     * An unknown {@code kid} makes us ask again, but not more often than this: anybody can invent a kid. It counts from
     * the last attempt's end, also of one that failed: a provider that is away is not asked for each request.
     */
    static final Duration REFRESH_PAUSE = Duration.ofSeconds(10);

    /** How far a provider's clock may be ahead. */
    static final Duration MAX_SKEW = Duration.ofSeconds(60);

    static final int MAX_SUB = 255;

    private static final Set<SignatureAlgorithm> ALGORITHMS = EnumSet.allOf(SignatureAlgorithm.class);

    private final List<AuthorityConfig.Provider> providers;
    private final Fetch fetch;
    private final Clock clock;
    private final Map<String, Source> sources = new ConcurrentHashMap<>();

    Providers(List<AuthorityConfig.Provider> providers, Fetch fetch, Clock clock) {
        this.providers = providers;
        this.fetch = fetch;
        this.clock = clock;
    }

    /** @param jwks as the provider published them, for evidence */
    record Known(
            String authorizationEndpoint,
            String tokenEndpoint,
            IssuerKeys keys,
            Map<String, @Nullable Object> jwks,
            Instant fetched) {}

    /** A token whose signature, issuer and times hold, whatever it is about. */
    record Stated(AuthorityConfig.Provider provider, CompactJws token, Instant expires) {}

    /** The same about a person. */
    record Signed(
            AuthorityConfig.Provider provider, Map<String, @Nullable Object> claims, String sub, Instant expires) {
        Optional<String> text(String name) {
            return claims.get(name) instanceof String s ? Optional.of(s) : Optional.empty();
        }

        /** {@code aud}, which may be one string or several (RFC 7519 §4.1.3). */
        List<String> audience() {
            return strings(claims.get("aud"));
        }
    }

    List<AuthorityConfig.Provider> all() {
        return providers;
    }

    Optional<AuthorityConfig.Provider> named(String name) {
        return providers.stream().filter(p -> p.name().equals(name)).findFirst();
    }

    /** Endpoints and keys; asked for anew when they are old. */
    Known known(AuthorityConfig.Provider provider) {
        return source(provider).known();
    }

    private Source source(AuthorityConfig.Provider provider) {
        return sources.computeIfAbsent(provider.name(), _ -> new Source(provider));
    }

    /**
     * Checks that a configured provider signed this about a person and that it is valid now.
     *
     * @param what the token, as the client knows it, for the error's words
     */
    Answer<Signed> signed(String token, String what) {
        return stated(token, what).flatMap(stated -> {
            CompactJws jws = stated.token();
            if (jws.claims().containsKey("events")) {
                // RFC 8417 §4.5: a security event, of which a logout token is one, must not pass for a token about a
                // login
                return no(what, "tells of an event", "events");
            }
            return jws.claim("sub")
                    .filter(s -> !s.isBlank() && s.length() <= MAX_SUB)
                    .map(sub -> Answer.ok(new Signed(stated.provider(), jws.claims(), sub, stated.expires())))
                    .orElseGet(() -> no(what, "names no person (sub)", "sub"));
        });
    }

    /** Checks that a configured provider signed this and that it is valid now. */
    Answer<Stated> stated(String token, String what) {
        CompactJws jws;
        try {
            jws = CompactJws.parse(token);
        } catch (Json.Malformed e) {
            return no(what, "is not a signed JWT", String.valueOf(e.getMessage()));
        }
        Optional<AuthorityConfig.Provider> from = jws.claim("iss")
                .flatMap(iss ->
                        providers.stream().filter(p -> p.issuer().equals(iss)).findFirst());
        if (from.isEmpty()) {
            return no(what, "is not from a provider that this authority trusts", "iss");
        }
        AuthorityConfig.Provider provider = from.get();
        Optional<VerificationKey> key = key(provider, jws);
        if (key.isEmpty() || !jws.signedBy(key.get())) {
            return no(what, "is not signed by its provider", "signature, kid or alg");
        }
        Instant now = clock.instant();
        if (!(jws.claims().get("exp") instanceof Number exp) || now.getEpochSecond() >= exp.longValue()) {
            return no(what, "has expired: get a new one from the provider", "exp");
        }
        if (ahead(jws.claims().get("nbf"), now) || ahead(jws.claims().get("iat"), now)) {
            return no(what, "is from the future: check the clocks", "nbf or iat");
        }
        return Answer.ok(new Stated(provider, jws, Instant.ofEpochSecond(exp.longValue())));
    }

    /** {@code kid} is an exact key of the provider's set and nothing else: never a URL, never a key in the token. */
    private Optional<VerificationKey> key(AuthorityConfig.Provider provider, CompactJws jws) {
        Known have = known(provider);
        Optional<String> kid = jws.headerString("kid");
        if (kid.isEmpty()) {
            return have.keys().keys().size() == 1
                    ? Optional.of(have.keys().keys().values().iterator().next())
                    : Optional.empty();
        }
        VerificationKey key = have.keys().keys().get(kid.get());
        return key != null
                ? Optional.of(key)
                : Optional.ofNullable(
                        source(provider).newerThan(have).keys().keys().get(kid.get()));
    }

    /** What one provider published. It is asked once at a time: whoever comes meanwhile shares what comes of it. */
    private final class Source {
        private final AuthorityConfig.Provider provider;
        private final ReentrantLock asking = new ReentrantLock();
        private volatile @Nullable Known known;
        private Instant tried = Instant.EPOCH;
        private boolean failed;

        Source(AuthorityConfig.Provider provider) {
            this.provider = provider;
        }

        Known known() {
            Known have = known;
            return have != null && isLive(have) ? have : newerThan(have);
        }

        /** What was published after this, or still this if we asked only just now. */
        Known newerThan(@Nullable Known old) {
            asking.lock();
            try {
                Known have = known;
                if (have != null && !have.equals(old) && isLive(have)) {
                    return have;
                }
                if (clock.instant().isAfter(tried.plus(REFRESH_PAUSE))) {
                    return ask();
                }
                if (failed || have == null || !isLive(have)) {
                    throw new Fetch.Unreachable(provider.name() + " gave no usable answer just now");
                }
                return have;
            } finally {
                asking.unlock();
            }
        }

        private Known ask() {
            failed = true;
            try {
                Known fresh = fetched(provider);
                known = fresh;
                failed = false;
                return fresh;
            } finally {
                tried = clock.instant();
            }
        }

        private boolean isLive(Known have) {
            return clock.instant().isBefore(have.fetched().plus(METADATA_LIFE));
        }
    }

    private Known fetched(AuthorityConfig.Provider provider) {
        Map<String, @Nullable Object> document = json(
                provider.issuer() + (provider.issuer().endsWith("/") ? "" : "/") + ".well-known/openid-configuration");
        if (!provider.issuer().equals(document.get("issuer"))) {
            // OpenID Connect Discovery 1.0 §4.3: or one provider could speak for another
            throw new Fetch.Unreachable("the discovery document of " + provider.name() + " names another issuer");
        }
        Map<String, @Nullable Object> jwks = json(endpoint(document, "jwks_uri"));
        try {
            return new Known(
                    endpoint(document, "authorization_endpoint"),
                    endpoint(document, "token_endpoint"),
                    IssuerKeys.fromJwks(jwks, ALGORITHMS),
                    jwks,
                    clock.instant());
        } catch (Json.Malformed e) {
            throw new Fetch.Unreachable("the key set of " + provider.name() + " is none");
        }
    }

    private Map<String, @Nullable Object> json(String address) {
        Fetch.Got got = fetch.get(address);
        if (got.status() != 200) {
            throw new Fetch.Unreachable(
                    "status " + got.status() + " from " + URI.create(address).getHost());
        }
        return got.json();
    }

    private static String endpoint(Map<String, @Nullable Object> document, String name) {
        if (document.get(name) instanceof String address) {
            URI uri = URI.create(address);
            if ("https".equals(uri.getScheme()) || ("http".equals(uri.getScheme()) && AuthorityConfig.loopback(uri))) {
                return address;
            }
        }
        throw new Fetch.Unreachable("the provider's document has no usable " + name);
    }

    private static boolean ahead(@Nullable Object time, Instant now) {
        return time instanceof Number seconds
                && seconds.longValue() > now.plus(MAX_SKEW).getEpochSecond();
    }

    static List<String> strings(@Nullable Object claim) {
        if (claim instanceof String one) {
            return List.of(one);
        }
        if (claim instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
            return list.stream().map(String.class::cast).toList();
        }
        return List.of();
    }

    /** RFC 8693 §2.2.2: an unacceptable subject token is {@code invalid_request}. */
    private static <T> Answer<T> no(String what, String why, String detail) {
        return Answer.no(Code.INVALID_REQUEST, "The " + what + " " + why + ".", detail);
    }
}

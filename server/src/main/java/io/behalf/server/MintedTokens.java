package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.authority.MintedToken;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.gateway.Route;
import io.behalf.gateway.UpstreamTokens;
import io.behalf.verifier.VerifiedDelegation;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Tokens for services that verify for themselves: made by the authority, bound to a key that only this process has, and
 * kept for their life. Thread-safe.
 */
final class MintedTokens implements UpstreamTokens, AutoCloseable {
    /** Tokens kept; the ones used longest ago go first. */
    static final int KEPT = 65_536;
    /** A token is not used in its last moments, or it would expire on its way. */
    static final Duration SPARE = Duration.ofSeconds(10);

    private final Authority authority;
    private final Clock clock;
    private final SigningKey key = SigningKey.generate();
    private final SecureRandom random = new SecureRandom();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<Wanted, CompletableFuture<Minted>> tokens = newest();
    private final Map<String, Delegation> delegations = newest();

    private record Wanted(String jti, String audience) {}

    MintedTokens(Authority authority, Clock clock) {
        this.authority = authority;
        this.clock = clock;
    }

    @Override
    public CompletionStage<Minted> tokenFor(VerifiedDelegation presented, Route route) {
        String audience = route.mintedAudience()
                .orElseThrow(() -> new IllegalArgumentException("the route " + route.name() + " wants no token"));
        Delegation delegation = presented.delegation();
        Instant needed = clock.instant().plus(SPARE);
        synchronized (tokens) {
            return tokens.compute(
                    new Wanted(delegation.jti(), audience),
                    (_, known) -> known != null && usable(known, needed) ? known : mint(delegation, audience));
        }
    }

    @Override
    public String proof(Minted token, String method, String url) {
        return DpopProof.sign(
                key,
                method,
                url,
                clock.instant(),
                Ids.next("prf", clock.instant(), random),
                Optional.of(token.token()),
                Optional.empty());
    }

    /** What a token that was made here says; empty for others, and for those made long ago. */
    Optional<Delegation> delegation(String jti) {
        synchronized (delegations) {
            return Optional.ofNullable(delegations.get(jti));
        }
    }

    private static boolean usable(CompletableFuture<Minted> token, Instant needed) {
        return !token.isDone()
                || (!token.isCompletedExceptionally() && token.join().expires().isAfter(needed));
    }

    private CompletableFuture<Minted> mint(Delegation delegation, String audience) {
        return CompletableFuture.supplyAsync(
                () -> switch (authority.mint(delegation, audience, new Binding.Key(key.thumbprint()))) {
                    case Checked.Passed<MintedToken>(var minted) -> {
                        synchronized (delegations) {
                            delegations.put(minted.delegation().jti(), minted.delegation());
                        }
                        yield new Minted(minted.token(), minted.delegation().expires());
                    }
                    case Checked.Refused<MintedToken>(var no) ->
                        throw new IllegalStateException(
                                "no token for " + audience + ": " + no.reason().code());
                },
                threads);
    }

    private static <K, V> Map<K, V> newest() {
        return new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > KEPT;
            }
        };
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}

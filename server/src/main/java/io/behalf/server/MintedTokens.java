package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.authority.MintedToken;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Ids;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord;
import io.behalf.gateway.Route;
import io.behalf.gateway.UpstreamTokens;
import io.behalf.verifier.VerifiedDelegation;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;

/**
 * Tokens for services that verify for themselves: made by the authority, bound to a key that only this process has, and
 * kept for their life. Thread-safe.
 *
 * <p>It also remembers which token said what and which call it was sent with, for {@link ServiceChains}. That is a short
 * memory: what was made by an earlier process, or is older than {@link #KEPT} others, the ledger tells.
 */
final class MintedTokens implements UpstreamTokens, AutoCloseable {
    /** Tokens and calls kept; the ones used longest ago go first. */
    static final int KEPT = 65_536;
    /** A token is not used in its last moments if there can be a later one, or it would expire on its way. */
    static final Duration SPARE = Duration.ofSeconds(10);

    private final Authority authority;
    private final Clock clock;
    private final SigningKey key = SigningKey.generate();
    private final SecureRandom random = new SecureRandom();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<Wanted, CompletableFuture<Minted>> tokens = newest();
    private final Map<String, ServiceToken> made = newest();
    /** By the call's record. */
    private final Map<String, String> sent = newest();

    private record Wanted(String jti, String audience) {}

    MintedTokens(Authority authority, Clock clock) {
        this.authority = authority;
        this.clock = clock;
    }

    @Override
    public CompletionStage<Minted> tokenFor(VerifiedDelegation presented, Route route) {
        String audience = route.mintedAudience()
                .orElseThrow(() -> new IllegalArgumentException("the route " + route.name() + " wants no token"));
        Instant last = presented.delegation().expires();
        synchronized (tokens) {
            return tokens.compute(
                    new Wanted(presented.delegation().jti(), audience),
                    (_, known) -> known != null && usable(known, last) ? known : mint(presented, audience));
        }
    }

    @Override
    public String proof(Minted token, String record, String method, String url) {
        synchronized (sent) {
            sent.put(record, token.jti());
        }
        return DpopProof.sign(
                key,
                method,
                url,
                clock.instant(),
                Ids.next("prf", clock.instant(), random),
                Optional.of(token.token()),
                Optional.empty());
    }

    /** What a token says that was made here; empty for others, and for those made long ago. */
    Optional<ServiceToken> made(String jti) {
        synchronized (made) {
            return Optional.ofNullable(made.get(jti));
        }
    }

    /** {@code jti} of the token that the call with this record was sent with; empty for others, and for calls long ago. */
    Optional<String> sentWith(String record) {
        synchronized (sent) {
            return Optional.ofNullable(sent.get(record));
        }
    }

    /** @param last no token made from this delegation lives longer */
    private boolean usable(CompletableFuture<Minted> token, Instant last) {
        if (!token.isDone()) {
            return true;
        }
        if (token.isCompletedExceptionally()) {
            return false;
        }
        Instant expires = token.join().expires();
        // without the second half each call in a delegation's last moments would make, and record, one more token
        return expires.isAfter(clock.instant().plus(SPARE))
                || (!expires.isBefore(last) && expires.isAfter(clock.instant()));
    }

    private CompletableFuture<Minted> mint(VerifiedDelegation presented, String audience) {
        try {
            return CompletableFuture.supplyAsync(() -> made(presented, audience), threads);
        } catch (RejectedExecutionException closed) {
            return CompletableFuture.failedFuture(closed);
        }
    }

    private Minted made(VerifiedDelegation presented, String audience) {
        Delegation from = presented.delegation();
        return switch (authority.mint(from, audience, new Binding.Key(key.thumbprint()))) {
            case Checked.Passed<MintedToken>(var minted) -> {
                Delegation d = minted.delegation();
                var held = new AuditRecord.Held(
                        d.jti(), d.approvalId(), d.approvalKind().code(), d.expires(), sha256(minted.token()), true);
                var token = new ServiceToken(
                        audience, Optional.of(from.jti()), d.taskId(), presented.basis(), d.actors(), held);
                synchronized (made) {
                    made.put(d.jti(), token);
                }
                yield new Minted(d.jti(), minted.token(), d.expires());
            }
            case Checked.Refused<MintedToken>(var no) ->
                throw new IllegalStateException(
                        "no token for " + audience + ": " + no.reason().code());
        };
    }

    private static String sha256(String token) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
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

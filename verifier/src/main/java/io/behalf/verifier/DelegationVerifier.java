package io.behalf.verifier;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Optional;

/**
 * The only check of a presented delegation: one straight list, in which the first failure wins. Pure over the snapshots
 * of keys and revocations that it is given, and time is passed in. What follows it (actor, chain, scope, policy) is a
 * decision and made elsewhere. Thread-safe, and nothing in it blocks.
 *
 * <p>A refusal carries the delegation ({@link Refusal#authentic}) only where signature <em>and</em> proof of possession
 * held: then its record may name the task, and the answer may name the person.
 */
public final class DelegationVerifier {
    /** How far an issuer's clock may be ahead of ours. */
    public static final Duration MAX_SKEW = Duration.ofSeconds(60);

    /** Longest life of a delegation token. */
    public static final Duration MAX_LIFE = Duration.ofMinutes(15);

    /** Longest life of a token that whoever finds it can use. */
    public static final Duration MAX_UNBOUND_LIFE = Duration.ofMinutes(5);

    private static final String OBTAIN = " Obtain a new delegation for the task.";

    private final TrustedIssuers issuers;
    private final Revocations revocations;
    private final DpopProofs proofs;
    private final KnownTokens known;

    public DelegationVerifier(TrustedIssuers issuers, Revocations revocations, DpopProofs proofs) {
        this(issuers, revocations, proofs, KnownTokens.DEFAULT_MOST);
    }

    DelegationVerifier(TrustedIssuers issuers, Revocations revocations, DpopProofs proofs, int tokensKept) {
        this.issuers = issuers;
        this.revocations = revocations;
        this.proofs = proofs;
        this.known = new KnownTokens(tokensKept);
    }

    /** Checks what a request shows. A proof that holds is used up by this. */
    public Checked<VerifiedDelegation> verify(Presented p, Instant now) {
        if (p.token().isEmpty()) {
            return Checked.refused(Refusal.of(
                    Reason.DELEGATION_MISSING,
                    "This call needs a delegation: obtain one for the task and send it in Authorization: DPoP."));
        }
        return authentic(p.token().get()).then(token -> {
            Delegation d = token.delegation();
            Optional<Refusal> standing = audience(p, d).or(() -> time(d, now));
            Checked<VerifiedDelegation> held = possession(p, token, now);
            if (held instanceof Checked.Refused<VerifiedDelegation> no) {
                return standing.isPresent() ? Checked.refused(standing.get()) : no;
            }
            return standing.or(() -> stopped(d))
                    .map(refusal -> Checked.<VerifiedDelegation>refused(refusal.about(d)))
                    .orElse(held);
        });
    }

    /**
     * For the issuer's own endpoints, where a token is what the request is about and not its credential: signature,
     * claims, times and stops are checked as in {@link #verify}; whether the one who sends it may do so, by possession or
     * otherwise, is left to the caller.
     */
    public Checked<Delegation> genuine(String token, Instant now) {
        return authentic(token).then(known -> {
            Delegation d = known.delegation();
            return time(d, now)
                    .or(() -> stopped(d))
                    .map(refusal -> Checked.<Delegation>refused(refusal))
                    .orElseGet(() -> Checked.passed(d));
        });
    }

    /**
     * Whether {@link #verify} refused only because the issuer's key is not in the snapshot: then the caller may refresh
     * the keys, once, and verify again.
     */
    public Optional<UnknownKey> unknownKey(Presented p) {
        if (p.token().isEmpty()) {
            return Optional.empty();
        }
        try {
            CompactJws jws = CompactJws.parse(p.token().get());
            Optional<String> issuer = jws.claim("iss");
            Optional<String> kid = jws.headerString("kid");
            return issuer.isPresent()
                            && kid.isPresent()
                            && issuers.of(issuer.get())
                                    .filter(keys -> !keys.keys().containsKey(kid.get()))
                                    .isPresent()
                    ? Optional.of(new UnknownKey(issuer.get(), kid.get()))
                    : Optional.empty();
        } catch (Json.Malformed e) {
            return Optional.empty();
        }
    }

    /** From {@code delegation_malformed} to the claims' shape: what depends on the token and the keys alone. */
    private Checked<KnownTokens.Known> authentic(String token) {
        byte[] digest = sha256(token);
        Optional<KnownTokens.Known> seen = known.find(digest);
        if (seen.isPresent() && stillTrusted(seen.get())) {
            return Checked.passed(seen.get());
        }
        CompactJws jws;
        try {
            jws = CompactJws.parse(token);
        } catch (Json.Malformed e) {
            return malformed(String.valueOf(e.getMessage()));
        }
        Optional<String> issuer = jws.claim("iss");
        if (issuer.isEmpty()) {
            return malformed("no iss");
        }
        Optional<IssuerKeys> keys = issuers.of(issuer.get());
        if (keys.isEmpty()) {
            return Checked.refused(Refusal.of(
                    Reason.ISSUER_UNTRUSTED,
                    "The delegation was issued by an authority that is not trusted here." + OBTAIN));
        }
        if (!DelegationClaims.TYPE.equals(jws.header().get("typ"))) {
            return forged("typ is not at+jwt"); // RFC 8725 §3.11: an ID token or a proof is no delegation
        }
        Optional<String> kid = jws.headerString("kid");
        Optional<VerificationKey> key = kid.flatMap(keys.get()::key);
        if (key.isEmpty()) {
            return forged("kid is not one of the issuer's keys with an algorithm allowed for it");
        }
        if (!jws.signedBy(key.get())) {
            return forged("signature, alg or crit");
        }
        return DelegationClaims.fromJson(jws.claims()).then(d -> {
            if (Duration.between(d.issuedAt(), d.expires()).compareTo(MAX_LIFE) > 0) {
                return malformed("lives longer than " + MAX_LIFE);
            }
            KnownTokens.Known fresh = new KnownTokens.Known(
                    d,
                    kid.orElseThrow(),
                    key.get(),
                    HexFormat.of().formatHex(digest),
                    Base64Url.encode(digest),
                    new DpopProofs.LastKey());
            known.add(digest, fresh);
            return Checked.passed(fresh);
        });
    }

    /** A key that was taken back takes its tokens along, also those that were checked while it counted. */
    private boolean stillTrusted(KnownTokens.Known token) {
        return issuers.of(token.delegation().issuer())
                .flatMap(keys -> keys.key(token.kid()))
                .filter(token.key()::equals)
                .isPresent();
    }

    private static Optional<Refusal> audience(Presented p, Delegation d) {
        return p.audiences().contains(d.audience())
                ? Optional.empty()
                : Optional.of(Refusal.of(
                        Reason.AUDIENCE_MISMATCH,
                        "The delegation was issued for another address than this one: exchange it for a token whose"
                                + " audience is this resource."));
    }

    private static Optional<Refusal> time(Delegation d, Instant now) {
        Instant latest = now.plus(MAX_SKEW);
        if (d.issuedAt().isAfter(latest)
                || d.notBefore().filter(t -> t.isAfter(latest)).isPresent()) {
            return Optional.of(Refusal.of(
                    Reason.DELEGATION_NOT_YET_VALID,
                    "The delegation is not valid yet: check the clocks of this machine and of the authority."));
        }
        if (!now.isBefore(d.taskEnd())) {
            return Optional.of(Refusal.of(
                    Reason.TASK_EXPIRED,
                    "The task's approved time is over, and no renewal goes beyond it. Ask for a new task."));
        }
        if (!now.isBefore(d.expires())) {
            return Optional.of(Refusal.of(
                    Reason.DELEGATION_EXPIRED,
                    "The delegation has expired, the task has not: renew it and try again."));
        }
        return Optional.empty();
    }

    private Checked<VerifiedDelegation> possession(Presented p, KnownTokens.Known token, Instant now) {
        Binding binding = token.delegation().binding();
        if (binding instanceof Binding.Key key) {
            if (p.scheme() == Presented.Scheme.BEARER) { // RFC 9449 §7.2
                return unproved("The delegation is bound to a key: send it as Authorization: DPoP, with a DPoP proof.");
            }
            var expected = new DpopProofs.Expected(
                    p.method(), p.url(), Optional.of(token.tokenHash()), Optional.of(key.jkt()));
            return proofs.check(
                            p.proofs(), expected, Optional.of(token.delegation().actor()), now, token.lastKey())
                    .then(proved -> Checked.passed(verified(token, true)));
        }
        if (p.scheme() == Presented.Scheme.DPOP) { // RFC 9449 §7.1: the proof would prove nothing about this token
            return unproved("The delegation is not bound to a proof key: do not send it as Authorization: DPoP.");
        }
        if (binding instanceof Binding.Certificate certificate) { // RFC 8705 §3
            if (p.certificateS256().isEmpty()) {
                return unproved("The delegation is bound to a client certificate: connect with that certificate.");
            }
            if (!p.certificateS256().get().equals(certificate.x5tS256())) {
                return Checked.refused(Refusal.of(
                        Reason.BINDING_MISMATCH,
                        "The delegation is bound to another client certificate than this connection's."));
            }
            return Checked.passed(verified(token, true));
        }
        Delegation d = token.delegation();
        boolean brief = Duration.between(d.issuedAt(), d.expires()).compareTo(MAX_UNBOUND_LIFE) <= 0;
        return p.allowUnbound() && brief
                ? Checked.passed(verified(token, false))
                : unproved("The delegation is bound to no key, which is not accepted here: obtain one bound to a key.");
    }

    private Optional<Refusal> stopped(Delegation d) {
        return revocations
                .stopped(d)
                .map(reason -> Refusal.of(
                        reason,
                        reason == Reason.TASK_ENDED
                                ? "The task was ended, and nothing more can be done under it. Ask for a new task."
                                : "The delegation was revoked, and the task must stop here."));
    }

    private static VerifiedDelegation verified(KnownTokens.Known token, boolean bound) {
        return new VerifiedDelegation(token.delegation(), token.sha256(), bound);
    }

    private static Checked<VerifiedDelegation> unproved(String sentence) {
        return Checked.refused(Refusal.of(Reason.BINDING_MISSING, sentence));
    }

    private static Checked<KnownTokens.Known> malformed(String detail) {
        return Checked.refused(Refusal.of(
                Reason.DELEGATION_MALFORMED, "What was sent is not a well-formed delegation token." + OBTAIN, detail));
    }

    private static Checked<KnownTokens.Known> forged(String detail) {
        return Checked.refused(Refusal.of(
                Reason.SIGNATURE_INVALID,
                "The delegation is not signed by the authority that it names." + OBTAIN,
                detail));
    }

    private static byte[] sha256(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

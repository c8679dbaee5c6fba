package io.behalf.verifier;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Checks DPoP proofs as RFC 9449 §4.3 lists it, at a resource and at a token endpoint alike, and remembers which were
 * used. One instance for each place that can be called, so that one place's callers cannot fill another's memory.
 * Thread-safe.
 */
public final class DpopProofs {
    /** How old a proof may be. */
    public static final Duration MAX_AGE = Duration.ofSeconds(60);

    /** How far ahead the maker's clock may be. */
    public static final Duration MAX_AHEAD = Duration.ofSeconds(60);

    /** Longest {@code jti} read; longer ones are a cost without a use. */
    public static final int MAX_JTI = 256;

    /** Proofs remembered in one window unless told otherwise: 17,000 a second for {@link #MAX_AGE} and ahead. */
    public static final int DEFAULT_REMEMBERED = 1 << 21;

    /** Holders that it takes to fill that memory unless told otherwise. */
    public static final int DEFAULT_SHARES = 2;

    private final ReplayedProofs replayed;
    private final Nonces nonces;

    public DpopProofs() {
        this(DEFAULT_REMEMBERED, Nonces.NOT_DEMANDED);
    }

    /** @param remembered most proofs within one window; beyond it every proof is refused */
    public DpopProofs(int remembered, Nonces nonces) {
        this(remembered, DEFAULT_SHARES, nonces);
    }

    /** @param shares of the memory: beyond its own, a holder's proofs are refused, and nobody else's */
    public DpopProofs(int remembered, int shares, Nonces nonces) {
        this.replayed = new ReplayedProofs(MAX_AGE.plus(MAX_AHEAD), remembered, shares);
        this.nonces = nonces;
    }

    /** Whether the server's own nonce must stand in a proof (RFC 9449 §8, §9). */
    @FunctionalInterface
    public interface Nonces {
        Nonces NOT_DEMANDED = nonce -> true;

        /** @param nonce the proof's, empty where it has none; once nonces are demanded, that is refused as well */
        boolean accepts(Optional<String> nonce);
    }

    /** What a proof must fit. */
    public record Expected(String method, String url, Optional<String> tokenHash, Optional<String> thumbprint) {
        /** At a token endpoint: no token yet; {@code thumbprint} where a grant is bound already. */
        public static Expected atTokenEndpoint(String method, String url, Optional<String> thumbprint) {
            return new Expected(method, url, Optional.empty(), thumbprint);
        }

        /** At a resource, with the token that came along. */
        public static Expected at(String method, String url, String token, String thumbprint) {
            return new Expected(method, url, Optional.of(DpopProof.tokenHash(token)), Optional.of(thumbprint));
        }
    }

    /**
     * Checks the proof and uses it up: the same one again is {@code proof_replayed}.
     *
     * @param headers values of all {@code DPoP} headers of the request
     * @return the proof's public key
     */
    public Checked<VerificationKey> check(List<String> headers, Expected expected, Instant now) {
        return check(headers, expected, Optional.empty(), now, new LastKey());
    }

    /** As above, of somebody who may show many keys: {@code holder}, authenticated by other means, has one share. */
    public Checked<VerificationKey> check(List<String> headers, Expected expected, String holder, Instant now) {
        return check(headers, expected, Optional.of(holder), now, new LastKey());
    }

    /** As above, with the key of this holder's last proof at hand, so that the same key is not read again. */
    Checked<VerificationKey> check(
            List<String> headers, Expected expected, Optional<String> holder, Instant now, LastKey last) {
        if (headers.size() != 1) { // RFC 9449 §4.3, 1
            return headers.isEmpty()
                    ? Checked.refused(Refusal.of(
                            Reason.BINDING_MISSING,
                            "A proof of possession is needed: send a DPoP header made with the delegation's key."))
                    : invalid("Send exactly one DPoP header.", "several DPoP headers");
        }
        CompactJws proof;
        VerificationKey key;
        try {
            proof = CompactJws.parse(headers.get(0)); // 2, 3
            key = last.read(headers.get(0), proof); // 7
        } catch (Json.Malformed e) {
            return invalid("The DPoP header holds no well-formed proof.", String.valueOf(e.getMessage()));
        }
        if (!DpopProof.TYPE.equals(proof.header().get("typ"))) { // 4
            return invalid("The DPoP proof is of another type than dpop+jwt.", "typ");
        }
        if (!proof.signedBy(key)) { // 5, 6
            return invalid("The DPoP proof is not signed by the key it shows.", "signature, alg or crit");
        }
        Optional<Refusal> wrong = claims(proof, expected, now);
        return wrong.isPresent() ? Checked.refused(wrong.get()) : held(proof, key, expected, holder, now);
    }

    private Optional<Refusal> claims(CompactJws proof, Expected expected, Instant now) {
        Optional<String> jti = proof.claim("jti");
        if (jti.isEmpty() || jti.get().isEmpty() || jti.get().length() > MAX_JTI) {
            return wrong("The DPoP proof needs a jti of at most " + MAX_JTI + " characters.", "jti");
        }
        if (!proof.claim("htm").equals(Optional.of(expected.method()))) { // 8
            return wrong("The DPoP proof was made for another method than this request's.", "htm");
        }
        if (!sameAddress(proof.claim("htu").orElse(""), expected.url())) { // 9
            return wrong("The DPoP proof was made for another address than " + expected.url() + ".", "htu");
        }
        if (!nonces.accepts(proof.claim("nonce"))) { // 10
            return wrong("The DPoP proof lacks the nonce that the server asked for.", "nonce");
        }
        if (!(proof.claims().get("iat") instanceof Long iat)
                || iat < now.minus(MAX_AGE).getEpochSecond()
                || iat > now.plus(MAX_AHEAD).getEpochSecond()) { // 11
            return wrong(
                    "The DPoP proof is older than " + MAX_AGE.toSeconds()
                            + " seconds or from the future: make one for each request, and check the clock.",
                    "iat");
        }
        if (expected.tokenHash().isPresent() && !proof.claim("ath").equals(expected.tokenHash())) { // 12
            return wrong("The DPoP proof was made for another token.", "ath");
        }
        return Optional.empty();
    }

    private Checked<VerificationKey> held(
            CompactJws proof, VerificationKey key, Expected expected, Optional<String> holder, Instant now) {
        if (expected.thumbprint().isPresent() && !expected.thumbprint().get().equals(key.thumbprint())) { // 12
            return Checked.refused(Refusal.of(
                    Reason.BINDING_MISMATCH,
                    "The delegation is bound to another key than the one that made the proof."));
        }
        // last, so that only the holder of a bound key can use up memory
        return switch (replayed.add(
                holder.orElse(key.thumbprint()),
                key.thumbprint(),
                proof.claim("jti").orElseThrow(),
                now)) {
            case FIRST_TIME -> Checked.passed(key);
            case BEFORE ->
                Checked.refused(Refusal.of(
                        Reason.PROOF_REPLAYED,
                        "This DPoP proof was used before: make a new one, with its own jti, for each request."));
            case FULL ->
                Checked.refused(Refusal.of(
                                Reason.PROOF_REPLAYED,
                                "Too many proofs were used lately to tell a new one from a replay. Try again shortly.",
                                "the memory of used proofs is full")
                        .retryAfter((int) MAX_AGE.toSeconds()));
        };
    }

    /** RFC 9449 §4.3: without query and fragment, after the normalization of RFC 3986 §6.2.2 and §6.2.3. */
    static boolean sameAddress(String htu, String url) {
        if (htu.equals(url)) {
            return true;
        }
        Optional<String> a = normalized(htu);
        return a.isPresent() && a.equals(normalized(url));
    }

    private static Optional<String> normalized(String address) {
        URI uri;
        try {
            uri = new URI(address);
        } catch (URISyntaxException e) {
            return Optional.empty();
        }
        if (uri.getScheme() == null || uri.getHost() == null || uri.getRawUserInfo() != null) {
            return Optional.empty();
        }
        String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
        int standard = scheme.equals("https") ? 443 : scheme.equals("http") ? 80 : -1;
        String port = uri.getPort() == -1 || uri.getPort() == standard ? "" : ":" + uri.getPort();
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        return Optional.of(scheme + "://" + uri.getHost().toLowerCase(Locale.ROOT) + port + unescaped(path));
    }

    /** Escapes in upper case, and none where the character needs none (RFC 3986 §6.2.2.1, §6.2.2.2). */
    private static String unescaped(String path) {
        if (path.indexOf('%') < 0) {
            return path;
        }
        StringBuilder out = new StringBuilder(path.length());
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c != '%') {
                out.append(c);
                continue;
            }
            String hex = path.substring(i + 1, i + 3).toUpperCase(Locale.ROOT); // URI has checked that they are there
            int code = Integer.parseInt(hex, 16);
            boolean plain = code < 0x80 && (Character.isLetterOrDigit(code) || "-._~".indexOf(code) >= 0);
            out.append(plain ? String.valueOf((char) code) : "%" + hex);
            i += 2;
        }
        return out.toString();
    }

    private static Checked<VerificationKey> invalid(String sentence, String detail) {
        return Checked.refused(Refusal.of(Reason.PROOF_INVALID, sentence, detail));
    }

    private static Optional<Refusal> wrong(String sentence, String claim) {
        return Optional.of(Refusal.of(Reason.PROOF_INVALID, sentence, "proof claim " + claim));
    }

    /**
     * The key of a holder's last proof by the text of its header: proofs of one key begin alike, and reading a key costs
     * a curve check and a thumbprint. Read and written without a lock; any value in it is right.
     */
    static final class LastKey {
        private volatile @Nullable Read last;

        private record Read(String header, VerificationKey key) {}

        VerificationKey read(String text, CompactJws proof) throws Json.Malformed {
            String header = text.substring(0, text.indexOf('.'));
            Read known = last;
            if (known != null && known.header.equals(header)) {
                return known.key;
            }
            if (!(proof.header().get("jwk") instanceof Map<?, ?> jwk)) {
                throw new Json.Malformed("the proof's header has no jwk", null);
            }
            @SuppressWarnings("unchecked")
            Map<String, @Nullable Object> members = (Map<String, @Nullable Object>) jwk;
            VerificationKey key = VerificationKey.fromJwk(members);
            last = new Read(header, key);
            return key;
        }
    }
}

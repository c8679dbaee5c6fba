package io.behalf.verifier;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Makes {@code vectors/presentations.json}: what a request shows of a delegation, and what every verifier must answer.
 * The same bytes each time, from the keys in {@code vectors/keys.json}.
 */
final class Vectors {
    private static final long NOW = Forge.NOW.getEpochSecond();

    private final Map<String, SigningKey> keys;
    private final Forge forge;
    private final List<Map<String, @Nullable Object>> made = new ArrayList<>();

    /** @param keys by their names in the file: authority, authority-rs256, authority-eddsa, agent, stranger */
    Vectors(Map<String, SigningKey> keys) {
        this.keys = keys;
        this.forge = new Forge(key("authority"), key("agent"));
    }

    private interface Change extends Consumer<Map<String, @Nullable Object>> {}

    List<Map<String, @Nullable Object>> presentations() {
        valid();
        malformed();
        untrustedOrForged();
        otherShape();
        audienceAndTime();
        binding();
        proofs();
        stopped();
        return made;
    }

    private void valid() {
        good("es256 with proof", token(Vectors::same, Vectors::same));
        good("rs256", token(key("authority-rs256"), Vectors::same, Vectors::same));
        good("eddsa", token(key("authority-eddsa"), Vectors::same, Vectors::same));
        good("unknown claims are ignored", token(Vectors::same, c -> c.put("extra", Map.of("a", 1L))));
        good(
                "header members that point to keys have no say",
                token(h -> h.put("jku", "https://x.example"), Vectors::same));
        good("nbf within the skew", token(Vectors::same, c -> c.put("nbf", NOW + 60)));
        good("one second before its end", token(Vectors::same, c -> c.put("exp", NOW + 1)));
        good(
                "a chain of three agents",
                token(Vectors::same, c -> c.put("act", act("ticket-agent", "planner", "desk"))));
        good("nobody behind it", token(Vectors::same, c -> {
            c.keySet().removeAll(List.of("idp", "sbj"));
            c.put("sub", "agent:ticket-agent");
            c.put("no_subject", Map.of("category", "scheduled", "reason_code", "nightly"));
            c.put("approval_kind", "none");
        }));
        String token = token(Vectors::same, Vectors::same);
        add(
                "delegation header with proof",
                "delegation_header",
                token,
                List.of(proof(token, Vectors::same, Vectors::same)),
                "passed");
        add(
                "key header with proof",
                "key_header",
                token,
                List.of(proof(token, Vectors::same, Vectors::same)),
                "passed");
        good(
                "address in another case and with its port",
                token,
                c -> c.put("htu", "HTTPS://Gateway.example:443/mcp/tickets?x=1#y"));
        String bound = token(Vectors::same, c -> c.put("cnf", Map.of("x5t#S256", certificate("C"))));
        with(
                add("bound to the connection's certificate", "bearer", bound, List.of(), "passed"),
                v -> v.put("certificate_s256", certificate("C")));
        String unbound = token(Vectors::same, c -> c.remove("cnf"));
        with(
                add("unbound where that is allowed", "bearer", unbound, List.of(), "passed"),
                v -> v.put("allow_unbound", true));
    }

    private void malformed() {
        Map<String, @Nullable Object> missing =
                add("no delegation at all", "none", "", List.of(), "delegation_missing");
        missing.remove("token");
        String token = token(Vectors::same, Vectors::same);
        String[] part = token.split("\\.", -1);
        bad("an opaque key", "sk-live-0123456789", "delegation_malformed");
        bad("two parts", part[0] + "." + part[1], "delegation_malformed");
        bad("four parts", token + ".AA", "delegation_malformed");
        bad("base64url with padding", part[0] + "=." + part[1] + "." + part[2], "delegation_malformed");
        bad("base64 alphabet", part[0] + "." + part[1] + ".ab+/", "delegation_malformed");
        bad("stray last bits", part[0] + "." + part[1] + "." + strayBit(part[2]), "delegation_malformed");
        bad("white space inside", part[0] + "." + part[1] + " ." + part[2], "delegation_malformed");
        bad("header is an array", raw("[]", claims(Vectors::same)), "delegation_malformed");
        bad("claims are a string", raw(header(Vectors::same), "\"x\""), "delegation_malformed");
        bad("no iss", token(Vectors::same, c -> c.remove("iss")), "delegation_malformed");
        bad("iss is a number", token(Vectors::same, c -> c.put("iss", 7L)), "delegation_malformed");
        String claims = claims(Vectors::same);
        String open = claims.substring(0, claims.length() - 1);
        bad("aud twice", raw(header(Vectors::same), open + ",\"aud\":\"https://x.example\"}"), "delegation_malformed");
        bad(
                "aud twice, once escaped",
                raw(header(Vectors::same), open + ",\"\\u0061ud\":\"x\"}"),
                "delegation_malformed");
        bad(
                "alg twice",
                raw("{\"alg\":\"none\"," + header(Vectors::same).substring(1), claims),
                "delegation_malformed");
        bad("text after the claims", raw(header(Vectors::same), claims + "{}"), "delegation_malformed");
        bad("comment in the claims", raw(header(Vectors::same), "/**/" + claims), "delegation_malformed");
        bad(
                "claims in UTF-16",
                raw(utf8(header(Vectors::same)), claims.getBytes(StandardCharsets.UTF_16BE)),
                "delegation_malformed");
        bad("lone surrogate", raw(header(Vectors::same), open + ",\"x\":\"\\ud800\"}"), "delegation_malformed");
    }

    private void untrustedOrForged() {
        bad("issuer unknown", token(Vectors::same, c -> c.put("iss", "https://x.example")), "issuer_untrusted");
        bad(
                "issuer with a slash more",
                token(Vectors::same, c -> c.put("iss", Forge.ISSUER + "/")),
                "issuer_untrusted");
        bad(
                "issuer in another case",
                token(Vectors::same, c -> c.put("iss", "https://AUTHORITY.example")),
                "issuer_untrusted");
        for (String typ : List.of("JWT", "AT+JWT", "application/at+jwt", "dpop+jwt")) {
            bad("typ " + typ, token(h -> h.put("typ", typ), Vectors::same), "signature_invalid");
        }
        bad("no typ", token(h -> h.remove("typ"), Vectors::same), "signature_invalid");
        for (String alg : List.of("none", "ES384", "RS256", "es256")) {
            bad("alg " + alg, token(h -> h.put("alg", alg), Vectors::same), "signature_invalid");
        }
        String none = token(h -> h.put("alg", "none"), Vectors::same);
        bad("alg none, unsigned", none.substring(0, none.lastIndexOf('.') + 1), "signature_invalid");
        bad("signed with the public key as HMAC secret", hmac(), "signature_invalid");
        bad("kid unknown", token(h -> h.put("kid", "../../dev/null"), Vectors::same), "signature_invalid");
        bad("no kid", token(h -> h.remove("kid"), Vectors::same), "signature_invalid");
        bad(
                "kid of another key of the issuer",
                token(h -> h.put("kid", kid("authority-eddsa")), Vectors::same),
                "signature_invalid");
        bad("critical extension", token(h -> h.put("crit", List.of("exp")), Vectors::same), "signature_invalid");
        SigningKey stranger = key("stranger");
        bad(
                "a stranger's signature",
                token(stranger, h -> h.put("kid", kid("authority")), Vectors::same),
                "signature_invalid");
        bad(
                "a stranger's signature with the key in the header",
                token(
                        stranger,
                        h -> {
                            h.put("kid", kid("authority"));
                            h.put("jwk", stranger.publicKey().toJwk());
                        },
                        Vectors::same),
                "signature_invalid");
        String token = token(Vectors::same, Vectors::same);
        String[] part = token.split("\\.", -1);
        String other = Base64Url.encode(utf8(claims(c -> c.put("sub", "corp:mallory"))));
        bad("claims changed after signing", part[0] + "." + other + "." + part[2], "signature_invalid");
        bad("no signature", part[0] + "." + part[1] + ".", "signature_invalid");
        bad("signature of zeros", part[0] + "." + part[1] + "." + "A".repeat(86), "signature_invalid");
        bad("signature cut", part[0] + "." + part[1] + "." + part[2].substring(0, 84), "signature_invalid");
        bad("signature in DER", part[0] + "." + part[1] + "." + der(part[2]), "signature_invalid");
    }

    private void otherShape() {
        shape("aud is an array", c -> c.put("aud", List.of(Forge.AUDIENCE)));
        shape("no task_id", c -> c.remove("task_id"));
        shape("task_id is no id", c -> c.put("task_id", "tsk_1"));
        shape("subject and nobody", c -> c.put("no_subject", Map.of("category", "a", "reason_code", "b")));
        shape("neither subject nor nobody", c -> c.keySet().removeAll(List.of("idp", "sbj")));
        shape("an agent as its own subject", c -> c.put("sub", "agent:ticket-agent"));
        shape("client_id is not the actor", c -> c.put("client_id", "other"));
        shape("nine actors", c -> c.put("act", act("ticket-agent", "b", "c", "d", "e", "f", "g", "h", "i")));
        shape("exp within act", c -> c.put("act", Map.of("sub", "ticket-agent", "exp", NOW)));
        shape("scope says more than the details", c -> c.put("scope", "tickets:read tickets:search tickets:delete"));
        shape("exp after task_exp", c -> c.put("task_exp", NOW + 1));
        shape("lives longer than fifteen minutes", c -> c.put("exp", NOW + 900));
        shape("unknown approval_kind", c -> c.put("approval_kind", "robot"));
        shape("two holders", c -> c.put("cnf", Map.of("jkt", kid("agent"), "x5t#S256", certificate("C"))));
        shape("exp with a fraction", c -> c.put("exp", "soon"));
        shape(
                "permission with an unknown member",
                c -> c.put(
                        "authorization_details",
                        List.of(Map.of(
                                "type", "behalf_task",
                                "description", "x",
                                "permissions",
                                        List.of(Map.of(
                                                "service", "tickets", "actions", List.of("*"), "except", "x"))))));
    }

    private void audienceAndTime() {
        String elsewhere = token(Vectors::same, c -> c.put("aud", Forge.AUDIENCE + "/"));
        authentic("another audience", elsewhere, "audience_mismatch");
        authentic("nbf beyond the skew", token(Vectors::same, c -> c.put("nbf", NOW + 61)), "delegation_not_yet_valid");
        authentic("iat beyond the skew", token(Vectors::same, c -> c.put("iat", NOW + 61)), "delegation_not_yet_valid");
        String over = token(Vectors::same, c -> {
            c.put("exp", NOW - 1);
            c.put("task_exp", NOW);
        });
        authentic("the task's end comes first", over, "task_expired");
        String expired = token(Vectors::same, c -> c.put("exp", NOW));
        authentic("expired this second", expired, "delegation_expired");
        authentic(
                "the audience comes before the end",
                token(Vectors::same, c -> {
                    c.put("aud", "https://x.example");
                    c.put("exp", NOW);
                }),
                "audience_mismatch");
        add("expired, without proof", "dpop", expired, List.of(), "delegation_expired");
        add(
                "expired, with a stranger's proof",
                "dpop",
                expired,
                List.of(proof(key("stranger"), expired, Vectors::same, Vectors::same)),
                "delegation_expired");
    }

    private void binding() {
        String token = token(Vectors::same, Vectors::same);
        add("no proof", "dpop", token, List.of(), "binding_missing");
        add(
                "bound to a key, as bearer",
                "bearer",
                token,
                List.of(proof(token, Vectors::same, Vectors::same)),
                "binding_missing");
        String unbound = token(Vectors::same, c -> c.remove("cnf"));
        add("unbound where binding is needed", "bearer", unbound, List.of(), "binding_missing");
        String longLived = token(Vectors::same, c -> {
            c.remove("cnf");
            c.put("exp", NOW + 300);
        });
        with(
                add("unbound for longer than five minutes", "bearer", longLived, List.of(), "binding_missing"),
                v -> v.put("allow_unbound", true));
        with(
                add(
                        "unbound under the DPoP scheme",
                        "dpop",
                        unbound,
                        List.of(proof(unbound, Vectors::same, Vectors::same)),
                        "binding_missing"),
                v -> v.put("allow_unbound", true));
        String certificate = token(Vectors::same, c -> c.put("cnf", Map.of("x5t#S256", certificate("C"))));
        add("certificate-bound on a connection without one", "bearer", certificate, List.of(), "binding_missing");
        with(
                add("another certificate", "bearer", certificate, List.of(), "binding_mismatch"),
                v -> v.put("certificate_s256", certificate("D")));
        add(
                "another key's proof",
                "dpop",
                token,
                List.of(proof(key("stranger"), token, Vectors::same, Vectors::same)),
                "binding_mismatch");
    }

    private void proofs() {
        String token = token(Vectors::same, Vectors::same);
        add(
                "two proofs",
                "dpop",
                token,
                List.of(proof(token, Vectors::same, Vectors::same), proof(token, Vectors::same, Vectors::same)),
                "proof_invalid");
        add("no JWT as proof", "dpop", token, List.of("proof"), "proof_invalid");
        badProof("proof of type at+jwt", h -> h.put("typ", "at+jwt"), Vectors::same);
        badProof("proof with alg none", h -> h.put("alg", "none"), Vectors::same);
        badProof("proof with alg HS256", h -> h.put("alg", "HS256"), Vectors::same);
        badProof("proof without key", h -> h.remove("jwk"), Vectors::same);
        badProof("proof with a private key", h -> h.put("jwk", key("agent").toPrivateJwk()), Vectors::same);
        badProof("proof with a symmetric key", h -> h.put("jwk", Map.of("kty", "oct", "k", "c2VjcmV0")), Vectors::same);
        badProof(
                "proof with a key off its curve",
                h -> h.put("jwk", Map.of("kty", "EC", "crv", "P-256", "x", "A".repeat(43), "y", "A".repeat(43))),
                Vectors::same);
        badProof(
                "proof signed by another key",
                h -> h.put("jwk", key("stranger").publicKey().toJwk()),
                Vectors::same);
        badProof("proof with a critical extension", h -> h.put("crit", List.of("b64")), Vectors::same);
        badProof("proof for GET", Vectors::same, c -> c.put("htm", "GET"));
        badProof("proof for another path", Vectors::same, c -> c.put("htu", Forge.URL + "/more"));
        badProof("proof for another scheme", Vectors::same, c -> c.put("htu", "http://gateway.example/mcp/tickets"));
        badProof(
                "proof for another host",
                Vectors::same,
                c -> c.put("htu", "https://gateway.example.x.example/mcp/tickets"));
        badProof("proof of another token", Vectors::same, c -> c.put("ath", DpopProof.tokenHash("x")));
        badProof("proof of no token", Vectors::same, c -> c.remove("ath"));
        badProof("proof too old", Vectors::same, c -> c.put("iat", NOW - 61));
        badProof("proof from the future", Vectors::same, c -> c.put("iat", NOW + 61));
        badProof("proof without jti", Vectors::same, c -> c.remove("jti"));
        badProof("proof with a giant jti", Vectors::same, c -> c.put("jti", "x".repeat(257)));
        with(
                add(
                        "the same proof again",
                        "dpop",
                        token,
                        List.of(proof(token, Vectors::same, Vectors::same)),
                        "proof_replayed"),
                v -> v.put("times", 2L));
    }

    private void stopped() {
        String token = token(Vectors::same, Vectors::same);
        for (String reason : List.of("task_ended", "delegation_revoked")) {
            with(authentic("stopped: " + reason, token, reason), v -> v.put("stopped", reason));
        }
        with(
                add("stopped, without proof", "dpop", token, List.of(), "binding_missing"),
                v -> v.put("stopped", "delegation_revoked"));
    }

    // ---- one vector

    private void good(String name, String token) {
        add(name, "dpop", token, List.of(proof(token, Vectors::same, Vectors::same)), "passed");
    }

    private void good(String name, String token, Change inProof) {
        add(name, "dpop", token, List.of(proof(token, Vectors::same, inProof)), "passed");
    }

    private void bad(String name, String token, String reason) {
        add(name, "dpop", token, List.of(proof(token, Vectors::same, Vectors::same)), reason);
    }

    private void shape(String name, Change inClaims) {
        bad(name, token(Vectors::same, inClaims), "delegation_malformed");
    }

    private void badProof(String name, Change inHeader, Change inClaims) {
        String token = token(Vectors::same, Vectors::same);
        add(name, "dpop", token, List.of(proof(token, inHeader, inClaims)), "proof_invalid");
    }

    private Map<String, @Nullable Object> authentic(String name, String token, String reason) {
        return with(
                add(name, "dpop", token, List.of(proof(token, Vectors::same, Vectors::same)), reason),
                v -> v.put("authentic", true));
    }

    private Map<String, @Nullable Object> add(
            String name, String scheme, String token, List<String> proofs, String expect) {
        Map<String, @Nullable Object> vector = new LinkedHashMap<>();
        vector.put("name", name);
        vector.put("scheme", scheme);
        vector.put("token", token);
        vector.put("proofs", proofs);
        vector.put("expect", expect);
        made.add(vector);
        return vector;
    }

    private static Map<String, @Nullable Object> with(Map<String, @Nullable Object> vector, Change more) {
        more.accept(vector);
        return vector;
    }

    private static void same(Map<String, @Nullable Object> unchanged) {}

    // ---- tokens and proofs

    private String token(Change inHeader, Change inClaims) {
        return token(key("authority"), inHeader, inClaims);
    }

    private static String claims(Forge forge, Change change) {
        Map<String, @Nullable Object> claims = new LinkedHashMap<>(
                DelegationClaims.toJson(forge.delegation(new Binding.Key(forge.agent.thumbprint()))));
        change.accept(claims);
        return text(claims);
    }

    private String claims(Change change) {
        return claims(forge, change);
    }

    private String header(Change change) {
        return header(key("authority"), change);
    }

    private static String header(SigningKey key, Change change) {
        Map<String, @Nullable Object> header = Forge.header(key);
        change.accept(header);
        return text(header);
    }

    private String token(SigningKey key, Change inHeader, Change inClaims) {
        return raw(key, utf8(header(key, inHeader)), utf8(claims(inClaims)));
    }

    private String raw(String header, String claims) {
        return raw(utf8(header), utf8(claims));
    }

    private String raw(byte[] header, byte[] claims) {
        return raw(key("authority"), header, claims);
    }

    private static String raw(SigningKey key, byte[] header, byte[] claims) {
        String signed = Base64Url.encode(header) + "." + Base64Url.encode(claims);
        byte[] bytes = signed.getBytes(StandardCharsets.US_ASCII);
        byte[] signature = key.algorithm() == SignatureAlgorithm.ES256
                ? DeterministicEcdsa.sign(key, bytes)
                : key.sign(bytes); // deterministic by themselves
        return signed + "." + Base64Url.encode(signature);
    }

    private String proof(String token, Change inHeader, Change inClaims) {
        return proof(key("agent"), token, inHeader, inClaims);
    }

    private String proof(SigningKey key, String token, Change inHeader, Change inClaims) {
        Map<String, @Nullable Object> header = new LinkedHashMap<>();
        header.put("typ", "dpop+jwt");
        header.put("alg", key.algorithm().code());
        header.put("jwk", key.publicKey().toJwk());
        inHeader.accept(header);
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("jti", "proof-" + made.size());
        claims.put("htm", "POST");
        claims.put("htu", Forge.URL);
        claims.put("iat", NOW);
        claims.put("ath", DpopProof.tokenHash(token));
        inClaims.accept(claims);
        return raw(key, utf8(text(header)), utf8(text(claims)));
    }

    /** The oldest trick: a verifier that lets the token choose HMAC would take the public key for the secret. */
    private String hmac() {
        String signed = Base64Url.encode(utf8(header(h -> h.put("alg", "HS256")))) + "."
                + Base64Url.encode(utf8(claims(Vectors::same)));
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key("authority").publicKey().key().getEncoded(), "HmacSHA256"));
            return signed + "." + Base64Url.encode(mac.doFinal(utf8(signed)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String der(String signature) {
        try {
            byte[] raw = Base64Url.decode(signature);
            byte[] r = new BigInteger(1, Arrays.copyOf(raw, 32)).toByteArray();
            byte[] s = new BigInteger(1, Arrays.copyOfRange(raw, 32, 64)).toByteArray();
            byte[] out = new byte[6 + r.length + s.length];
            out[0] = 0x30;
            out[1] = (byte) (4 + r.length + s.length);
            out[2] = 2;
            out[3] = (byte) r.length;
            System.arraycopy(r, 0, out, 4, r.length);
            out[4 + r.length] = 2;
            out[5 + r.length] = (byte) s.length;
            System.arraycopy(s, 0, out, 6 + r.length, s.length);
            return Base64Url.encode(out);
        } catch (Json.Malformed e) {
            throw new IllegalStateException(e);
        }
    }

    /** 64 bytes are 86 characters, of which the last holds four bits that must be zero. */
    private static String strayBit(String signature) {
        String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        int last = alphabet.indexOf(signature.charAt(signature.length() - 1));
        return signature.substring(0, signature.length() - 1) + alphabet.charAt(last | 1);
    }

    private static Map<String, @Nullable Object> act(String... actors) {
        Map<String, @Nullable Object> act = new LinkedHashMap<>();
        for (int i = actors.length - 1; i >= 0; i--) {
            Map<String, @Nullable Object> outer = new LinkedHashMap<>();
            outer.put("sub", actors[i]);
            if (!act.isEmpty()) {
                outer.put("act", act);
            }
            act = outer;
        }
        return act;
    }

    private SigningKey key(String name) {
        SigningKey key = keys.get(name);
        if (key == null) {
            throw new IllegalArgumentException("no key " + name);
        }
        return key;
    }

    private String kid(String name) {
        return key(name).thumbprint();
    }

    private static String certificate(String letter) {
        return letter.repeat(42) + "A";
    }

    private static String text(Map<String, @Nullable Object> json) {
        return new String(Json.canonical(json), StandardCharsets.UTF_8);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

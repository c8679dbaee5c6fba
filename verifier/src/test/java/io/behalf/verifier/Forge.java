package io.behalf.verifier;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Makes tokens and proofs, honest ones and others: what an authority and an agent do, and what an attacker would. */
final class Forge {
    static final Instant NOW = Instant.parse("2026-11-24T09:00:00Z");
    static final String ISSUER = "https://authority.example";
    static final String AUDIENCE = "https://gateway.example/mcp/tickets";
    static final String URL = AUDIENCE;

    final SigningKey authority;
    final SigningKey agent;
    private int proofs;

    Forge() {
        this(SigningKey.generate(), SigningKey.generate());
    }

    Forge(SigningKey authority, SigningKey agent) {
        this.authority = authority;
        this.agent = agent;
    }

    TrustedIssuers issuers() {
        IssuerKeys keys = IssuerKeys.of(authority.publicKey());
        return issuer -> issuer.equals(ISSUER) ? Optional.of(keys) : Optional.empty();
    }

    /** Alice's agent may search and read tickets; bound to the agent's key; five minutes old at most. */
    Delegation delegation() {
        return delegation(new Binding.Key(agent.thumbprint()));
    }

    Delegation delegation(Binding binding) {
        return new Delegation(
                ISSUER,
                AUDIENCE,
                "dlg_01KAW7Z5Q0E8XJ5N4M3C2B1A00",
                new OnBehalfOf.Subject("corp:alice", "https://login.example", "sbj_01KAW7Z5Q0E8XJ5N4M3C2B1A01"),
                List.of("ticket-agent"),
                new BehalfTask(
                        "Summarize last quarter's enterprise tickets",
                        Scope.of(Permission.of("tickets", List.of("search", "read"))),
                        Limits.calls(200),
                        Optional.empty(),
                        Optional.empty()),
                new TaskId("tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02"),
                NOW.plusSeconds(3600),
                "0".repeat(43),
                "apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03",
                ApprovalKind.INTERACTIVE,
                Optional.empty(),
                binding,
                NOW.minusSeconds(10),
                Optional.empty(),
                NOW.plusSeconds(290),
                Optional.empty());
    }

    String token() {
        return token(delegation());
    }

    String token(Delegation d) {
        return token(authority, header(authority), DelegationClaims.toJson(d));
    }

    /** A token whose claims were changed before the authority signed it. */
    String tokenWith(Consumer<Map<String, @Nullable Object>> change) {
        Map<String, @Nullable Object> claims = new LinkedHashMap<>(DelegationClaims.toJson(delegation()));
        change.accept(claims);
        return token(authority, header(authority), claims);
    }

    /** A token whose header was changed before the authority signed it. */
    String tokenWithHeader(Consumer<Map<String, @Nullable Object>> change) {
        Map<String, @Nullable Object> header = header(authority);
        change.accept(header);
        return token(authority, header, DelegationClaims.toJson(delegation()));
    }

    static Map<String, @Nullable Object> header(SigningKey key) {
        Map<String, @Nullable Object> header = new LinkedHashMap<>();
        header.put("typ", "at+jwt");
        header.put("alg", key.algorithm().code());
        header.put("kid", key.thumbprint());
        return header;
    }

    static String token(SigningKey key, Map<String, @Nullable Object> header, Map<String, @Nullable Object> claims) {
        return token(key, Json.canonical(header), Json.canonical(claims));
    }

    static String token(SigningKey key, byte[] header, byte[] claims) {
        String signed = Base64Url.encode(header) + "." + Base64Url.encode(claims);
        return signed + "." + Base64Url.encode(key.sign(signed.getBytes(StandardCharsets.US_ASCII)));
    }

    String proof(String token) {
        return DpopProof.sign(agent, "POST", URL, NOW, nextJti(), Optional.of(token), Optional.empty());
    }

    /** A proof whose claims were changed before it was signed. */
    String proofWith(String token, Consumer<Map<String, @Nullable Object>> change) {
        return proofWith(agent, token, header -> {}, change);
    }

    String proofWith(
            SigningKey key,
            String token,
            Consumer<Map<String, @Nullable Object>> changeHeader,
            Consumer<Map<String, @Nullable Object>> changeClaims) {
        Map<String, @Nullable Object> header = new LinkedHashMap<>();
        header.put("typ", "dpop+jwt");
        header.put("alg", key.algorithm().code());
        header.put("jwk", key.publicKey().toJwk());
        changeHeader.accept(header);
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("jti", nextJti());
        claims.put("htm", "POST");
        claims.put("htu", URL);
        claims.put("iat", NOW.getEpochSecond());
        claims.put("ath", DpopProof.tokenHash(token));
        changeClaims.accept(claims);
        return token(key, header, claims);
    }

    private String nextJti() {
        proofs++;
        return "proof-" + proofs;
    }

    static Presented dpop(String token, String... proofs) {
        return new Presented(
                Optional.of(token),
                Presented.Scheme.DPOP,
                List.of(proofs),
                Optional.empty(),
                "POST",
                URL,
                Set.of(AUDIENCE),
                false);
    }

    static Presented bearer(String token, Optional<String> certificate, boolean allowUnbound) {
        return new Presented(
                Optional.of(token),
                Presented.Scheme.BEARER,
                List.of(),
                certificate,
                "POST",
                URL,
                Set.of(AUDIENCE),
                allowUnbound);
    }
}

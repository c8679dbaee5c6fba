package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.BehalfTask;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An authorization request as its authenticated agent pushed it (RFC 9126): nothing of it comes through the browser, so
 * nobody on the way can change it.
 *
 * @param challenge PKCE, S256
 * @param jkt key that the code, and so the delegation, is bound to (RFC 9449 §10)
 * @param provider where the person signs in
 */
record PushedRequest(
        String agent,
        String redirectUri,
        Optional<String> state,
        String challenge,
        Optional<String> jkt,
        BehalfTask task,
        String audience,
        String provider,
        Optional<String> loginHint) {
    static final int MAX_STATE = 1024;
    static final int MAX_HINT = 256;

    /** RFC 7636 §4.2: 32 bytes, base64url; also a key's thumbprint. */
    private static final Pattern SHA256 = Pattern.compile("[A-Za-z0-9_-]{43}");

    /**
     * @param proved thumbprint of the key that made the request's DPoP proof
     * @param task what of the wish the agent's registration allows
     */
    static Answer<PushedRequest> read(
            Form form, Agent agent, Optional<String> proved, BehalfTask task, Audience audience, Providers providers) {
        if (form.one("request_uri").isPresent() || form.one("request").isPresent()) { // RFC 9126 §2.1
            return Answer.no(Code.INVALID_REQUEST, "A pushed request does not point to another one.");
        }
        if (!form.one("response_type").equals(Optional.of("code"))) {
            return Answer.no(Code.UNSUPPORTED_RESPONSE_TYPE, "response_type is code.");
        }
        Optional<String> redirect = form.one("redirect_uri");
        if (redirect.isEmpty() || agent.redirectUris().stream().noneMatch(known -> matches(known, redirect.get()))) {
            return Answer.no(Code.INVALID_REQUEST, "redirect_uri is not one that this agent registered.");
        }
        Optional<String> challenge =
                form.one("code_challenge").filter(c -> SHA256.matcher(c).matches());
        if (challenge.isEmpty() || !form.one("code_challenge_method").equals(Optional.of("S256"))) {
            // RFC 7636 §4.2: without the method, plain is meant, which protects nothing once a request is seen
            return Answer.no(Code.INVALID_REQUEST, "PKCE is required: code_challenge, with the method S256.");
        }
        Optional<String> jkt = form.one("dpop_jkt");
        if (jkt.isPresent() && !SHA256.matcher(jkt.get()).matches()) {
            return Answer.no(Code.INVALID_REQUEST, "dpop_jkt is a SHA-256 thumbprint.");
        }
        if (jkt.isPresent() && proved.isPresent() && !jkt.equals(proved)) { // RFC 9449 §10.1
            return Answer.no(Code.INVALID_DPOP_PROOF, "dpop_jkt and the DPoP proof name two keys.");
        }
        if (form.one("state").filter(s -> s.length() > MAX_STATE).isPresent()
                || form.one("login_hint").filter(h -> h.length() > MAX_HINT).isPresent()) {
            return Answer.no(Code.INVALID_REQUEST, "state or login_hint is too long.");
        }
        Optional<String> provider = form.one("provider")
                .or(() -> providers.all().stream().findFirst().map(AuthorityConfig.Provider::name));
        if (provider.isEmpty() || providers.named(provider.get()).isEmpty()) {
            return Answer.no(Code.INVALID_REQUEST, "provider is not one that this authority knows.");
        }
        return Answer.ok(new PushedRequest(
                agent.id(),
                redirect.get(),
                form.one("state"),
                challenge.get(),
                proved.or(() -> jkt),
                task,
                audience.uri(),
                provider.get(),
                form.one("login_hint")));
    }

    /** The audience asked for; the first one where the configuration no longer has it for agents. */
    Audience audienceIn(AuthorityConfig config) {
        return config.audiences().stream()
                .filter(a -> a.uri().equals(audience) && !a.minted())
                .findFirst()
                .orElse(config.audiences().getFirst());
    }

    /** The address that the browser goes back to, with the answer; {@code iss} against mix-up (RFC 9207). */
    String answer(String issuer, Map<String, String> parameters) {
        Map<String, String> all = new LinkedHashMap<>(parameters);
        state.ifPresent(value -> all.put("state", value));
        all.put("iss", issuer);
        return redirectUri + (redirectUri.contains("?") ? "&" : "?") + DevelopmentProvider.query(all);
    }

    /** Exact (RFC 9700 §4.1.3), but for the port of a loopback address (RFC 8252 §7.3). */
    static boolean matches(String registered, String asked) {
        if (registered.equals(asked)) {
            return true;
        }
        URI a;
        URI b;
        try {
            a = URI.create(registered);
            b = URI.create(asked);
        } catch (IllegalArgumentException e) {
            return false;
        }
        if (!"http".equals(a.getScheme()) || !AuthorityConfig.loopback(a) || b.getHost() == null) {
            return false;
        }
        String withoutPort = a.getScheme() + "://" + a.getHost() + a.getRawPath();
        String rest = asked.substring(Math.min(asked.length(), ("http://" + b.getRawAuthority()).length()));
        String plain = "http://" + b.getHost() + rest;
        return "http".equals(b.getScheme())
                && b.getRawUserInfo() == null
                && plain.equals(withoutPort + (a.getRawQuery() == null ? "" : "?" + a.getRawQuery()));
    }

    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("agent", agent);
        out.put("redirect_uri", redirectUri);
        out.put("state", state.orElse(null));
        out.put("challenge", challenge);
        out.put("jkt", jkt.orElse(null));
        out.put("task", task.toJson());
        out.put("audience", audience);
        out.put("provider", provider);
        out.put("login_hint", loginHint.orElse(null));
        return out;
    }

    static PushedRequest fromJson(Map<String, @Nullable Object> json) {
        return new PushedRequest(
                Shelf.text(json, "agent"),
                Shelf.text(json, "redirect_uri"),
                Optional.ofNullable((String) json.get("state")),
                Shelf.text(json, "challenge"),
                Optional.ofNullable((String) json.get("jkt")),
                TaskTable.behalfTask(json.get("task")),
                Shelf.text(json, "audience"),
                Shelf.text(json, "provider"),
                Optional.ofNullable((String) json.get("login_hint")));
    }
}

package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The browser's way to the person's provider and back (OpenID Connect Core 1.0 §3.1): what is asked, whether the answer is
 * to this question and in this browser, and the ID token behind it. What a login is good for is the caller's.
 */
final class RoundTrips {
    /** OpenID Connect Core 1.0 §3.1.2.6: what a provider says when it cannot do without asking the person. */
    private static final Set<String> MUST_ASK =
            Set.of("login_required", "interaction_required", "consent_required", "account_selection_required");

    private final Parts parts;
    private final Fetch fetch;

    RoundTrips(Parts parts, Fetch fetch) {
        this.parts = parts;
        this.fetch = fetch;
    }

    /** Sends the browser there. */
    Reply begin(Login login) {
        AuthorityConfig.Provider provider = provider(login);
        String state = parts.handle();
        parts.shelve(Shelf.Kind.LOGIN, state, login.toJson(), Approvals.FLOW_LIFE);
        Map<String, String> query = new LinkedHashMap<>();
        query.put("response_type", "code");
        query.put("client_id", provider.clientId());
        query.put("redirect_uri", parts.config().issuer() + Approvals.CALLBACK);
        query.put("scope", "openid profile email");
        query.put("state", state);
        query.put("nonce", login.nonce());
        query.put("code_challenge", Digests.challenge(login.verifier()));
        query.put("code_challenge_method", "S256");
        if (!login.prompt().isEmpty()) {
            query.put("prompt", login.prompt());
        }
        if (login.prompt().equals("login")) {
            query.put("max_age", "0"); // makes auth_time a must in the answer
        }
        login.request().loginHint().ifPresent(hint -> query.put("login_hint", hint));
        String endpoint = parts.providers().known(provider).authorizationEndpoint();
        return Reply.redirect(endpoint + (endpoint.contains("?") ? "&" : "?") + DevelopmentProvider.query(query));
    }

    /** The login that this answer ends, once; empty when it belongs to none, or to one of another browser. */
    Optional<Login> ended(Ask ask) {
        return ask.form()
                .one("state")
                .flatMap(state -> parts.store().transaction(sql -> parts.shelf()
                        .look(sql, Shelf.Kind.LOGIN, state, parts.now())
                        .map(Login::fromJson)
                        .filter(login -> ask.fromBrowser(login.browser()))
                        .filter(login -> parts.shelf()
                                .take(sql, Shelf.Kind.LOGIN, state, parts.now())
                                .isPresent())))
                .filter(login -> {
                    // RFC 9207 §2.4: or it is the answer of another provider
                    String issuer = provider(login).issuer();
                    return ask.form()
                            .one("iss")
                            .filter(iss -> !iss.equals(issuer))
                            .isEmpty();
                });
    }

    /** Whether this error only means that the provider wants to see the person after all. */
    static boolean mustAsk(Login login, String error) {
        return MUST_ASK.contains(error) && login.prompt().equals("none");
    }

    /** @param text as the provider sent it, for evidence */
    record SignedToken(String text, Providers.Signed signed) {}

    /** OpenID Connect Core 1.0 §3.1.3.3 and §3.1.3.7. */
    Answer<SignedToken> idToken(Login login, String code) {
        AuthorityConfig.Provider provider = provider(login);
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", "authorization_code");
        form.put("code", code);
        form.put("redirect_uri", parts.config().issuer() + Approvals.CALLBACK);
        form.put("code_verifier", login.verifier());
        Optional<String> basic = provider.clientSecret().map(secret -> basic(provider.clientId(), secret));
        if (basic.isEmpty()) {
            form.put("client_id", provider.clientId());
        }
        Fetch.Got got =
                fetch.post(parts.providers().known(provider).tokenEndpoint(), DevelopmentProvider.query(form), basic);
        if (got.status() != 200 || !(got.json().get("id_token") instanceof String text)) {
            return Answer.no(Code.ACCESS_DENIED, "The provider did not confirm the sign-in.");
        }
        Answer<Providers.Signed> checked = parts.providers().signed(text, "ID token");
        if (!(checked instanceof Answer.Ok<Providers.Signed>(var signed))) {
            return checked.refused();
        }
        List<String> audience = signed.audience();
        boolean forUs = audience.contains(provider.clientId())
                && (audience.size() == 1 || signed.text("azp").equals(Optional.of(provider.clientId())));
        boolean fits = signed.provider().name().equals(provider.name())
                && signed.text("nonce").equals(Optional.of(login.nonce()));
        return forUs && fits
                ? Answer.ok(new SignedToken(text, signed))
                : Answer.no(Code.ACCESS_DENIED, "The provider's answer does not belong to this sign-in.");
    }

    private AuthorityConfig.Provider provider(Login login) {
        return parts.providers().named(login.request().provider()).orElseThrow();
    }

    private static String basic(String id, String secret) {
        return "Basic "
                + Base64.getEncoder()
                        .encodeToString((DevelopmentProvider.encode(id) + ":" + DevelopmentProvider.encode(secret))
                                .getBytes(StandardCharsets.UTF_8));
    }
}

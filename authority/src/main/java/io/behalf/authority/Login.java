package io.behalf.authority;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A round trip to the provider that is under way.
 *
 * @param browser digest of the cookie
 * @param nonce that the ID token must have
 * @param verifier PKCE, towards the provider
 * @param prompt of OpenID Connect Core §3.1.2.1: not to ask, to ask anew, or empty
 * @param choice the approval that waits for the provider's signature; empty in the first round trip
 */
record Login(
        PushedRequest request, String browser, String nonce, String verifier, String prompt, Optional<Choice> choice) {
    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("request", request.toJson());
        out.put("browser", browser);
        out.put("nonce", nonce);
        out.put("verifier", verifier);
        out.put("prompt", prompt);
        choice.ifPresent(c -> out.put("choice", c.toJson()));
        return out;
    }

    static Login fromJson(Map<String, @Nullable Object> json) {
        return new Login(
                PushedRequest.fromJson(Shelf.object(json, "request")),
                Shelf.text(json, "browser"),
                Shelf.text(json, "nonce"),
                Shelf.text(json, "verifier"),
                Shelf.text(json, "prompt"),
                json.containsKey("choice")
                        ? Optional.of(Choice.fromJson(Shelf.object(json, "choice")))
                        : Optional.empty());
    }

    /** The same once more, asking the person if need be; the text, and so what is signed, stays. */
    Login asking(String newVerifier) {
        return new Login(request, browser, nonce, newVerifier, "", choice);
    }
}

package io.behalf.authority;

import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An answer on the wire. Nothing of an authority's answers may be kept by a cache unless it is public. */
record Reply(int status, Map<String, String> headers, String body) {
    static Reply json(int status, Map<String, ? extends @Nullable Object> json) {
        return new Reply(status, headers("application/json"), new String(Json.canonical(json), StandardCharsets.UTF_8));
    }

    /** RFC 6749 §5.2. */
    static Reply error(OAuthError error) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("error", error.code().code());
        json.put("error_description", error.description());
        Reply reply = json(error.code().status(), json);
        return switch (error.code()) {
            case INVALID_CLIENT -> reply.with("WWW-Authenticate", "Basic realm=\"behalf\"");
            case SLOW_DOWN, TEMPORARILY_UNAVAILABLE -> reply.with("Retry-After", "5");
            default -> reply;
        };
    }

    static Reply nothing(int status) {
        return new Reply(status, Map.of("Cache-Control", "no-store"), "");
    }

    static Reply redirect(String address) {
        return nothing(303).with("Location", address);
    }

    /**
     * A page that runs no script, loads nothing but its own style and stands in no frame. There is no {@code form-action}:
     * browsers apply it to the redirect after the post as well, which leads to the provider or the agent. Nor is the
     * referrer withheld from the page's own origin: browsers would say {@code Origin: null} with its form (Fetch, §3.2),
     * which is refused as foreign.
     */
    static Reply page(int status, String html, String styleSha256) {
        return new Reply(status, headers("text/html; charset=utf-8"), html)
                .with(
                        "Content-Security-Policy",
                        "default-src 'none'; style-src 'sha256-" + styleSha256
                                + "'; base-uri 'none'; frame-ancestors 'none'")
                .with("X-Frame-Options", "DENY")
                .with("X-Content-Type-Options", "nosniff")
                .with("Referrer-Policy", "same-origin")
                .with("Cross-Origin-Opener-Policy", "same-origin");
    }

    Reply with(String name, String value) {
        Map<String, String> more = new LinkedHashMap<>(headers);
        more.put(name, value);
        return new Reply(status, more, body);
    }

    private static Map<String, String> headers(String type) {
        Map<String, String> out = new LinkedHashMap<>();
        out.put("Content-Type", type);
        out.put("Cache-Control", "no-store");
        return out;
    }
}

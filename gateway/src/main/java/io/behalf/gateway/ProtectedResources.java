package io.behalf.gateway;

import io.vertx.core.http.HttpServerRequest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** RFC 9728 metadata of each route: where a client that was turned away learns whose tokens count here. */
final class ProtectedResources {
    static final String WELL_KNOWN = "/.well-known/oauth-protected-resource";

    private final GatewayConfig config;

    ProtectedResources(GatewayConfig config) {
        this.config = config;
    }

    void answer(HttpServerRequest request, String path) {
        String prefix = path.substring(WELL_KNOWN.length());
        for (Route route : config.routes()) {
            if (route.prefix().equals(prefix) && request.method().name().equals("GET")) {
                request.response()
                        .putHeader("content-type", "application/json")
                        .putHeader("access-control-allow-origin", "*")
                        .end(JsonText.buffer(metadata(route)));
                return;
            }
        }
        request.response().setStatusCode(404).end();
    }

    private Map<String, @Nullable Object> metadata(Route route) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("resource", config.audience(route));
        out.put("authorization_servers", List.of(config.authority()));
        out.put("bearer_methods_supported", List.of("header"));
        out.put("authorization_details_types_supported", List.of("behalf_task"));
        out.put("dpop_signing_alg_values_supported", List.of("ES256", "EdDSA", "RS256"));
        out.put("dpop_bound_access_tokens_required", !route.allowUnbound());
        return out;
    }
}

package io.behalf.gateway;

import io.behalf.gateway.http.HttpCodec;
import io.behalf.gateway.llm.AnthropicCodec;
import io.behalf.gateway.llm.OpenAiCodec;
import io.behalf.gateway.mcp.McpCodec;
import java.util.Set;

/** A route with what does not change between its calls. Immutable. */
record Passage(Route route, Codec codec, String base, Set<String> audiences, Upstream upstream) {
    /**
     * @param target what requests name: host, and port where it is not the scheme's own
     * @param prefix path before the agent's own
     */
    record Upstream(boolean tls, String host, int port, String target, String prefix) {}

    static Passage of(Route route, GatewayConfig config) {
        boolean tls = route.upstream().getScheme().equals("https");
        int port = route.upstream().getPort();
        String host = route.upstream().getHost();
        return new Passage(
                route,
                switch (route.kind()) {
                    case Route.Models(Route.Provider provider) ->
                        switch (provider) {
                            case OPENAI -> new OpenAiCodec();
                            case ANTHROPIC -> new AnthropicCodec();
                        };
                    case Route.Mcp mcp -> new McpCodec(mcp);
                    case Route.Http http -> new HttpCodec(http);
                },
                config.base().toString(),
                Set.of(config.audience(route), config.audience()),
                new Upstream(
                        tls,
                        host,
                        port > 0 ? port : tls ? 443 : 80,
                        port > 0 ? host + ":" + port : host,
                        route.upstream().getRawPath()));
    }

    /** RFC 9728 §3.1: the well-known segment stands before the resource's own path. */
    String resourceMetadata() {
        return base + ProtectedResources.WELL_KNOWN + route.prefix();
    }
}

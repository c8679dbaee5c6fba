package io.behalf.it;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** As much of an OpenID provider as a task that an application starts needs; where more counts, there is Keycloak. */
final class PretendProvider implements AutoCloseable {
    static final String APPLICATION = "tickets-app";

    private final HttpServer http;
    private final SigningKey key;

    private PretendProvider(HttpServer http, SigningKey key) {
        this.http = http;
        this.key = key;
    }

    static PretendProvider start() {
        return start(SigningKey.generate());
    }

    /** One that signs with this key. */
    static PretendProvider start(SigningKey key) {
        try {
            var http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            var provider = new PretendProvider(http, key);
            http.createContext("/.well-known/openid-configuration", exchange -> answer(exchange, provider.document()));
            http.createContext("/jwks", exchange -> answer(exchange, provider.keys()));
            http.start();
            return provider;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    String issuer() {
        return "http://127.0.0.1:" + http.getAddress().getPort();
    }

    /** An access token of this person for the application, good for one task. */
    String token(String person, String audience) {
        var now = Instant.now().getEpochSecond();
        return CompactJws.sign(
                key,
                "at+jwt",
                key.thumbprint(),
                Map.of(
                        "iss", issuer(),
                        "sub", person,
                        "aud", audience,
                        "azp", APPLICATION,
                        "jti", UUID.randomUUID().toString(),
                        "iat", now,
                        "exp", now + 300));
    }

    private Map<String, Object> document() {
        return Map.of(
                "issuer", issuer(),
                "jwks_uri", issuer() + "/jwks",
                "authorization_endpoint", issuer() + "/authorize",
                "token_endpoint", issuer() + "/token");
    }

    private Map<String, Object> keys() {
        return Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())));
    }

    private static void answer(HttpExchange exchange, Map<String, Object> json) throws IOException {
        try (exchange) {
            var body = Json.canonical(json);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    @Override
    public void close() {
        http.stop(0);
    }
}

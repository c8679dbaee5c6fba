package io.behalf.authority;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** An agent's program: authenticates, proves its key, asks. Every step can be spoiled by the parameters given. */
final class AgentSide {
    static final String EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
    static final String ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
    static final String ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token";
    static final String HANDOVER = "urn:behalf:token-type:handover";

    private static final HttpClient HTTP =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    private final World world;
    private final String id;
    private final Optional<SigningKey> authentication;
    private Optional<SigningKey> proof = Optional.of(SigningKey.generate());

    AgentSide(World world, String id, Optional<SigningKey> authentication) {
        this.world = world;
        this.id = id;
        this.authentication = authentication;
    }

    /** An answer of the authority. */
    record Got(int status, Map<String, @Nullable Object> json, HttpResponse<byte[]> raw) {
        String text(String name) {
            return String.valueOf(json.get(name));
        }

        String error() {
            return text("error");
        }

        Map<String, @Nullable Object> claims() {
            try {
                return CompactJws.parse(text("access_token")).claims();
            } catch (Json.Malformed e) {
                throw new AssertionError("not a token: " + json, e);
            }
        }
    }

    AgentSide withoutProof() {
        proof = Optional.empty();
        return this;
    }

    AgentSide withKey(SigningKey key) {
        proof = Optional.of(key);
        return this;
    }

    SigningKey key() {
        return proof.orElseThrow();
    }

    /** Starts a task for a user by exchange of an access token. */
    Got exchange(String user, Map<String, String> more) {
        return exchangeToken(world.provider.signIn(user, "app").accessToken(), more);
    }

    Got exchangeToken(String subjectToken, Map<String, String> more) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", EXCHANGE);
        form.put("subject_token", subjectToken);
        form.put("subject_token_type", ACCESS_TOKEN);
        form.putAll(more);
        return token(form);
    }

    Got renew(String renewal, Map<String, String> more) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", "refresh_token");
        form.put("refresh_token", renewal);
        form.putAll(more);
        return token(form);
    }

    Got token(Map<String, String> form) {
        return post("/oauth/token", form);
    }

    Got post(String path, Map<String, String> form) {
        Map<String, String> all = new LinkedHashMap<>(form);
        authentication.ifPresent(key -> {
            all.putIfAbsent("client_assertion_type", Agents.ASSERTION_TYPE);
            all.putIfAbsent("client_assertion", assertion(key, Map.of()));
        });
        return send(
                path,
                all,
                proof.map(key -> proof(key, path)),
                authentication.isEmpty() ? Optional.of(basic(World.SECRET)) : Optional.empty());
    }

    String assertion(SigningKey key, Map<String, ? extends @Nullable Object> spoiled) {
        Map<String, @Nullable Object> claims = new LinkedHashMap<>();
        claims.put("iss", id);
        claims.put("sub", id);
        claims.put("aud", world.base);
        claims.put("jti", UUID.randomUUID().toString());
        claims.put("exp", world.clock.instant().plusSeconds(60).getEpochSecond());
        claims.putAll(spoiled);
        return CompactJws.sign(key, "JWT", key.thumbprint(), claims);
    }

    String proof(SigningKey key, String path) {
        return DpopProof.sign(
                key,
                "POST",
                world.base + path,
                world.clock.instant(),
                UUID.randomUUID().toString(),
                Optional.empty(),
                Optional.empty());
    }

    String basic(String secret) {
        return "Basic " + Base64.getEncoder().encodeToString((id + ":" + secret).getBytes(StandardCharsets.UTF_8));
    }

    Got send(String path, Map<String, String> form, Optional<String> dpop, Optional<String> authorization) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(world.base + path))
                .timeout(Duration.ofSeconds(20))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(DevelopmentProvider.query(form)));
        dpop.ifPresent(value -> request.header("DPoP", value));
        authorization.ifPresent(value -> request.header("Authorization", value));
        return send(request.build());
    }

    static Got send(HttpRequest request) {
        try {
            HttpResponse<byte[]> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofByteArray());
            boolean json =
                    answer.headers().firstValue("Content-Type").orElse("").startsWith("application/json");
            return new Got(answer.statusCode(), json ? Json.readObject(answer.body()) : Map.of(), answer);
        } catch (IOException | Json.Malformed e) {
            throw new AssertionError("no usable answer from " + request.uri(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** {@code authorization_details} of one task. */
    static String details(String description, String permissions) {
        return "[{\"type\":\"behalf_task\",\"description\":\"" + description + "\",\"permissions\":" + permissions
                + "}]";
    }
}

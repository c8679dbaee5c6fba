package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** An agent that makes its requests by hand, so that it can also make wrong ones. What it obtains is bound to its key. */
final class HandMadeAgent implements AutoCloseable {
    static final String ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";
    static final String HAND_OVER = "urn:behalf:token-type:handover";

    private static final String EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(30);

    private final URI base;
    private final String id;
    private final String secret;
    private final SigningKey key = SigningKey.generate();
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private String token = "";
    private String renewal = "";
    private String task = "";

    HandMadeAgent(URI base, String id, String secret) {
        this.base = base;
        this.id = id;
        this.secret = secret;
    }

    /** Starts a task with a provider's token: an application's word for the person. */
    HandMadeAgent begin(String providerToken, String details) {
        return keep(exchange(
                providerToken, ACCESS_TOKEN, details.isEmpty() ? Map.of() : Map.of("authorization_details", details)));
    }

    HandMadeAgent renew() {
        return keep(granted(renewalForm()));
    }

    /** As {@link #renew}, by one who may be refused. */
    HttpResponse<String> askRenewal() {
        return post("/oauth/token", renewalForm());
    }

    private Map<String, String> renewalForm() {
        return Map.of("grant_type", "refresh_token", "refresh_token", renewal);
    }

    /** A token that the named agent, and nobody else, can take its part of the task with. */
    String handOver(String child, String scope) {
        return exchange(
                        token,
                        ACCESS_TOKEN,
                        Map.of("requested_token_type", HAND_OVER, "audience", child, "scope", scope))
                .path("access_token")
                .asText();
    }

    HandMadeAgent takeOver(String handedOver) {
        return keep(exchange(handedOver, HAND_OVER, Map.of()));
    }

    /** The same delegation for another resource. */
    HandMadeAgent forResource(String resource) {
        return keep(exchange(token, ACCESS_TOKEN, Map.of("resource", resource)));
    }

    /** The agent says that its task is done. */
    void end() {
        var answer = post("/oauth/revoke", Map.of("token", renewal));
        if (answer.statusCode() != 200) {
            throw new AssertionError("not ended: " + answer.statusCode() + " " + answer.body());
        }
    }

    private JsonNode exchange(String subjectToken, String type, Map<String, String> more) {
        var form = new HashMap<>(more);
        form.put("grant_type", EXCHANGE);
        form.put("subject_token", subjectToken);
        form.put("subject_token_type", type);
        return granted(form);
    }

    private JsonNode granted(Map<String, String> form) {
        var answer = post("/oauth/token", form);
        if (answer.statusCode() != 200) {
            throw new AssertionError("no token: " + answer.statusCode() + " " + answer.body());
        }
        return BehalfServer.parsed(answer.body());
    }

    private HandMadeAgent keep(JsonNode answer) {
        token = answer.path("access_token").asText();
        renewal = answer.path("refresh_token").asText(renewal);
        task = answer.path("task_id").asText();
        return this;
    }

    /** One request at the authority, with the agent's authentication and a proof of its key. */
    HttpResponse<String> post(String path, Map<String, String> form) {
        var all = new HashMap<>(form);
        all.put("client_id", id);
        all.put("client_secret", secret);
        var body = all.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + URLEncoder.encode(entry.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
        return send(HttpRequest.newBuilder(base.resolve(path))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("DPoP", proof(key, "POST", path, Optional.empty()))
                .POST(BodyPublishers.ofString(body)));
    }

    String task() {
        return task;
    }

    String token() {
        return token;
    }

    String renewal() {
        return renewal;
    }

    SigningKey key() {
        return key;
    }

    /** A call as it should be. */
    HttpResponse<String> get(String path) {
        return send(request("GET", path, token).GET());
    }

    /** A call as it should be. */
    HttpResponse<String> post(String path, String json) {
        return send(request("POST", path, token)
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .POST(BodyPublishers.ofString(json)));
    }

    /** A call as it should be, whose answer is read line by line as it comes. */
    HttpResponse<Stream<String>> stream(String path, String json) {
        return send(
                request("POST", path, token)
                        .header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(json)),
                BodyHandlers.ofLines());
    }

    /** A request with this token and a proof that fits it. */
    HttpRequest.Builder request(String method, String path, String shown) {
        return HttpRequest.newBuilder(base.resolve(path))
                .header("Authorization", "DPoP " + shown)
                .header("DPoP", proof(key, method, path, Optional.of(shown)));
    }

    String proof(SigningKey with, String method, String path, Optional<String> shown) {
        var address = base.resolve(path).toString();
        return DpopProof.sign(
                with, method, address, Instant.now(), UUID.randomUUID().toString(), shown, Optional.empty());
    }

    HttpResponse<String> send(HttpRequest.Builder request) {
        return send(request, BodyHandlers.ofString());
    }

    private <T> HttpResponse<T> send(HttpRequest.Builder request, HttpResponse.BodyHandler<T> reader) {
        try {
            return http.send(request.timeout(ANSWERS_WITHIN).build(), reader);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    URI base() {
        return base;
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}

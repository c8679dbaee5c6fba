package io.behalf.sdk;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One authority's endpoints as HTTP: a form out, JSON back, with the agent's authentication and the proof of its key on
 * each. Keeps the nonce that the authority last gave. Thread-safe; blocks.
 */
final class TokenEndpoint {
    static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(20);
    static final int MAX_ANSWER_BYTES = 256 * 1024;

    /** Life of a client assertion: only the request's own travel. */
    static final Duration ASSERTION_LIFE = Duration.ofSeconds(60);

    private static final String ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private final String issuer;
    private final AgentCredential credential;
    private final SigningKey key;
    private final HttpClient http;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();
    private volatile Optional<String> nonce = Optional.empty();

    TokenEndpoint(String issuer, AgentCredential credential, SigningKey key, HttpClient http, Clock clock) {
        this.issuer = issuer;
        this.credential = credential;
        this.key = key;
        this.http = http;
        this.clock = clock;
    }

    Instant now() {
        return clock.instant();
    }

    SecureRandom random() {
        return random;
    }

    String proof(String method, String url, Optional<String> token, Optional<String> withNonce) {
        return DpopProof.sign(key, method, url, now(), Ids.next("prf", now(), random), token, withNonce);
    }

    /** Posts the form; asked for a nonce, once more with it (RFC 9449 §8). */
    Answer<Map<String, @Nullable Object>> post(String path, Map<String, String> form) {
        Optional<String> before = nonce;
        Answer<Map<String, @Nullable Object>> answer = once(path, form);
        if (answer instanceof Answer.Denied<Map<String, @Nullable Object>> no
                && no.error().equals("use_dpop_nonce")
                && !nonce.equals(before)) {
            return once(path, form);
        }
        return answer;
    }

    private Answer<Map<String, @Nullable Object>> once(String path, Map<String, String> form) {
        String url = issuer + path;
        Map<String, String> fields = new LinkedHashMap<>(form);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url))
                .timeout(REQUEST_TIMEOUT)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Accept", "application/json")
                .header("DPoP", proof("POST", url, Optional.empty(), nonce));
        authenticate(request, fields);
        request.POST(HttpRequest.BodyPublishers.ofString(encoded(fields)));
        try {
            HttpResponse<InputStream> response = http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream body = response.body()) {
                response.headers().firstValue("DPoP-Nonce").ifPresent(fresh -> nonce = Optional.of(fresh));
                return read(response.statusCode(), body.readNBytes(MAX_ANSWER_BYTES + 1));
            }
        } catch (IOException e) {
            return new Answer.NoAnswer<>(
                    "the authority could not be reached: " + e.getClass().getSimpleName());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer.NoAnswer<>("interrupted while waiting for the authority");
        }
    }

    private void authenticate(HttpRequest.Builder request, Map<String, String> fields) {
        if (credential instanceof AgentCredential.PrivateKey own) {
            Instant now = now();
            fields.put("client_id", own.agent());
            fields.put("client_assertion_type", ASSERTION);
            fields.put(
                    "client_assertion",
                    CompactJws.sign(
                            own.key(),
                            "JWT",
                            own.key().thumbprint(),
                            Map.of(
                                    "iss", own.agent(),
                                    "sub", own.agent(),
                                    "aud", issuer,
                                    "jti", Ids.next("cas", now, random),
                                    "iat", now.getEpochSecond(),
                                    "exp", now.plus(ASSERTION_LIFE).getEpochSecond())));
        } else if (credential instanceof AgentCredential.Secret shared) {
            String pair = encode(shared.agent()) + ":" + encode(shared.secret());
            request.header(
                    "Authorization",
                    "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
        }
    }

    private static Answer<Map<String, @Nullable Object>> read(int status, byte[] body) {
        if (body.length > MAX_ANSWER_BYTES) {
            return new Answer.NoAnswer<>("the answer is longer than " + MAX_ANSWER_BYTES + " bytes");
        }
        if (status / 100 == 2 && body.length == 0) {
            Map<String, @Nullable Object> nothing = new LinkedHashMap<>();
            return new Answer.Granted<>(nothing); // RFC 7009 §2.2
        }
        Map<String, @Nullable Object> json;
        try {
            json = Json.readObject(body);
        } catch (Json.Malformed e) {
            return status / 100 == 2 ? unusable() : new Answer.Denied<>("http_" + status, "", status);
        }
        if (status / 100 == 2) {
            return new Answer.Granted<>(json);
        }
        return new Answer.Denied<>(
                json.get("error") instanceof String error ? error : "http_" + status,
                json.get("error_description") instanceof String description ? description : "",
                status);
    }

    /** RFC 6749 §5.1 and RFC 9396 §7, with the authority's own {@code task_id} and {@code task_exp}. */
    Answer<HeldDelegation> delegation(Map<String, @Nullable Object> json) {
        try {
            Instant now = now();
            if (json.get("access_token") instanceof String token
                    && json.get("token_type") instanceof String type
                    && json.get("expires_in") instanceof Long seconds
                    && json.get("task_id") instanceof String task
                    && json.get("task_exp") instanceof Long end) {
                return new Answer.Granted<>(new HeldDelegation(
                        token,
                        type.equalsIgnoreCase("DPoP"),
                        new TaskId(task),
                        BehalfTask.fromDetails(json.get("authorization_details")),
                        now,
                        now.plusSeconds(seconds),
                        Instant.ofEpochSecond(end),
                        json.get("refresh_token") instanceof String renewal ? Optional.of(renewal) : Optional.empty()));
            }
            return unusable();
        } catch (Json.Malformed | IllegalArgumentException e) {
            return unusable();
        }
    }

    static <T> Answer<T> unusable() {
        return new Answer.NoAnswer<>("the authority's answer is not what the standards say");
    }

    static String encoded(Map<String, String> fields) {
        return fields.entrySet().stream()
                .map(field -> encode(field.getKey()) + "=" + encode(field.getValue()))
                .collect(Collectors.joining("&"));
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }
}

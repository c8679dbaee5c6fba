package io.behalf.server.kill;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.sdk.Answer;
import io.behalf.sdk.HeldDelegation;
import java.io.IOException;
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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** An agent without a key, as software has it that knows only RFC 6749: what it gets is unbound, and its renewal rotates. */
final class PlainAgent {
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);

    private final URI base;
    private final HttpClient http;

    PlainAgent(URI base, HttpClient http) {
        this.base = base;
        this.http = http;
    }

    Answer<HeldDelegation> start(String providerToken, BehalfTask task) {
        return token(Map.of(
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token",
                providerToken,
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
                "authorization_details",
                text(List.of(task.toJson()))));
    }

    Answer<HeldDelegation> renew(String renewal) {
        return token(Map.of("grant_type", "refresh_token", "refresh_token", renewal));
    }

    private Answer<HeldDelegation> token(Map<String, String> fields) {
        Map<String, String> form = new TreeMap<>(fields);
        form.put("client_id", "plain");
        form.put("client_secret", ServerProcess.AGENT_SECRET);
        form.put("resource", base + "/gateway");
        HttpRequest request = HttpRequest.newBuilder(base.resolve("/oauth/token"))
                .timeout(ANSWERS_WITHIN)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString(form.entrySet().stream()
                        .map(field ->
                                field.getKey() + "=" + URLEncoder.encode(field.getValue(), StandardCharsets.UTF_8))
                        .collect(Collectors.joining("&"))))
                .build();
        try {
            return read(http.send(request, BodyHandlers.ofString()));
        } catch (IOException e) {
            return new Answer.NoAnswer<>(String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer.NoAnswer<>("interrupted");
        }
    }

    private static Answer<HeldDelegation> read(HttpResponse<String> answer) {
        try {
            Map<String, @Nullable Object> json = Json.readObject(answer.body().getBytes(StandardCharsets.UTF_8));
            if (answer.statusCode() != 200) {
                return new Answer.Denied<>(
                        String.valueOf(json.get("error")),
                        String.valueOf(json.get("error_description")),
                        answer.statusCode());
            }
            Instant now = Instant.now();
            return json.get("expires_in") instanceof Long seconds && json.get("task_exp") instanceof Long end
                    ? new Answer.Granted<>(new HeldDelegation(
                            String.valueOf(json.get("access_token")),
                            false,
                            new TaskId(String.valueOf(json.get("task_id"))),
                            BehalfTask.fromDetails(json.get("authorization_details")),
                            now,
                            now.plusSeconds(seconds),
                            Instant.ofEpochSecond(end),
                            Optional.of(String.valueOf(json.get("refresh_token")))))
                    : new Answer.NoAnswer<>("a token without an end");
        } catch (Json.Malformed e) {
            return new Answer.NoAnswer<>("no JSON: " + e.getMessage());
        }
    }

    private static String text(Object json) {
        return new String(Json.canonical(json), StandardCharsets.UTF_8);
    }
}

package io.behalf.authority;

import io.behalf.core.json.Json;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Requests to providers: addresses from configuration or from the provider's own discovery document, no redirects, a
 * bounded answer in bounded time. Blocking.
 */
final class Fetch implements AutoCloseable {
    static final Duration CONNECT_WAIT = Duration.ofSeconds(3);
    static final Duration ANSWER_WAIT = Duration.ofSeconds(5);
    static final int MAX_ANSWER = 256 * 1024;

    private final HttpClient client = HttpClient.newBuilder()
            .connectTimeout(CONNECT_WAIT)
            .followRedirects(HttpClient.Redirect.NEVER) // a provider's key set is where its document says, nowhere else
            .version(HttpClient.Version.HTTP_1_1)
            .build();

    record Got(int status, Map<String, @Nullable Object> json) {}

    Got get(String address) {
        return json(HttpRequest.newBuilder(URI.create(address)).GET());
    }

    Got post(String address, String form, Optional<String> authorization) {
        HttpRequest.Builder request = form(address, form);
        authorization.ifPresent(value -> request.header("Authorization", value));
        return json(request);
    }

    /** The answer's status alone: what it says is of no interest. */
    int tell(String address, String form) {
        return send(form(address, form)).statusCode();
    }

    private static HttpRequest.Builder form(String address, String form) {
        return HttpRequest.newBuilder(URI.create(address))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(form));
    }

    private Got json(HttpRequest.Builder request) {
        HttpResponse<byte[]> answer = send(request);
        try {
            return new Got(answer.statusCode(), Json.readObject(answer.body()));
        } catch (Json.Malformed e) {
            throw new Unreachable(answer.uri().getHost(), e);
        }
    }

    private HttpResponse<byte[]> send(HttpRequest.Builder request) {
        HttpRequest built = request.header("Accept", "application/json")
                .timeout(ANSWER_WAIT)
                .build();
        try {
            return client.send(
                    built, HttpResponse.BodyHandlers.limiting(HttpResponse.BodyHandlers.ofByteArray(), MAX_ANSWER));
        } catch (IOException e) {
            throw new Unreachable(built.uri().getHost(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unreachable(built.uri().getHost(), e);
        }
    }

    @Override
    public void close() {
        client.shutdownNow();
    }

    /** The other side gave no usable answer. */
    static final class Unreachable extends RuntimeException {
        private static final long serialVersionUID = 1;

        Unreachable(@Nullable String host, Throwable cause) {
            super("no usable answer from " + host + ": " + cause.getClass().getSimpleName(), cause);
        }

        Unreachable(String message) {
            super(message);
        }
    }
}

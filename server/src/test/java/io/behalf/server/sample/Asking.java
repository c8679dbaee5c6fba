package io.behalf.server.sample;

import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Asks a pretend part over real HTTP, as a program does that knows nothing of it. */
final class Asking implements AutoCloseable {
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);

    final Vertx vertx = Vertx.vertx();
    private final HttpClient http = HttpClient.newHttpClient();
    private final URI address;

    /** The part under test. */
    @FunctionalInterface
    interface Part {
        Future<SampleServer> start(Vertx vertx);
    }

    Asking(Part part) {
        address = await(part.start(vertx)).address();
    }

    HttpRequest.Builder request(String method, String path, String body) {
        return HttpRequest.newBuilder(address.resolve(path))
                .timeout(ANSWERS_WITHIN)
                .header("Content-Type", "application/json")
                .method(method, HttpRequest.BodyPublishers.ofString(body));
    }

    HttpResponse<String> send(HttpRequest.Builder request) {
        try {
            return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new AssertionError(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    HttpResponse<String> post(String path, String body) {
        return send(request("POST", path, body));
    }

    static Map<String, @Nullable Object> json(String text) {
        try {
            return Json.readObject(text.getBytes(StandardCharsets.UTF_8));
        } catch (Json.Malformed e) {
            throw new AssertionError(text, e);
        }
    }

    /** The value at the end of a way of names and places. */
    static @Nullable Object at(@Nullable Object value, Object... way) {
        @Nullable Object at = value;
        for (Object step : way) {
            at = step instanceof Integer place
                    ? (at instanceof List<?> list && list.size() > place ? list.get(place) : null)
                    : SampleJson.member(at, (String) step);
        }
        return at;
    }

    static String text(@Nullable Object value, Object... way) {
        return at(value, way) instanceof String text ? text : "";
    }

    static long number(@Nullable Object value, Object... way) {
        return at(value, way) instanceof Long number ? number : -1;
    }

    /** {@code data} of each server-sent event. */
    static List<String> events(String stream) {
        List<String> data = new ArrayList<>();
        for (String event : stream.split("\n\n", -1)) {
            event.lines().filter(line -> line.startsWith("data: ")).forEach(line -> data.add(line.substring(6)));
        }
        return data;
    }

    @Override
    public void close() {
        http.close();
        await(vertx.close());
    }

    static <T> T await(Future<T> future) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(10, TimeUnit.SECONDS)
                .join();
    }
}

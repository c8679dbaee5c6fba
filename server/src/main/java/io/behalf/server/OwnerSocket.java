package io.behalf.server;

import io.behalf.core.json.Json;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.SocketAddress;
import java.io.IOException;
import java.net.ConnectException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The server that runs on a data directory, asked over the socket that only its owner can open. Blocks. */
final class OwnerSocket implements AutoCloseable {
    static final String TEXT = "text/plain";
    static final String JSON_LINES = "application/jsonl";

    private static final Duration CONNECTS_WITHIN = Duration.ofSeconds(5);
    private static final Duration ANSWERS_WITHIN = Duration.ofMinutes(1);

    private final Vertx vertx;
    private final HttpClient client;
    private final SocketAddress address;

    private OwnerSocket(Vertx vertx, SocketAddress address) {
        this.vertx = vertx;
        this.client = vertx.createHttpClient();
        this.address = address;
    }

    /** What was answered. */
    record Told(int status, Map<String, String> headers, String body) {
        Optional<String> header(String name) {
            return Optional.ofNullable(headers.get(name.toLowerCase(Locale.ROOT)));
        }

        /** @throws CommandFailed with the server's own words, where it did not do what it was asked for */
        Told orFail() {
            if (status < 300) {
                return this;
            }
            String detail = body;
            try {
                detail = json().get("detail") instanceof String words ? words : body;
            } catch (CommandFailed notJson) {
                // said as it came
            }
            throw switch (status) {
                case 404 -> CommandFailed.no(detail);
                case 400, 409 -> CommandFailed.usage(detail);
                default -> CommandFailed.unreachable(detail);
            };
        }

        Map<String, @Nullable Object> json() {
            try {
                return Json.readObject(body.getBytes(StandardCharsets.UTF_8));
            } catch (Json.Malformed e) {
                throw CommandFailed.unreachable("The server's answer cannot be read: " + e.getMessage());
            }
        }
    }

    /** Empty where no server runs on the directory. */
    static Optional<OwnerSocket> at(DataDirectory data) {
        Path socket = data.socket(System.getenv());
        try {
            DataDirectory.requireOwn(socket);
        } catch (IOException notThere) { // or not for this user to see
            return Optional.empty();
        }
        Vertx vertx = Vertx.vertx(
                new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(1).setPreferNativeTransport(true));
        var owner = new OwnerSocket(vertx, SocketAddress.domainSocketAddress(socket.toString()));
        try {
            owner.reach();
            return Optional.of(owner);
        } catch (CompletionException e) {
            owner.close();
            if (e.getCause() instanceof ConnectException) { // left by a server that was killed
                return Optional.empty();
            }
            throw silent(e);
        }
    }

    private void reach() {
        await(
                client.request(options(HttpMethod.GET, Health.LIVE))
                        .compose(request -> request.send().compose(HttpClientResponse::end)),
                CONNECTS_WITHIN);
    }

    Told get(String path, String accept) {
        return ask(HttpMethod.GET, path, accept, Optional.empty());
    }

    Told send(HttpMethod method, String path, Map<String, ? extends @Nullable Object> body) {
        return ask(method, path, Api.JSON, Optional.of(Buffer.buffer(JsonText.of(body))));
    }

    private Told ask(HttpMethod method, String path, String accept, Optional<Buffer> body) {
        Future<Told> told = client.request(options(method, path)).compose(request -> {
            request.putHeader("Accept", accept);
            Future<HttpClientResponse> answer = body.isPresent()
                    ? request.putHeader("Content-Type", Api.JSON).send(body.get())
                    : request.send();
            // in here, on the event loop: this thread could come too late for the body
            return answer.compose(OwnerSocket::told);
        });
        try {
            return await(told, ANSWERS_WITHIN);
        } catch (CompletionException e) {
            throw silent(e);
        }
    }

    private static Future<Told> told(HttpClientResponse answer) {
        Map<String, String> headers = new HashMap<>();
        answer.headers().forEach((name, value) -> headers.put(name.toLowerCase(Locale.ROOT), value));
        return answer.body().map(bytes -> new Told(answer.statusCode(), Map.copyOf(headers), bytes.toString()));
    }

    private RequestOptions options(HttpMethod method, String path) {
        return new RequestOptions()
                .setServer(address)
                .setHost("localhost")
                .setMethod(method)
                .setURI(path)
                .setConnectTimeout(CONNECTS_WITHIN.toMillis());
    }

    private static CommandFailed silent(CompletionException e) {
        return CommandFailed.unreachable("The server on this data directory does not answer: "
                + Optional.ofNullable(e.getCause()).orElse(e));
    }

    private static <T> T await(Future<T> future, Duration atMost) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(atMost.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }

    @Override
    public void close() {
        vertx.close().toCompletionStage().toCompletableFuture().join();
    }
}

package io.behalf.gateway;

import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** What stands behind the gateway in a test: keeps what reached it, answers as it is told. */
final class FakeUpstream {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final List<Received> received = new CopyOnWriteArrayList<>();
    private final List<Received> broken = new CopyOnWriteArrayList<>();
    private final List<HttpServerResponse> begun = new CopyOnWriteArrayList<>();
    private final HttpServer server;
    private volatile BiConsumer<Received, HttpServerResponse> script =
            (_, response) -> response.setStatusCode(404).end();

    record Received(String method, String uri, MultiMap headers, Buffer body) {}

    FakeUpstream(Vertx vertx) throws Exception {
        server = vertx.createHttpServer().requestHandler(this::take);
        server.listen(0, "127.0.0.1").toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    int port() {
        return server.actualPort();
    }

    List<Received> received() {
        return List.copyOf(received);
    }

    /** Requests whose connection broke before they were answered. */
    List<Received> broken() {
        return List.copyOf(broken);
    }

    /** Requests that it still works on: neither answered nor broken. */
    long working() {
        return begun.stream()
                .filter(response -> !response.ended() && !response.closed())
                .count();
    }

    void awaitBroken() throws InterruptedException {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (broken.isEmpty()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("no connection to the upstream was broken");
            }
            Thread.sleep(5);
        }
    }

    void answers(BiConsumer<Received, HttpServerResponse> next) {
        script = next;
    }

    void answersJson(String json) {
        answers((_, response) ->
                response.putHeader("content-type", "application/json").end(json));
    }

    void close() throws Exception {
        server.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    private void take(HttpServerRequest request) {
        request.body().onSuccess(body -> {
            Received one = new Received(request.method().name(), request.uri(), request.headers(), body);
            received.add(one);
            begun.add(request.response());
            request.response().exceptionHandler(_ -> {});
            request.response().closeHandler(_ -> {
                if (!request.response().ended()) {
                    broken.add(one);
                }
            });
            script.accept(one, request.response());
        });
    }
}

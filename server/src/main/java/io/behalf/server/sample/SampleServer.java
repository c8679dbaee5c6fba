package io.behalf.server.sample;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.net.URI;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** An HTTP server on a free port of loopback, for the pretend parts. */
public final class SampleServer {
    static final String HOST = "127.0.0.1";
    /** Largest request body that a pretend part reads. */
    static final int MAX_BODY = 1 << 20;

    private final HttpServer server;
    private volatile Consumer<HttpServerRequest> watcher = _ -> {};

    private SampleServer(HttpServer server) {
        this.server = server;
    }

    static Future<SampleServer> start(Vertx vertx, Handler<HttpServerRequest> handler) {
        HttpServer server = vertx.createHttpServer(new HttpServerOptions().setHttp2ClearTextEnabled(false));
        SampleServer sample = new SampleServer(server);
        return server.connectionHandler(client -> client.exceptionHandler(_ -> {})) // it has gone, as clients do
                .requestHandler(request -> {
                    sample.watcher.accept(request);
                    handler.handle(request);
                })
                .listen(0, HOST)
                .map(sample);
    }

    /** From now on it is told of each request's head, before anything is answered. */
    public void watchedBy(Consumer<HttpServerRequest> told) {
        watcher = told;
    }

    public URI address() {
        return URI.create("http://" + HOST + ":" + server.actualPort());
    }

    public Future<Void> close() {
        return server.close();
    }

    /** The path; empty for a request that has none, which no part answers. */
    static String path(HttpServerRequest request) {
        String path = request.path();
        return path == null ? "" : path;
    }

    /** The body; a larger one is answered 413 and not kept. */
    static Future<Buffer> body(HttpServerRequest request) {
        Promise<Buffer> whole = Promise.promise();
        Buffer body = Buffer.buffer();
        request.handler(chunk -> {
            if (body.length() + chunk.length() <= MAX_BODY) {
                body.appendBuffer(chunk);
            } else if (whole.tryFail("too large")) {
                request.response().putHeader("connection", "close");
                answer(request.response(), 413, Map.of("error", "too large"));
            }
        });
        request.exceptionHandler(whole::tryFail);
        request.endHandler(_ -> whole.tryComplete(body));
        return whole.future();
    }

    static Future<Void> answer(HttpServerResponse response, int status, @Nullable Object json) {
        return response.setStatusCode(status)
                .putHeader("content-type", "application/json")
                .end(Buffer.buffer(SampleJson.bytes(json)));
    }
}

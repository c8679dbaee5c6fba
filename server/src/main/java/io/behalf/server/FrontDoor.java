package io.behalf.server;

import io.behalf.gateway.ChunkedIsLast;
import io.behalf.gateway.Gateway;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One event loop's share of the server's address: calls go to the gateway, everything else to the pages and endpoints. */
final class FrontDoor extends VerticleBase {
    private final Configuration.Listening where;
    private final Gateway gateway;
    private final Router pages;
    private @Nullable HttpServer server;

    FrontDoor(Configuration.Listening where, Gateway gateway, Router pages) {
        this.where = where;
        this.gateway = gateway;
        this.pages = pages;
    }

    @Override
    public Future<?> start() {
        Handler<HttpServerRequest> calls = gateway.handler();
        Handler<HttpServerRequest> either = new ChunkedIsLast(request -> {
            String path = request.path();
            // what has no path is no request of anybody's: the gateway says so in the contract's words
            if (path == null || Gateway.serves(path)) {
                calls.handle(request);
            } else {
                pages.handle(request);
            }
        });
        HttpServer listening = vertx.createHttpServer(Gateway.serverOptions())
                .requestHandler(either)
                .invalidRequestHandler(either);
        server = listening;
        return listening.listen(where.port(), where.address());
    }

    /** Takes nothing new, and waits for what is on its way for as long as the configuration says. */
    @Override
    public Future<?> stop() {
        return server == null
                ? Future.succeededFuture()
                : server.shutdown(where.drain().toMillis(), TimeUnit.MILLISECONDS);
    }
}

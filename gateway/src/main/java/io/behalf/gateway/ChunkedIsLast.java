package io.behalf.gateway;

import io.vertx.core.Handler;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;

/**
 * Believes nothing that follows a request in chunks on its connection. Proxies have differed over where chunks end: what one of them
 * before us takes for a body, we would take for the next request. Stands before one event loop's handler and is not shared.
 */
final class ChunkedIsLast implements Handler<HttpServerRequest> {
    private final Handler<HttpServerRequest> next;
    /** Closing takes a moment, in which a request that was already read would have its turn. */
    private final Set<HttpConnection> spent = Collections.newSetFromMap(new WeakHashMap<>());

    ChunkedIsLast(Handler<HttpServerRequest> next) {
        this.next = next;
    }

    @Override
    public void handle(HttpServerRequest request) {
        HttpConnection connection = request.connection();
        if (!spent.isEmpty() && spent.contains(connection)) {
            Closing.soon(connection);
            return;
        }
        if (request.headers().contains(HttpHeaders.TRANSFER_ENCODING)) {
            spent.add(connection);
            HttpServerResponse response = request.response();
            response.putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            response.endHandler(_ -> Closing.soon(connection));
        }
        next.handle(request);
    }
}

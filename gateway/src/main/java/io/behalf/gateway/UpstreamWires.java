package io.behalf.gateway;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.net.impl.ConnectionBase;

/**
 * The connections to all upstreams of one event loop. The pool bounds those to one upstream, and those that carry a call are
 * no more than there are agents; but kept for the next call, there could be many to each of many upstreams, which the
 * process has no files for. Only that loop touches it.
 */
final class UpstreamWires {
    /** The call that went over a connection last. */
    private static final AttributeKey<Object> CALL = AttributeKey.valueOf(UpstreamWires.class, "call");

    private final int mostKept;
    private int open;

    UpstreamWires(int mostKept) {
        this.mostKept = mostKept;
    }

    void opened(HttpConnection connection) {
        // the outcome tells that an upstream spoke no HTTP; without this a line in the log would tell what it said
        connection.exceptionHandler(_ -> {});
        open++;
        connection.closeHandler(_ -> open--);
    }

    /** One call has the connection from now on. Where enough others are kept, it ends with the call (RFC 9112 §9.6). */
    void carries(HttpClientRequest request, Object call) {
        channel(request).attr(CALL).set(call);
        if (open > mostKept) {
            MultiMap headers = request.headers();
            headers.set(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
        }
    }

    /** Breaks the wire, also of an upstream that reads nothing. What carries another call already is left alone. */
    void cut(HttpClientRequest request, Object call) {
        request.reset();
        if (call.equals(channel(request).attr(CALL).get())) {
            Closing.soon(request.connection());
        }
    }

    private static Channel channel(HttpClientRequest request) {
        return ((ConnectionBase) request.connection()).channel();
    }
}

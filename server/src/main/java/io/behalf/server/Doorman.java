package io.behalf.server;

import io.vertx.core.MultiMap;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.HostAndPort;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Stands before every page and endpoint that is not the gateway's. A web page that rebinds its own name to this address
 * names that name in {@code Host}; one that posts here from elsewhere names itself in {@code Origin}. Both are turned away.
 */
final class Doorman {
    /** For a body to arrive; the gateway has bounds of its own. */
    static final Duration BODY_WITHIN = Duration.ofSeconds(30);

    private static final int FORBIDDEN = 403;

    private final Set<String> hosts;
    private final Set<String> origins;
    private final Duration bodyWithin;

    Doorman(Configuration.Listening where) {
        this(where, BODY_WITHIN);
    }

    Doorman(Configuration.Listening where, Duration bodyWithin) {
        this.hosts = where.hosts();
        this.origins = where.origins();
        this.bodyWithin = bodyWithin;
    }

    void handle(RoutingContext context) {
        HttpServerRequest request = context.request();
        context.response()
                .putHeader("X-Content-Type-Options", "nosniff")
                .putHeader("Referrer-Policy", "same-origin") // without any, a form says "Origin: null"
                .putHeader("X-Frame-Options", "DENY");
        boundBody(context);
        if (!asked(request)) {
            ProblemJson.answer(
                    context.response(),
                    FORBIDDEN,
                    "This server does not answer under the host that was asked for.",
                    Map.of("cure", "list it in server.hosts"));
        } else if (!from(request)) {
            ProblemJson.answer(
                    context.response(),
                    FORBIDDEN,
                    "Pages of that origin may not ask this server.",
                    Map.of("cure", "list it in server.origins"));
        } else {
            context.next();
        }
    }

    /** Whoever sends a body that never ends would keep a connection, and what has come of the body, for ever. */
    private void boundBody(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (request.isEnded() || bodiless(request.headers())) {
            return;
        }
        Vertx vertx = context.vertx();
        long late = vertx.setTimer(bodyWithin.toMillis(), _ -> {
            if (!request.isEnded()) {
                request.connection().close();
            }
        });
        context.addEndHandler(_ -> {
            if (request.isEnded()) {
                vertx.cancelTimer(late);
            }
        });
    }

    /** RFC 9112 §6. */
    private static boolean bodiless(MultiMap headers) {
        return !headers.contains("Content-Length") && !headers.contains("Transfer-Encoding");
    }

    private boolean asked(HttpServerRequest request) {
        List<String> named = request.headers().getAll("Host");
        HostAndPort authority = request.authority();
        // RFC 9113 §8.3.1: HTTP/2 names the host in a pseudo-header of its own
        if (named.isEmpty() && request.version() == HttpVersion.HTTP_2 && authority != null) {
            named = List.of(authority.toString());
        }
        return named.size() == 1 && hosts.contains(named.getFirst().toLowerCase(Locale.ROOT));
    }

    private boolean from(HttpServerRequest request) {
        List<String> named = request.headers().getAll("Origin");
        return named.isEmpty()
                || (named.size() == 1 && origins.contains(named.getFirst().toLowerCase(Locale.ROOT)));
    }
}

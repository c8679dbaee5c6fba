package io.behalf.server;

import io.behalf.gateway.BodyRoom;
import io.behalf.gateway.Closing;
import io.vertx.core.Context;
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
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Stands before every page and endpoint that is not the gateway's. A web page that rebinds its own name to this address
 * names that name in {@code Host}; one that posts here from elsewhere names itself in {@code Origin}. Both are turned away.
 */
final class Doorman {
    /**
     * For a body to arrive, all of it: they are small, and behind a proxy all have one address, so that whoever sends half of
     * one takes room from everybody else meanwhile. The gateway has bounds of its own.
     */
    static final Duration BODY_WITHIN = Duration.ofSeconds(5);

    /** As much as any of the pages and endpoints behind it takes. */
    static final int LARGEST_BODY = Math.max(Api.MAX_BODY, ServiceChains.MAX_BYTES);

    /** Half-sent bodies that one newcomer may cost. */
    private static final int MOST_GIVEN_UP = 64;

    private static final int FORBIDDEN = 403;
    private static final int BUSY = 503;
    /** The authority is what comes before a path, a query or a fragment; some read a backslash as a slash (RFC 3986 §3.2). */
    private static final Pattern ABSOLUTE = Pattern.compile("(?i)https?://([^/?#\\\\]*)");

    private final Set<String> hosts;
    private final Set<String> origins;
    private final Duration bodyWithin;
    private final BodyRoom bodies;

    /** Bodies on their way, first the one that has been for longest. */
    private final Queue<Coming> waiting = new ConcurrentLinkedQueue<>();

    Doorman(Configuration.Listening where) {
        this(where, BODY_WITHIN, BodyRoom.ofHeap(BodyRoom.PART_FOR_PAGES, LARGEST_BODY));
    }

    /** @param bodies what all who ask, and whoever asks from one address, may have on the way at once */
    Doorman(Configuration.Listening where, Duration bodyWithin, BodyRoom bodies) {
        this.hosts = where.hosts();
        this.origins = where.origins();
        this.bodyWithin = bodyWithin;
        this.bodies = bodies;
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
        } else if (bodiless(request.headers())) {
            context.next();
        } else {
            letIn(context);
        }
    }

    /**
     * Lets the body come where there is room. It counts with what it may become, before anything of it is here: who asks is not
     * known yet, and the bodies are small.
     */
    private void letIn(RoutingContext context) {
        HttpServerRequest request = context.request();
        String holder = String.valueOf(request.remoteAddress().hostAddress());
        BodyRoom.Place place = bodies.place(holder);
        var coming = new Coming(holder, place, request, context.vertx().getOrCreateContext());
        context.addEndHandler(_ -> {
            waiting.remove(coming);
            place.leave();
        });
        if (place.take(most(request))) {
            waiting.add(coming);
            context.next();
        } else {
            request.pause();
            makeRoom(context, coming, MOST_GIVEN_UP);
        }
    }

    /**
     * Whoever sends half a body would keep others out for as long as it may take: behind a proxy all have one address. So the
     * one that has come for longest gives way, again and again until there is room.
     */
    private void makeRoom(RoutingContext context, Coming newcomer, int more) {
        Optional<Coming> longest = more == 0 ? Optional.empty() : longestWaiting(newcomer.holder());
        if (longest.isEmpty()) {
            newcomer.request().resume();
            turnAway(context);
            return;
        }
        Coming given = longest.get();
        given.loop().runOnContext(_ -> {
            given.giveUp();
            newcomer.loop().runOnContext(_ -> {
                if (context.response().closed()) {
                    return;
                }
                if (newcomer.place().take(most(newcomer.request()))) {
                    waiting.add(newcomer);
                    context.next();
                    newcomer.request().resume();
                } else {
                    makeRoom(context, newcomer, more - 1);
                }
            });
        });
    }

    /** Its own before others', no longer among those that wait; a body that is whole is being answered, and stays. */
    private Optional<Coming> longestWaiting(String holder) {
        return takenOf(coming -> coming.holder().equals(holder)).or(() -> takenOf(_ -> true));
    }

    private Optional<Coming> takenOf(Predicate<Coming> which) {
        while (true) {
            Optional<Coming> first = waiting.stream()
                    .filter(which)
                    .filter(coming -> !coming.request().isEnded())
                    .findFirst();
            if (first.isEmpty() || waiting.remove(first.get())) { // else another newcomer was faster
                return first;
            }
        }
    }

    private static void turnAway(RoutingContext context) {
        context.response()
                .putHeader("Retry-After", String.valueOf(BodyRoom.RETRY_AFTER_SECONDS))
                .putHeader("Connection", "close");
        Closing.afterGrace(context.request().connection());
        context.fail(BUSY);
    }

    /** A body on its way, and the event loop that all but its place among the others belongs to. */
    private record Coming(String holder, BodyRoom.Place place, HttpServerRequest request, Context loop) {
        void giveUp() {
            if (!request.isEnded()) {
                place.leave();
                Closing.soon(request.connection());
            }
        }
    }

    /** What is longer than all accept is refused by its length, and never here. */
    private static long most(HttpServerRequest request) {
        String declared = request.getHeader("Content-Length");
        try {
            return declared == null ? LARGEST_BODY : Math.clamp(Long.parseLong(declared), 0, LARGEST_BODY);
        } catch (NumberFormatException e) {
            return LARGEST_BODY;
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
                Closing.soon(request.connection());
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
        return named.size() == 1 && hosts.contains(named.getFirst().toLowerCase(Locale.ROOT)) && toUs(request.uri());
    }

    /**
     * A target may name a host itself, which goes before {@code Host} (RFC 9112 §3.2.2). Who stands before us may have gone
     * by either, so both must be ours.
     */
    private boolean toUs(String target) {
        if (target.startsWith("/") || target.equals("*")) {
            return true;
        }
        Matcher absolute = ABSOLUTE.matcher(target);
        return absolute.lookingAt() && hosts.contains(absolute.group(1).toLowerCase(Locale.ROOT));
    }

    private boolean from(HttpServerRequest request) {
        List<String> named = request.headers().getAll("Origin");
        return named.isEmpty()
                || (named.size() == 1 && origins.contains(named.getFirst().toLowerCase(Locale.ROOT)));
    }
}

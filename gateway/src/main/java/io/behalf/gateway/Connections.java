package io.behalf.gateway;

import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.RecvByteBufAllocator;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The connections of one event loop's server, and how long each may wait there for its next request. The HTTP layer's own
 * bound on idle connections would also cut a call whose model thinks for minutes, so what counts here is whether a request
 * is being answered: while it is, the connection may be as silent as the call allows.
 *
 * <p>When there are as many as may be, whoever waits longest makes room for whoever comes: holding connections open, however
 * many, shuts nobody out. Only the loop that made it touches it.
 */
public final class Connections {
    private static final Duration SWEEP = Duration.ofSeconds(1);

    /** How slowly an answer may be read that is all written, and how much of it may still be on its way then. */
    private static final long READ_BYTES_PER_SECOND = 16 << 10;

    /** Of what one connection has sent, read at once. */
    private static final int MAX_PORTION = 8 << 10;

    private static final long MAX_UNREAD_BYTES = 2L * Gathered.MAX_KEPT_BYTES;

    /**
     * Whatever is read is taken apart at once, and a request of a few bytes becomes an object of a hundred times as many.
     * The HTTP layer reads on as long as a request's turn has not come, but only between two portions.
     */
    private static final RecvByteBufAllocator IN_SMALL_PORTIONS =
            new AdaptiveRecvByteBufAllocator(64, 2_048, MAX_PORTION).maxMessagesPerRead(1);

    private final Limits limits;
    /** Nothing whole has come of them yet; the longest open first. */
    private final Map<HttpConnection, Long> silent = new LinkedHashMap<>();
    /** With their last request; the one first whose request is the oldest. */
    private final Map<HttpConnection, Served> asked = new LinkedHashMap<>();
    /** Told to close, and still there: they count for as long as they hold a file. */
    private final Set<HttpConnection> closing = new LinkedHashSet<>();

    public Connections(Vertx vertx, Limits limits) {
        this.limits = limits;
        vertx.setPeriodic(Math.min(SWEEP.toMillis(), limits.firstHead.toMillis()), _ -> sweep());
    }

    /**
     * @param most connections of one event loop
     * @param firstHead for the head of a connection's first request, from its opening
     * @param nextHead for the next one's, from the end of an answer
     * @param body for a whole body, from the moment the gateway asks for it
     */
    public record Limits(int most, Duration firstHead, Duration nextHead, Duration body) {
        /** Of one event loop. */
        public static final int MOST = 4_096;

        public static final Duration FIRST_HEAD = Duration.ofSeconds(20);
        /** Longer than clients usually keep a connection, so that it is they who close it, and not at the moment of use. */
        public static final Duration NEXT_HEAD = Duration.ofSeconds(75);

        public static final Duration BODY = Duration.ofSeconds(60);

        public Limits {
            if (most < 1 || firstHead.toMillis() < 1 || nextHead.toMillis() < 1 || body.toMillis() < 1) {
                throw new IllegalArgumentException("limits of connections are positive");
            }
        }

        /** With the usual times. */
        public static Limits of(int most) {
            return new Limits(most, FIRST_HEAD, NEXT_HEAD, BODY);
        }
    }

    private static final class Served {
        final HttpServerRequest last;
        long waitsSince;

        Served(HttpServerRequest last, long now) {
            this.last = last;
            this.waitsSince = now;
        }

        /** All of the request is here, and not all of its answer written. */
        boolean working() {
            return last.isEnded() && !last.response().ended();
        }

        boolean overdue(long now, Duration most) {
            // it may be read more slowly than it was written
            long unread = Math.min(MAX_UNREAD_BYTES, last.response().bytesWritten()) / READ_BYTES_PER_SECOND;
            return last.response().ended()
                    && now - waitsSince > most.plusSeconds(unread).toNanos();
        }
    }

    /** All that hold a place and a file. */
    int open() {
        return silent.size() + asked.size() + closing.size();
    }

    void opened(HttpConnection connection) {
        Channel wire = Closing.wire(connection).channel();
        wire.config().setRecvByteBufAllocator(IN_SMALL_PORTIONS);
        HeadLines.watch(wire.pipeline());
        connection.exceptionHandler(_ -> {}); // whoever speaks no HTTP would write into the log what he says
        if (open() >= limits.most) {
            Optional<HttpConnection> longest = expendable();
            if (longest.isEmpty()) {
                Closing.now(connection);
                return;
            }
            Closing.now(longest.get());
            forget(longest.get());
        }
        silent.put(connection, System.nanoTime());
        connection.closeHandler(_ -> forget(connection));
    }

    /** Hands on requests, knowing that their connections are not idle. */
    Handler<HttpServerRequest> before(Handler<HttpServerRequest> next) {
        return request -> {
            HttpConnection connection = request.connection();
            if (silent.remove(connection) == null && asked.remove(connection) == null) {
                Closing.soon(connection); // it is closing already, and what was read meanwhile has no turn
                return;
            }
            asked.put(connection, new Served(request, System.nanoTime()));
            next.handle(request);
        };
    }

    /**
     * Whom it costs least: one that is closing, one that has asked nothing, one whose answer is over, one whose request is
     * still coming.
     */
    private Optional<HttpConnection> expendable() {
        if (!closing.isEmpty()) {
            return Optional.of(closing.iterator().next());
        }
        if (!silent.isEmpty()) {
            return Optional.of(silent.keySet().iterator().next());
        }
        @Nullable HttpConnection coming = null;
        for (Map.Entry<HttpConnection, Served> one : asked.entrySet()) {
            if (one.getValue().last.response().ended()) {
                return Optional.of(one.getKey());
            }
            if (coming == null && !one.getValue().working()) {
                coming = one.getKey();
            }
        }
        return Optional.ofNullable(coming);
    }

    /** All of them, whatever they are at. */
    public void close() {
        List.copyOf(silent.keySet()).forEach(this::close);
        List.copyOf(asked.keySet()).forEach(this::close);
    }

    private void sweep() {
        long now = System.nanoTime();
        List<HttpConnection> overdue = new ArrayList<>();
        for (Map.Entry<HttpConnection, Long> one : silent.entrySet()) {
            if (now - one.getValue() <= limits.firstHead.toNanos()) {
                break; // those behind it came later
            }
            overdue.add(one.getKey());
        }
        asked.forEach((connection, one) -> {
            if (!one.last.response().ended()) {
                one.waitsSince = now;
            } else if (one.overdue(now, limits.nextHead)) {
                overdue.add(connection);
            }
        });
        overdue.forEach(this::close);
    }

    private void close(HttpConnection connection) {
        forget(connection);
        closing.add(connection);
        Closing.soon(connection);
    }

    private void forget(HttpConnection connection) {
        silent.remove(connection);
        asked.remove(connection);
        closing.remove(connection);
    }
}

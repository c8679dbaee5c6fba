package io.behalf.server;

import com.sun.management.UnixOperatingSystemMXBean;
import io.behalf.gateway.Connections;
import io.behalf.gateway.Gateway;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.Router;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One event loop's share of an address: the server's, its owner's socket, a sidecar's. All keep the gateway's bounds on
 * connections.
 */
final class FrontDoor extends VerticleBase {
    /** Open files that are no connections: jars, segments of the ledger, the store. */
    static final int OTHER_FILES = 512;

    /** Connections of one event loop with fewer of which there is nobody to serve. */
    static final int FEWEST = 32;

    /** Of the heap, for heads that are still coming: and what one of them may take there, kept line by line. */
    static final int PART_FOR_HEADS = 8;

    static final int HEAD_BYTES = 64 << 10;

    /** A connection, the one to an upstream that its call needs, and one to an upstream that is kept for the next call. */
    static final int FILES_EACH = 3;

    private final SocketAddress where;
    private final Connections.Limits limits;
    private final Supplier<Handler<HttpServerRequest>> answering;
    private final Supplier<Duration> drain;
    private @Nullable Connections connections;
    private @Nullable HttpServer server;

    /**
     * @param answering made on its event loop; gets what is no well-formed HTTP, too
     * @param drain how long it waits for running calls, asked when it is to close
     */
    FrontDoor(
            SocketAddress where,
            Connections.Limits limits,
            Supplier<Handler<HttpServerRequest>> answering,
            Supplier<Duration> drain) {
        this.where = where;
        this.limits = limits;
        this.answering = answering;
        this.drain = drain;
    }

    /** Calls go to the gateway, everything else to the pages and endpoints. */
    static FrontDoor of(
            Configuration.Listening where,
            Gateway gateway,
            Router pages,
            Connections.Limits limits,
            Supplier<Duration> drain) {
        return new FrontDoor(
                SocketAddress.inetSocketAddress(where.port(), where.address()),
                limits,
                () -> answering(gateway.handler(limits), pages),
                drain);
    }

    private static Handler<HttpServerRequest> answering(Handler<HttpServerRequest> calls, Router pages) {
        return request -> {
            String path = request.path();
            // what is no request of anybody's: the gateway refuses it with a reason of its list
            if (path == null || request.decoderResult().isFailure() || Gateway.serves(path)) {
                calls.handle(request);
            } else {
                pages.handle(request);
            }
        };
    }

    /**
     * As many connections as this process may have open: none may take the last file from the ledger, and those that send
     * half a head each must not take the heap.
     *
     * @throws CommandFailed where the files are not enough for anything
     */
    static Connections.Limits limits(int loops) {
        return limits(
                loops,
                ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
                        ? unix.getMaxFileDescriptorCount()
                        : Long.MAX_VALUE,
                Runtime.getRuntime().maxMemory());
    }

    static Connections.Limits limits(int loops, long files, long heap) {
        long each = (files - OTHER_FILES) / FILES_EACH / loops;
        if (each < FEWEST) {
            long fewest = OTHER_FILES + (long) loops * FILES_EACH * FEWEST;
            throw CommandFailed.usage("The server may open " + files + " files at once, and on " + loops
                    + " processors it needs " + fewest + " at least. Raise the limit: ulimit -n " + fewest
                    + " in the shell that starts it, LimitNOFILE=" + fewest + " in a systemd unit, --ulimit nofile="
                    + fewest + " for a container.");
        }
        long heads = heap / PART_FOR_HEADS / HEAD_BYTES / loops;
        return Connections.Limits.of(Math.clamp(Math.min(each, heads), FEWEST, Connections.Limits.MOST));
    }

    @Override
    public Future<?> start() {
        Connections open = new Connections(vertx, limits);
        HttpServer listening = Gateway.server(vertx, open, answering.get());
        connections = open;
        server = listening;
        return listening.listen(where);
    }

    /** Where it listens on a port that the system chose. */
    int port() {
        return Objects.requireNonNull(server).actualPort();
    }

    /** Takes nothing new, and waits for what is on its way for as long as it was told; then for nobody, whoever reads nothing. */
    @Override
    public Future<?> stop() {
        HttpServer listening = server;
        Connections open = connections;
        if (listening == null || open == null) {
            return Future.succeededFuture();
        }
        long most = drain.get().toMillis();
        long over = vertx.setTimer(Math.max(1, most), _ -> open.close());
        return listening.shutdown(most, TimeUnit.MILLISECONDS).onComplete(_ -> vertx.cancelTimer(over));
    }
}

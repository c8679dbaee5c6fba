package io.behalf.server;

import com.sun.management.UnixOperatingSystemMXBean;
import io.behalf.gateway.Connections;
import io.behalf.gateway.Gateway;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.VerticleBase;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One event loop's share of the server's address: calls go to the gateway, everything else to the pages and endpoints. */
final class FrontDoor extends VerticleBase {
    /** Open files that are no connections: jars, segments of the ledger, the store. */
    static final int OTHER_FILES = 512;

    /** Connections of one event loop with fewer of which there is nobody to serve. */
    static final int FEWEST = 32;

    /** A connection, the one to an upstream that its call needs, and one to an upstream that is kept for the next call. */
    static final int FILES_EACH = 3;

    private final Configuration.Listening where;
    private final Gateway gateway;
    private final Router pages;
    private final Connections.Limits limits;
    private final Supplier<Duration> drain;
    private @Nullable HttpServer server;

    /** @param drain how long it waits for running calls, asked when it is to close */
    FrontDoor(
            Configuration.Listening where,
            Gateway gateway,
            Router pages,
            Connections.Limits limits,
            Supplier<Duration> drain) {
        this.where = where;
        this.gateway = gateway;
        this.pages = pages;
        this.limits = limits;
        this.drain = drain;
    }

    /**
     * As many connections as this process may have open: none may take the last file from the ledger.
     *
     * @throws CommandFailed where the files are not enough for anything
     */
    static Connections.Limits limits(int loops) {
        return limits(
                loops,
                ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
                        ? unix.getMaxFileDescriptorCount()
                        : Long.MAX_VALUE);
    }

    static Connections.Limits limits(int loops, long files) {
        long each = (files - OTHER_FILES) / FILES_EACH / loops;
        if (each < FEWEST) {
            long fewest = OTHER_FILES + (long) loops * FILES_EACH * FEWEST;
            throw CommandFailed.usage("The server may open " + files + " files at once, and on " + loops
                    + " processors it needs " + fewest + " at least. Raise the limit: ulimit -n " + fewest
                    + " in the shell that starts it, LimitNOFILE=" + fewest + " in a systemd unit, --ulimit nofile="
                    + fewest + " for a container.");
        }
        return Connections.Limits.of(Math.clamp(each, FEWEST, Connections.Limits.MOST));
    }

    @Override
    public Future<?> start() {
        Handler<HttpServerRequest> calls = gateway.handler(limits);
        HttpServer listening = Gateway.server(vertx, limits, request -> {
            String path = request.path();
            // what has no path is no request of anybody's: the gateway says so in the contract's words
            if (path == null || Gateway.serves(path)) {
                calls.handle(request);
            } else {
                pages.handle(request);
            }
        });
        server = listening;
        return listening.listen(where.port(), where.address());
    }

    /** Takes nothing new, and waits for what is on its way for as long as the configuration says. */
    @Override
    public Future<?> stop() {
        return server == null
                ? Future.succeededFuture()
                : server.shutdown(drain.get().toMillis(), TimeUnit.MILLISECONDS);
    }
}

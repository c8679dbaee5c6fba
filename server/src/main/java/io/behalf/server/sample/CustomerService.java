package io.behalf.server.sample;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A pretend service as there are many today: whoever shows the agent's key may do everything, and its log names the key's
 * owner, never a person.
 */
public final class CustomerService {
    /** What the service's log keeps of a request. */
    public record Line(Instant time, String caller, String method, String path, int status) {}

    private static final String CALLER = "agent-svc";
    /** A log of a demo does not grow without end. */
    private static final int MAX_LINES = 10_000;

    private final byte[] key;
    private final Clock clock;
    private final List<Line> log = new ArrayList<>();

    private CustomerService(String key, Clock clock) {
        this.key = bearer(key);
        this.clock = clock;
    }

    /** @param server where it listens */
    public record Running(SampleServer server, CustomerService service) {}

    public static Future<Running> start(Vertx vertx, String key, Clock clock) {
        CustomerService service = new CustomerService(key, clock);
        return SampleServer.start(vertx, service::handle).map(server -> new Running(server, service));
    }

    /** What it has logged so far. */
    public List<Line> log() {
        synchronized (log) {
            return List.copyOf(log);
        }
    }

    private void handle(HttpServerRequest request) {
        String shown = request.getHeader("authorization");
        boolean known = shown != null && MessageDigest.isEqual(shown.getBytes(StandardCharsets.UTF_8), key);
        int status = !known ? 401 : SampleServer.path(request).startsWith("/customers/") ? 200 : 404;
        synchronized (log) {
            if (log.size() < MAX_LINES) {
                log.add(new Line(
                        clock.instant(),
                        known ? CALLER : "-",
                        request.method().name(),
                        SampleServer.path(request),
                        status));
            }
        }
        SampleServer.answer(
                request.response(),
                status,
                status == 200 ? Map.of("name", "Example Ltd") : Map.of("error", status + ""));
    }

    private static byte[] bearer(String key) {
        return ("Bearer " + key).getBytes(StandardCharsets.UTF_8);
    }
}

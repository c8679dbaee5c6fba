package io.behalf.sdk;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.verifier.DpopProofs;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** An authority on loopback that answers what a test laid ready, after checking the proof of each request. */
final class PretendAuthority implements AutoCloseable {
    private final HttpServer server;
    private final DpopProofs proofs = new DpopProofs();
    private final BlockingQueue<Reply> replies = new LinkedBlockingQueue<>();
    final BlockingQueue<Request> requests = new LinkedBlockingQueue<>();
    private volatile Optional<String> nonce = Optional.empty();

    record Request(String path, Map<String, String> form, Optional<String> authorization, Optional<String> proofKey) {
        String value(String parameter) {
            return Objects.requireNonNull(form.get(parameter), parameter);
        }
    }

    private record Reply(int status, String body) {}

    PretendAuthority() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
    }

    URI issuer() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    void replies(int status, Map<String, @Nullable Object> json) {
        replies.add(new Reply(status, new String(Json.canonical(json), StandardCharsets.UTF_8)));
    }

    void repliesText(int status, String body) {
        replies.add(new Reply(status, body));
    }

    void demandsNonce(String value) {
        nonce = Optional.of(value);
    }

    /** What a token endpoint answers for {@code task}. */
    static Map<String, @Nullable Object> granted(
            String token, BehalfTask task, long seconds, Instant taskEnd, Optional<String> renewal) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("access_token", token);
        json.put("token_type", "DPoP");
        json.put("expires_in", seconds);
        json.put("task_id", "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02");
        json.put("task_exp", taskEnd.getEpochSecond());
        json.put("authorization_details", List.of(task.toJson()));
        renewal.ifPresent(r -> json.put("refresh_token", r));
        return json;
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Map<String, String> form =
                    form(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            String url = issuer() + exchange.getRequestURI().getPath();
            List<String> headers = exchange.getRequestHeaders().getOrDefault("DPoP", List.of());
            if (headers.isEmpty()) { // com.sun.net.httpserver writes header names in its own way
                headers = exchange.getRequestHeaders().getOrDefault("Dpop", List.of());
            }
            DpopProofs demanding = nonce.isPresent() ? new DpopProofs(1_000, nonce::equals) : proofs;
            Checked<VerificationKey> proof = demanding.check(
                    headers, DpopProofs.Expected.atTokenEndpoint("POST", url, Optional.empty()), Instant.now());
            requests.add(new Request(
                    exchange.getRequestURI().getPath(),
                    form,
                    Optional.ofNullable(exchange.getRequestHeaders().getFirst("Authorization")),
                    proof.fold(key -> Optional.of(key.thumbprint()), refusal -> Optional.empty())));
            if (proof instanceof Checked.Refused<VerificationKey>) {
                nonce.ifPresent(value -> exchange.getResponseHeaders().add("DPoP-Nonce", value));
                send(exchange, new Reply(400, "{\"error\":\"use_dpop_nonce\"}"));
                return;
            }
            Reply reply = replies.poll();
            send(exchange, reply == null ? new Reply(500, "{\"error\":\"nothing laid ready\"}") : reply);
        }
    }

    private static void send(HttpExchange exchange, Reply reply) throws IOException {
        byte[] bytes = reply.body().getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(reply.status(), bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0) {
            exchange.getResponseBody().write(bytes);
        }
    }

    private static Map<String, String> form(String encoded) {
        Map<String, String> form = new LinkedHashMap<>();
        for (String pair : encoded.split("&", -1)) {
            int equals = pair.indexOf('=');
            form.put(
                    URLDecoder.decode(pair.substring(0, equals), StandardCharsets.UTF_8),
                    URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8));
        }
        return form;
    }

    @Override
    public void close() {
        server.stop(0);
    }
}

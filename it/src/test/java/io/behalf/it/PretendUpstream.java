package io.behalf.it;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** A model, a tool server and a service in one, which remembers what has reached it. */
final class PretendUpstream implements AutoCloseable {
    /** What it says of each ticket. */
    static final String TOLD = "import stops";

    private static final String COMPLETION = """
            {"id": "c1", "object": "chat.completion", "model": "demo-model", "choices": [{"index": 0,
             "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}""";
    private static final String TOOL_RESULT = """
            {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "done"}]}}""";

    private final HttpServer http;
    private static final String HELD = "/held";
    private static final Duration HOLDS_AT_MOST = Duration.ofMinutes(2);

    private final LinkedBlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private final Semaphore released = new Semaphore(0);

    private PretendUpstream(HttpServer http) {
        this.http = http;
    }

    static PretendUpstream start() {
        try {
            var http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            var upstream = new PretendUpstream(http);
            http.createContext("/v1/", exchange -> upstream.answer(exchange, 200, COMPLETION));
            http.createContext("/mcp", exchange -> upstream.answer(exchange, 200, TOOL_RESULT));
            http.createContext(
                    "/tickets/", exchange -> upstream.answer(exchange, 200, "{\"ticket\": \"" + TOLD + "\"}"));
            http.createContext("/locked/", exchange -> upstream.answer(exchange, 401, "{}"));
            http.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
            http.start();
            return upstream;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    URI base() {
        return URI.create("http://127.0.0.1:" + http.getAddress().getPort());
    }

    /** Method and path of every request that has reached it since this was asked last. */
    List<String> taken() {
        var taken = new ArrayList<String>();
        seen.drainTo(taken);
        return taken;
    }

    /** Answers one request whose path ends with {@code /held}; without this it waits. */
    void release() {
        released.release();
    }

    private void awaitRelease() throws IOException {
        try {
            if (!released.tryAcquire(HOLDS_AT_MOST.toSeconds(), TimeUnit.SECONDS)) {
                throw new IOException("nobody released it");
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IOException(stopped);
        }
    }

    private void answer(HttpExchange exchange, int status, String json) throws IOException {
        try (exchange) {
            seen.add(
                    exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath());
            exchange.getRequestBody().readAllBytes();
            if (exchange.getRequestURI().getPath().endsWith(HELD)) {
                awaitRelease();
            }
            var body = json.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, body.length);
            exchange.getResponseBody().write(body);
        }
    }

    @Override
    public void close() {
        http.stop(0);
    }
}

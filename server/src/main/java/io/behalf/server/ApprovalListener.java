package io.behalf.server;

import io.behalf.sdk.ApprovalRequest;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits on loopback for the browser that brings back a person's answer (RFC 8252 §7.3). Any page and any program of this
 * machine can call here; only who knows the request's {@code state} is listened to, and nobody else ends the wait.
 */
final class ApprovalListener {
    /** As agents register it; at the authority any port of loopback fits it. */
    static final String REGISTERED = "http://127.0.0.1/callback";

    /** The authority's own bound for a person's way through its pages, and the time to set out. */
    static final Duration WAIT = Duration.ofMinutes(17);

    static final int MAX_HEADER_BYTES = 16 << 10;
    static final int MAX_TARGET_BYTES = 8 << 10;

    private static final String LOOPBACK = "127.0.0.1";
    private static final String PATH = "/callback";

    private final HttpServer server;
    private final CompletableFuture<Expected> expected = new CompletableFuture<>();
    private final CompletableFuture<Came> came = new CompletableFuture<>();

    private record Expected(ApprovalRequest request, String issuer) {}

    /** What came of the request. */
    sealed interface Came {
        record Approved(String code) implements Came {
            @Override
            public String toString() {
                return "Approved"; // the code is a credential
            }
        }

        record Denied(String error, String description) implements Came {}
    }

    private ApprovalListener(HttpServer server) {
        this.server = server;
    }

    static ApprovalListener open(Vertx vertx) {
        HttpServer server = vertx.createHttpServer(new HttpServerOptions()
                .setMaxHeaderSize(MAX_HEADER_BYTES)
                .setMaxInitialLineLength(MAX_TARGET_BYTES)
                .setHttp2ClearTextEnabled(false));
        ApprovalListener listener = new ApprovalListener(server);
        server.requestHandler(listener::handle).listen(0, LOOPBACK).await();
        return listener;
    }

    URI redirect() {
        return URI.create("http://" + LOOPBACK + ":" + server.actualPort() + PATH);
    }

    /** @return empty when nobody answered in time */
    Optional<Came> await(ApprovalRequest request, String issuer, Duration atMost) throws InterruptedException {
        expected.complete(new Expected(request, issuer));
        try {
            return Optional.of(came.get(atMost.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException late) {
            return Optional.empty();
        } catch (ExecutionException e) {
            throw new IllegalStateException("nothing fails here", e);
        }
    }

    /** What is being said to the browser is said to its end. */
    void close() {
        server.shutdown(1, TimeUnit.SECONDS).await();
    }

    private void handle(HttpServerRequest request) {
        boolean here = request.method().equals(HttpMethod.GET)
                && PATH.equals(request.path())
                && request.headers().getAll(HttpHeaders.HOST).equals(List.of(LOOPBACK + ":" + server.actualPort()));
        if (!here || !expected.isDone()) {
            say(request, 404, "There is nothing here.");
            return;
        }
        Expected awaited = expected.join();
        boolean ours = one(request, "state")
                        .filter(state -> same(state, awaited.request().state()))
                        .isPresent()
                && one(request, "iss").equals(Optional.of(awaited.issuer())); // RFC 9207 §2.4
        Optional<Came> answer = ours ? answer(request) : Optional.empty();
        if (answer.isEmpty()) {
            say(request, 400, "This is not the answer that is waited for here.");
            return;
        }
        say(
                request,
                200,
                switch (answer.get()) {
                    case Came.Approved _ -> "Approved. The program is at work; you can close this page.";
                    case Came.Denied _ -> "Not approved. The program is not started; you can close this page.";
                });
        came.complete(answer.get());
    }

    /** RFC 6749 §4.1.2. */
    private static Optional<Came> answer(HttpServerRequest request) {
        Optional<String> code = one(request, "code");
        Optional<String> error = one(request, "error");
        if (code.isPresent() == error.isPresent()) {
            return Optional.empty();
        }
        return Optional.of(
                code.isPresent()
                        ? new Came.Approved(code.get())
                        : new Came.Denied(
                                error.get(), one(request, "error_description").orElse("")));
    }

    private static Optional<String> one(HttpServerRequest request, String name) {
        List<String> values = request.params().getAll(name);
        return values.size() == 1 ? Optional.of(values.getFirst()) : Optional.empty();
    }

    private static boolean same(String a, String b) {
        return MessageDigest.isEqual(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }

    private static void say(HttpServerRequest request, int status, String sentence) {
        request.response()
                .setStatusCode(status)
                .putHeader(HttpHeaders.CONTENT_TYPE, "text/plain; charset=utf-8")
                .putHeader(HttpHeaders.CACHE_CONTROL, "no-store")
                .putHeader("Referrer-Policy", "no-referrer") // the address holds the code
                .putHeader("X-Content-Type-Options", "nosniff")
                .putHeader(HttpHeaders.CONNECTION, "close")
                .end(sentence + "\n");
    }
}

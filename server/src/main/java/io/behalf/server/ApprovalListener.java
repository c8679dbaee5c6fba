package io.behalf.server;

import io.behalf.core.jose.Base64Url;
import io.behalf.gateway.Closing;
import io.behalf.gateway.Connections;
import io.behalf.sdk.Answer;
import io.behalf.sdk.ApprovalRequest;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.net.SocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * The person's way to the approval page and back, on loopback: an address that sends the browser on to the authority with a
 * request that is good now, and the one to which the answer comes (RFC 8252 §7.3). Any page and any program of this machine
 * can call here; only who knows the first address is sent on, only who knows a request's {@code state} is listened to, and
 * nobody else ends the wait.
 */
final class ApprovalListener {
    /** As agents register it; at the authority any port of loopback fits it. */
    static final String REGISTERED = "http://127.0.0.1/callback";

    /** The time to set out, and the authority's own bound for a person's way through its pages. */
    static final Duration WAIT = Duration.ofMinutes(30);

    /** Requests that one wait makes: each visit needs one of its own, since the authority takes none twice (RFC 9126 §4). */
    static final int MOST_REQUESTS = 32;

    /** A person's browser keeps a few; whoever else holds some makes room for it. */
    static final Connections.Limits CONNECTIONS = Connections.Limits.of(FrontDoor.FEWEST);

    /** A request is not set out with so shortly before its end. */
    private static final Duration SPARE = Duration.ofSeconds(5);

    /** What is being said to the browser when this is closed. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(1);

    private static final String LOOPBACK = "127.0.0.1";
    private static final String CALLBACK = "/callback";
    private static final int SECRET_BYTES = 32;

    private final Vertx vertx;
    private final String issuer;
    private final Clock clock;
    private final FrontDoor door;
    private final String deployment;
    private final String page = "/approve/" + secret();
    private final CompletableFuture<Requests> requests = new CompletableFuture<>();
    private final CompletableFuture<Came> came = new CompletableFuture<>();

    /** What came of the request. */
    sealed interface Came {
        /** @param request the one that this is the answer to */
        record Approved(ApprovalRequest request, String code) implements Came {
            @Override
            public String toString() {
                return "Approved"; // the code is a credential
            }
        }

        record Denied(String error, String description) implements Came {}
    }

    /** Those of this wait. Used on the server's event loop. */
    private static final class Requests {
        private final Supplier<Answer<ApprovalRequest>> another;
        private final List<ApprovalRequest> open = new ArrayList<>();
        private int made = 1;
        private boolean firstIsTaken;

        Requests(ApprovalRequest first, Supplier<Answer<ApprovalRequest>> another) {
            this.another = another;
            open.add(first);
        }

        /** The first one, for the first visitor who comes in time. */
        Optional<ApprovalRequest> first(Instant now) {
            if (firstIsTaken || !now.plus(SPARE).isBefore(open.getFirst().expires())) {
                return Optional.empty();
            }
            firstIsTaken = true;
            return Optional.of(open.getFirst());
        }

        Optional<ApprovalRequest> of(String state) {
            return open.stream().filter(request -> same(state, request.state())).findFirst();
        }
    }

    /** @param issuer whose answers are waited for */
    ApprovalListener(Vertx vertx, String issuer, Clock clock) {
        this.vertx = vertx;
        this.issuer = issuer;
        this.clock = clock;
        this.door = new FrontDoor(
                SocketAddress.inetSocketAddress(0, LOOPBACK), CONNECTIONS, () -> this::handle, () -> LAST_WORDS);
        this.deployment = vertx.deployVerticle(door).await();
    }

    private static String secret() {
        byte[] secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        return Base64Url.encode(secret);
    }

    URI redirect() {
        return at(CALLBACK);
    }

    /** Where the person's browser sets out, at any time and as often as need be; for nobody else to know. */
    URI page() {
        return at(page);
    }

    private URI at(String path) {
        return URI.create("http://" + LOOPBACK + ":" + door.port() + path);
    }

    /**
     * From now on the page is there.
     *
     * @param another asks the authority for one more; blocks
     */
    void expect(ApprovalRequest first, Supplier<Answer<ApprovalRequest>> another) {
        requests.complete(new Requests(first, another));
    }

    /** @return empty when nobody answered in time */
    Optional<Came> await(Duration atMost) throws InterruptedException {
        try {
            return Optional.of(came.get(atMost.toMillis(), TimeUnit.MILLISECONDS));
        } catch (TimeoutException late) {
            return Optional.empty();
        } catch (ExecutionException e) {
            throw new IllegalStateException("nothing fails here", e);
        }
    }

    void close() {
        vertx.undeploy(deployment).await();
    }

    private void handle(HttpServerRequest request) {
        if (request.decoderResult().isFailure()) {
            say(request, 400, "The request is not well-formed.");
            Closing.soon(request.connection());
            return;
        }
        boolean here = request.method().equals(HttpMethod.GET)
                && request.headers().getAll(HttpHeaders.HOST).equals(List.of(LOOPBACK + ":" + door.port()))
                && requests.isDone();
        String path = request.path() == null ? "" : request.path();
        if (here && same(path, page)) {
            sendOn(request, requests.join());
        } else if (here && path.equals(CALLBACK)) {
            listen(request, requests.join());
        } else {
            say(request, 404, "There is nothing here.");
        }
    }

    // ---- there

    private void sendOn(HttpServerRequest request, Requests all) {
        Optional<ApprovalRequest> first = all.first(clock.instant());
        if (first.isPresent()) {
            sendOn(request, first.get());
            return;
        }
        if (all.made == MOST_REQUESTS) {
            say(request, 429, "This page was opened too often. Run the command again.");
            return;
        }
        all.made++;
        vertx.executeBlocking(all.another::get, false)
                .onFailure(_ -> cannotAsk(request))
                .onSuccess(answer -> answer.fold(
                        another -> {
                            all.open.add(another);
                            return sendOn(request, another);
                        },
                        _ -> cannotAsk(request),
                        _ -> cannotAsk(request)));
    }

    private static Future<Void> sendOn(HttpServerRequest request, ApprovalRequest to) {
        return closing(request, 302)
                .putHeader(HttpHeaders.LOCATION, to.page().toString())
                .end();
    }

    private static Future<Void> cannotAsk(HttpServerRequest request) {
        return say(request, 502, "The authority cannot be asked now. Load this page again in a while.");
    }

    // ---- and back

    private void listen(HttpServerRequest request, Requests all) {
        Optional<ApprovalRequest> asked = one(request, "state").flatMap(all::of);
        boolean ours = one(request, "iss").equals(Optional.of(issuer)); // RFC 9207 §2.4
        Optional<Came> answer = ours ? asked.flatMap(of -> answer(request, of)) : Optional.empty();
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
    private static Optional<Came> answer(HttpServerRequest request, ApprovalRequest asked) {
        Optional<String> code = one(request, "code");
        Optional<String> error = one(request, "error");
        if (code.isPresent() == error.isPresent()) {
            return Optional.empty();
        }
        return Optional.of(
                code.isPresent()
                        ? new Came.Approved(asked, code.get())
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

    private static Future<Void> say(HttpServerRequest request, int status, String sentence) {
        return closing(request, status)
                .putHeader(HttpHeaders.CONTENT_TYPE, "text/plain; charset=utf-8")
                .end(sentence + "\n");
    }

    private static HttpServerResponse closing(HttpServerRequest request, int status) {
        return request.response()
                .setStatusCode(status)
                .putHeader(HttpHeaders.CACHE_CONTROL, "no-store")
                .putHeader("Referrer-Policy", "no-referrer") // the address holds the code, or the way to the page
                .putHeader("X-Content-Type-Options", "nosniff")
                .putHeader(HttpHeaders.CONNECTION, "close");
    }
}

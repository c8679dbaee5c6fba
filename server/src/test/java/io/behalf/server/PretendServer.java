package io.behalf.server;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.json.Json;
import io.vertx.core.Handler;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * An authority and a gateway at one address on loopback, as they look from outside. The authority hands out tokens named
 * {@code token-1}, {@code token-2} and so on; the gateway does what a test tells it to.
 */
final class PretendServer implements AutoCloseable {
    static final String TASK_ID = "tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02";
    static final String RENEWAL = "renewal-secret";
    static final String CODE = "code-of-the-approval";

    private final Vertx vertx;
    private final HttpServer server;
    final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
    final List<Form> forms = new CopyOnWriteArrayList<>();
    final AtomicInteger tokens = new AtomicInteger();
    private volatile Handler<HttpServerRequest> gateway = request -> answer(request, 200, "text/plain", "fine");
    private volatile int tokenSeconds = 300;
    /** Seconds that a pushed request is good for. */
    volatile long pushedLife = 90;

    private volatile boolean personRefuses;
    private final Map<String, Denial> denials = new ConcurrentHashMap<>();

    private record Denial(int status, String error, String description) {}

    /** A request as it reached the gateway. */
    record Call(String method, String uri, Map<String, String> headers) {
        String header(String name) {
            return headers.getOrDefault(name, "");
        }
    }

    record Form(String path, Map<String, String> fields) {}

    PretendServer() {
        vertx = Vertx.vertx();
        server = vertx.createHttpServer(
                        new HttpServerOptions().setHost("127.0.0.1").setPort(0))
                .requestHandler(this::handle);
        server.listen().await();
    }

    URI base() {
        return URI.create("http://127.0.0.1:" + server.actualPort());
    }

    /** What the gateway does with each request; it is recorded before. */
    void gateway(Handler<HttpServerRequest> does) {
        gateway = does;
    }

    void tokensLast(int seconds) {
        tokenSeconds = seconds;
    }

    void personRefuses() {
        personRefuses = true;
    }

    /** What the authority says at one of its endpoints from now on. */
    void denies(String path, int status, String error, String description) {
        denials.put(path, new Denial(status, error, description));
    }

    Call nextCall() throws InterruptedException {
        Call call = calls.poll(10, TimeUnit.SECONDS);
        if (call == null) {
            throw new AssertionError("nothing reached the gateway");
        }
        return call;
    }

    static void answer(HttpServerRequest request, int status, String type, String body) {
        request.response().setStatusCode(status).putHeader("content-type", type).end(body);
    }

    /** What the gateway says to a token that has run out. */
    static void ranOut(HttpServerRequest request) {
        request.response()
                .putHeader(
                        "WWW-Authenticate",
                        "Bearer resource_metadata=\"x\", error=\"invalid_token\", error_description=\"delegation_expired\"");
        answer(request, 401, "application/json", "{\"error\":{\"code\":\"delegation_expired\"}}");
    }

    private void handle(HttpServerRequest request) {
        String path = String.valueOf(request.path());
        if (path.equals("/oauth/authorize")) {
            approve(request);
        } else if (path.startsWith("/oauth/")) {
            request.body().onSuccess(body -> {
                Form form = new Form(path, form(body.toString()));
                forms.add(form);
                Denial no = denials.get(path);
                if (no != null) {
                    String json = JsonText.of(Map.of("error", no.error(), "error_description", no.description()));
                    answer(request, no.status(), "application/json", json);
                    return;
                }
                vertx.executeBlocking(() -> reply(form)).onSuccess(json -> request.response()
                        .putHeader("content-type", "application/json")
                        .end(Buffer.buffer(Json.canonical(json))));
            });
        } else {
            Map<String, String> headers = new LinkedHashMap<>();
            request.headers()
                    .forEach(h ->
                            headers.merge(h.getKey().toLowerCase(Locale.ROOT), h.getValue(), (a, b) -> a + "," + b));
            calls.add(new Call(request.method().name(), request.uri(), headers));
            gateway.handle(request);
        }
    }

    private Map<String, @Nullable Object> reply(Form form) {
        return switch (form.path()) {
            case "/oauth/par" ->
                Map.of("request_uri", "urn:ietf:params:oauth:request_uri:one", "expires_in", pushedLife);
            case "/oauth/token" -> granted();
            default -> Map.of();
        };
    }

    /** The person's browser: there, and straight back to the agent. */
    private void approve(HttpServerRequest request) {
        Form pushed = forms.stream()
                .filter(f -> f.path().equals("/oauth/par"))
                .reduce((_, later) -> later)
                .orElseThrow();
        String answer =
                personRefuses ? "error=access_denied&error_description=" + encode("alice said no.") : "code=" + CODE;
        request.response()
                .setStatusCode(302)
                .putHeader(
                        "location",
                        pushed.fields().get("redirect_uri") + "?" + answer + "&state="
                                + encode(pushed.fields().get("state")) + "&iss=" + encode(base().toString()))
                .end();
    }

    private Map<String, @Nullable Object> granted() {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("access_token", "token-" + tokens.incrementAndGet());
        json.put("token_type", "DPoP");
        json.put("expires_in", (long) tokenSeconds);
        json.put("task_id", TASK_ID);
        json.put("task_exp", Instant.now().plusSeconds(3_600).getEpochSecond());
        json.put("refresh_token", RENEWAL);
        json.put("authorization_details", List.of(task().toJson()));
        return json;
    }

    static BehalfTask task() {
        return new BehalfTask(
                "Summarize tickets", ScopeWords.parse("openai:chat"), Limits.NONE, Optional.empty(), Optional.empty());
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

    private static String encode(@Nullable String text) {
        return URLEncoder.encode(String.valueOf(text), StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        vertx.close().await();
    }
}

package io.behalf.authority;

import io.behalf.authority.OAuthError.Code;
import io.vertx.core.Context;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/** Between Vert.x and the blocking endpoints: bodies are bounded, work runs on virtual threads, answers go back. */
final class Http implements AutoCloseable {
    static final int MAX_BODY = 64 * 1024;

    /** Requests at work or waiting for the store at once; more are told to come back. */
    static final int MAX_RUNNING = 256;

    /**
     * The same of one endpoint that anybody may call and that waits for others, beside those: what is held up there holds
     * nobody up elsewhere.
     */
    static final int MAX_RUNNING_APART = 8;

    private static final Logger LOG = System.getLogger(Http.class.getName());

    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Semaphore room = new Semaphore(MAX_RUNNING);
    private final String cookie;

    /** @param cookie name of the one that approvals use */
    Http(String cookie) {
        this.cookie = cookie;
    }

    void get(Router router, String path, String below, Function<Ask, Reply> endpoint) {
        router.route(HttpMethod.GET, path)
                .handler(context -> run(context, below, query(context.request()), room, endpoint));
    }

    void post(Router router, String path, String below, Function<Ask, Reply> endpoint) {
        post(router, path, below, room, endpoint);
    }

    /** For an endpoint that anybody may call: it has {@link #MAX_RUNNING_APART} places of its own. */
    void postApart(Router router, String path, String below, Function<Ask, Reply> endpoint) {
        post(router, path, below, new Semaphore(MAX_RUNNING_APART), endpoint);
    }

    private void post(Router router, String path, String below, Semaphore places, Function<Ask, Reply> endpoint) {
        router.route(HttpMethod.POST, path)
                .handler(BodyHandler.create(false).setBodyLimit(MAX_BODY))
                .handler(context -> run(context, below, body(context), places, endpoint))
                .failureHandler(Http::unread);
    }

    private void run(
            RoutingContext context, String path, Answer<Form> form, Semaphore places, Function<Ask, Reply> endpoint) {
        HttpServerRequest request = context.request();
        if (!(form instanceof Answer.Ok<Form>(var parameters))) {
            write(
                    context.response(),
                    form instanceof Answer.No<Form>(var error) ? Reply.error(error) : Reply.nothing(400));
            return;
        }
        Ask ask = new Ask(
                request.method().name(),
                path,
                parameters,
                Optional.ofNullable(request.getHeader("Authorization")),
                List.copyOf(request.headers().getAll("DPoP")),
                Optional.ofNullable(request.getCookie(cookie)).map(c -> c.getValue()),
                request.remoteAddress().hostAddress());
        if (!places.tryAcquire()) {
            write(context.response(), unavailable());
            return;
        }
        Context loop = context.vertx().getOrCreateContext();
        Handler<Reply> back = reply -> write(context.response(), reply);
        threads.execute(() -> {
            Reply reply = answer(ask, endpoint);
            places.release();
            loop.runOnContext(ignored -> back.handle(reply));
        });
    }

    /** Faults end here: the caller learns that a part is away, the operator learns which. */
    private static Reply answer(Ask ask, Function<Ask, Reply> endpoint) {
        try {
            return endpoint.apply(ask);
        } catch (Changes.Unrecorded | StoreUnavailable | Fetch.Unreachable e) {
            LOG.log(Level.WARNING, ask.path() + ": " + e.getMessage());
            LOG.log(Level.DEBUG, ask.path(), e);
            return unavailable();
        } catch (RuntimeException | Error e) { // also one of the deep kind: whoever asked is told, and leaves the place
            LOG.log(Level.ERROR, ask.path() + " failed", e);
            return Reply.error(new OAuthError(Code.SERVER_ERROR, "The authority failed.", Optional.empty()));
        }
    }

    private static Answer<Form> query(HttpServerRequest request) {
        return Form.parse(Optional.ofNullable(request.query()).orElse(""));
    }

    private static Answer<Form> body(RoutingContext context) {
        String type =
                Optional.ofNullable(context.request().getHeader("Content-Type")).orElse("");
        if (!type.regionMatches(true, 0, "application/x-www-form-urlencoded", 0, 33)) {
            return Answer.no(Code.INVALID_REQUEST, "The body is sent as application/x-www-form-urlencoded.");
        }
        if (context.request().query() != null) {
            // RFC 6749 §3.2: credentials in an address end up in logs
            return Answer.no(Code.INVALID_REQUEST, "Parameters are sent in the body only.");
        }
        String body = context.body().asString("UTF-8");
        return Form.parse(body == null ? "" : body);
    }

    /** Of a request whose body nobody read: it is too large, or there is no room for it. */
    private static void unread(RoutingContext context) {
        if (context.statusCode() == 413) {
            write(
                    context.response(),
                    Reply.json(413, Map.of("error", "invalid_request", "error_description", "The body is too large.")));
        } else if (context.statusCode() == 503) {
            write(context.response(), unavailable());
        } else {
            context.next();
        }
    }

    private static Reply unavailable() {
        return Reply.error(new OAuthError(
                Code.TEMPORARILY_UNAVAILABLE, "The authority cannot answer just now. Try again.", Optional.empty()));
    }

    private static void write(HttpServerResponse response, Reply reply) {
        if (response.closed() || response.ended()) {
            return; // the client has gone, or was told that its body is too large
        }
        response.setStatusCode(reply.status());
        reply.headers().forEach(response::putHeader);
        response.end(Buffer.buffer(reply.body()));
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}

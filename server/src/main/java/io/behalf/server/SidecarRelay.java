package io.behalf.server;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.gateway.Closing;
import io.behalf.sdk.Attached;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.http.RequestOptions;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One request's way through the sidecar. Bytes go on as they come, each way at the pace of whoever reads more slowly, and
 * either side's going away is the other's end.
 *
 * <p>A request is sent a second time only when the gateway turned the first one away because the delegation had run out,
 * so that nothing was done, and only when all of its body is still here.
 */
final class SidecarRelay {
    /** A body that is announced to be no longer is also kept while it passes. */
    static final int MAX_REPLAYED_BYTES = 256 << 10;

    /** RFC 9110 §7.6.1: about one connection only. Framing is made anew on the other one. */
    private static final Set<String> HOP_BY_HOP = Set.of(
            "connection",
            "proxy-connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "http2-settings",
            "host",
            "expect",
            "proxy-authenticate");

    /** What would speak for somebody else than this task's agent. */
    private static final Set<String> CREDENTIALS = Set.of(
            "authorization",
            "proxy-authorization",
            "cookie",
            "dpop",
            "x-api-key",
            "x-goog-api-key",
            "api-key",
            "x-behalf-delegation",
            "txn-token",
            "forwarded");

    /**
     * What does not come back: a challenge is about the delegation, which is none of the program's business, and would
     * send it looking for a token of its own.
     */
    private static final Set<String> NOT_RETURNED = Set.of("www-authenticate", "set-cookie", "alt-svc", "server");

    private final Sidecar sidecar;
    private final HttpServerRequest request;
    private final HttpServerResponse response;
    private final Optional<Buffer> kept;
    private final Promise<Void> read = Promise.promise();
    private @Nullable HttpClientRequest onward;
    private boolean reading;
    private boolean renewed;
    private boolean over;

    SidecarRelay(Sidecar sidecar, HttpServerRequest request) {
        this.sidecar = sidecar;
        this.request = request;
        this.response = request.response();
        this.kept = length(request) <= MAX_REPLAYED_BYTES ? Optional.of(Buffer.buffer()) : Optional.empty();
    }

    /** What the head says: 0 without a body, more than any bound where it is not told. */
    private static long length(HttpServerRequest request) {
        if (request.headers().contains(HttpHeaders.TRANSFER_ENCODING)) {
            return Long.MAX_VALUE;
        }
        String told = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        try {
            return told == null ? 0 : Long.parseUnsignedLong(told);
        } catch (NumberFormatException e) {
            return Long.MAX_VALUE;
        }
    }

    void go() {
        response.exceptionHandler(_ -> {}); // a write into a broken connection; closeHandler tells of it
        response.closeHandler(_ -> gone());
        request.exceptionHandler(_ -> gone());
        attach();
    }

    private void attach() {
        if (over) {
            return;
        }
        String path = request.uri();
        switch (sidecar.task().attach(request.method().name(), sidecar.gateway().base() + path)) {
            case Attached.Headers(Map<String, String> headers) -> send(headers);
            case Attached.Over(String error, String description)
            when !renewed && error.equals(Reason.DELEGATION_EXPIRED.code()) -> // the machine slept through its renewal
                renew().onSuccess(_ -> attach());
            case Attached.Over(String error, String description) -> refuse(over(error, description));
        }
    }

    private Future<Void> renew() {
        renewed = true;
        return sidecar.renew();
    }

    /** The task's end as a reason of the gateway's list: the authority's own words say less. */
    private static Refusal over(String error, String description) {
        Reason reason =
                switch (error) {
                    case "task_expired" -> Reason.TASK_EXPIRED;
                    case "delegation_expired" -> Reason.DELEGATION_EXPIRED;
                    case "task_ended" -> Reason.TASK_ENDED;
                    default -> Reason.DELEGATION_REVOKED;
                };
        return Refusal.of(reason, description.isBlank() ? "The task is over." : description);
    }

    private void send(Map<String, String> delegation) {
        Sidecar.Gateway gateway = sidecar.gateway();
        RequestOptions options = new RequestOptions()
                .setMethod(HttpMethod.valueOf(request.method().name()))
                .setSsl(gateway.tls())
                .setHost(gateway.host())
                .setPort(gateway.port())
                .setURI(request.uri())
                .setFollowRedirects(false);
        sidecar.client()
                .request(options)
                .compose(made -> {
                    if (over) {
                        made.reset();
                        return Future.failedFuture("the program has gone");
                    }
                    onward = made;
                    forwarded(request.headers(), made.headers());
                    delegation.forEach(made.headers()::set);
                    carryBody(made);
                    return made.response();
                })
                .onSuccess(this::answered)
                .onFailure(_ -> unreachable());
    }

    private void forwarded(MultiMap from, MultiMap to) {
        Set<String> named = connectionOptions(from);
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            boolean stays = HOP_BY_HOP.contains(name)
                    || named.contains(name)
                    || CREDENTIALS.contains(name)
                    || name.startsWith("x-forwarded-")
                    || sidecar.key().isWithin(header);
            if (!stays) {
                to.add(header.getKey(), header.getValue());
            }
        }
    }

    private static Set<String> connectionOptions(MultiMap headers) {
        Set<String> named = new HashSet<>();
        for (String value : headers.getAll(HttpHeaders.CONNECTION)) {
            for (String option : value.split(",", -1)) {
                named.add(option.strip().toLowerCase(Locale.ROOT));
            }
        }
        named.remove("content-length"); // the body's framing is not the sender's to take away
        return named;
    }

    private void carryBody(HttpClientRequest to) {
        if (request.headers().contains(HttpHeaders.TRANSFER_ENCODING)) {
            to.setChunked(true);
        }
        if (reading) { // the second time: all of it is here
            to.end(kept.orElseThrow());
            return;
        }
        reading = true;
        if (request.headers().contains(HttpHeaders.EXPECT)) {
            response.writeContinue(); // RFC 9110 §10.1.1
        }
        to.exceptionHandler(_ -> {}); // the answer, or its failure, tells
        request.handler(this::carry);
        request.endHandler(_ -> {
            read.tryComplete();
            if (onward != null) {
                onward.end();
            }
        });
        request.resume();
    }

    private void carry(Buffer chunk) {
        kept.ifPresent(copy -> copy.appendBuffer(chunk));
        HttpClientRequest to = onward;
        if (to == null) {
            return; // turned away already; read on for the second time
        }
        to.write(chunk);
        if (to.writeQueueFull()) {
            request.pause();
            to.drainHandler(_ -> request.resume());
        }
    }

    private void answered(HttpClientResponse answer) {
        answer.pause();
        if (ranOut(answer)) {
            again(answer);
            return;
        }
        sidecar.answered();
        response.setStatusCode(answer.statusCode());
        returned(answer.headers(), response.headers());
        boolean bodiless =
                request.method().equals(HttpMethod.HEAD) || answer.statusCode() == 204 || answer.statusCode() == 304;
        if (!bodiless && !response.headers().contains(HttpHeaders.CONTENT_LENGTH)) {
            response.setChunked(true);
        }
        if (!bodiless) {
            response.writeHead(); // a stream may be silent for long before its first byte
        }
        answer.exceptionHandler(_ -> cut());
        answer.endHandler(_ -> end());
        answer.handler(chunk -> {
            response.write(chunk);
            if (response.writeQueueFull()) {
                answer.pause();
                response.drainHandler(_ -> answer.resume());
            }
        });
        answer.resume();
    }

    /** Whether the gateway did nothing, for want of a delegation that is still good. */
    private boolean ranOut(HttpClientResponse answer) {
        return answer.statusCode() == 401
                && !renewed
                && kept.isPresent()
                && answer.headers().getAll("www-authenticate").stream()
                        .anyMatch(said -> said.contains("\"" + Reason.DELEGATION_EXPIRED.code() + "\""));
    }

    private void again(HttpClientResponse refusal) {
        refusal.exceptionHandler(_ -> {});
        refusal.resume();
        onward = null;
        request.resume(); // it may have waited for the wire that is given up
        read.future().compose(_ -> renew()).onSuccess(_ -> attach());
    }

    private void returned(MultiMap from, MultiMap to) {
        Set<String> named = connectionOptions(from);
        for (Map.Entry<String, String> header : from) {
            String name = header.getKey().toLowerCase(Locale.ROOT);
            if (!HOP_BY_HOP.contains(name) && !named.contains(name) && !NOT_RETURNED.contains(name)) {
                to.add(header.getKey(), header.getValue());
            }
        }
    }

    private void end() {
        over = true;
        onward = null;
        response.end();
        sidecar.leave(request);
    }

    /** Without a proper end, so that nobody takes what came for the whole. */
    private void cut() {
        over = true;
        Closing.soon(request.connection());
    }

    private void gone() {
        if (!over) {
            over = true;
            if (onward != null) {
                onward.reset();
            }
        }
    }

    private void unreachable() {
        if (!over) {
            refuse(Refusal.of(
                    Reason.UPSTREAM_UNAVAILABLE,
                    "The gateway at " + sidecar.gateway().base() + " gave no answer. Whether the call was made is not"
                            + " known."));
        }
    }

    private void refuse(Refusal no) {
        over = true;
        onward = null;
        sidecar.refuse(request, no);
    }
}

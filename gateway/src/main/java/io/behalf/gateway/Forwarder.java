package io.behalf.gateway;

import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.gateway.Codec.AnswerHead;
import io.behalf.gateway.Passage.Upstream;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Sends a call on, once its intent is durable. One for each event loop, with a client of its own. Sends nothing twice. */
final class Forwarder {
    private final HttpClient client;
    private final UpstreamWires wires;
    private final UpstreamTokens tokens;
    private final Loop loop;

    Forwarder(HttpClient client, UpstreamWires wires, UpstreamTokens tokens, Loop loop) {
        this.client = client;
        this.wires = wires;
        this.tokens = tokens;
        this.loop = loop;
    }

    Trip trip(OpenCall call) {
        return new Trip(call);
    }

    /** One call's way to its upstream and back. */
    final class Trip {
        private final OpenCall call;
        private @Nullable HttpClientRequest request;
        private boolean cancelled;

        private Trip(OpenCall call) {
            this.call = call;
        }

        /** Forwards the call; the answer is paused until {@link Answer#each}. */
        Future<Answer> answer() {
            return credential().compose(this::send).map(this::received);
        }

        /** Breaks the wire, so that the upstream stops working at once. */
        void cancel() {
            cancelled = true;
            if (request != null) {
                wires.cut(request, this);
            }
        }

        /** The headers that tell the upstream who asks: never the agent's own token. */
        private Future<MultiMap> credential() {
            MultiMap headers = MultiMap.caseInsensitiveMultiMap();
            Arrival arrival = call.intent.arrival;
            Route route = arrival.route();
            if (route.showsTheCallersOwn()) {
                // an observed service goes on seeing what it saw before, and gains no right of the gateway's
                arrival.own().ifPresent(own -> headers.set(own.header(), own.value()));
                return Future.succeededFuture(headers);
            }
            return switch (route.credential()) {
                case Route.Credential.Fixed(String header, String value) ->
                    Future.succeededFuture(headers.set(header, value));
                case Route.Credential.Minted _ -> minted(headers, arrival);
                case Route.Credential.Caller _, Route.Credential.None _ -> Future.succeededFuture(headers);
            };
        }

        private Future<MultiMap> minted(MultiMap headers, Arrival arrival) {
            if (!(call.intent.admitted.basis() instanceof Basis.Delegated d)) {
                return Future.succeededFuture(headers);
            }
            return loop.await(tokens.tokenFor(d.shown(), arrival.route()))
                    .recover(fault ->
                            Future.failedFuture(new UpstreamFault("no token could be made for the upstream", fault)))
                    .map(token -> {
                        String url = arrival.route().upstream() + arrival.head().path();
                        headers.set("authorization", "DPoP " + token.token());
                        headers.set(
                                "dpop",
                                tokens.proof(
                                        token,
                                        call.intent.record,
                                        arrival.head().method(),
                                        url));
                        headers.set("behalf-record", call.intent.record);
                        return headers;
                    });
        }

        private Future<HttpClientResponse> send(MultiMap credential) {
            Arrival arrival = call.intent.arrival;
            Upstream upstream = arrival.passage().upstream();
            Head head = arrival.head();
            String uri = upstream.prefix() + head.path() + (head.query().isEmpty() ? "" : "?" + head.query());
            RequestOptions options = new RequestOptions()
                    .setMethod(HttpMethod.valueOf(head.method()))
                    .setSsl(upstream.tls())
                    .setHost(upstream.host())
                    .setPort(upstream.port())
                    .setURI(uri.isEmpty() ? "/" : uri)
                    .setFollowRedirects(false);
            return client.request(options)
                    .recover(fault -> Future.failedFuture(new UpstreamFault("the upstream cannot be reached", fault)))
                    .compose(made -> {
                        request = made;
                        made.exceptionHandler(_ -> {}); // the answer, or its failure, tells
                        if (cancelled) {
                            made.reset();
                            return Future.failedFuture(new UpstreamFault("the call was stopped before it was sent"));
                        }
                        Forwarded.request(arrival, call.intent.admitted.basis(), head.headers(), made.headers());
                        credential.forEach((name, value) -> made.headers().set(name, value));
                        made.headers().set(Names.TRACEPARENT, arrival.trace().header());
                        wires.carries(made, this);
                        call.sent(Sent.MAYBE);
                        Buffer body = call.intent.call().body();
                        return body.length() == 0 && bodiless(head.method()) ? made.send() : made.send(body);
                    })
                    .recover(fault -> Future.failedFuture(
                            fault instanceof UpstreamFault
                                    ? fault
                                    : new UpstreamFault("the upstream gave no answer", fault)));
        }

        private Answer received(HttpClientResponse response) {
            response.pause();
            response.exceptionHandler(_ -> {}); // until somebody reads it
            AnswerHead head = new AnswerHead(response.statusCode(), response.headers());
            call.answered(head.status());
            unusable(head, call.intent.arrival.passage().codec()).ifPresent(why -> {
                cancel();
                throw new UpstreamFault(why);
            });
            return new Answer(head, response);
        }
    }

    private static boolean bodiless(String method) {
        return method.equals("GET") || method.equals("HEAD") || method.equals("DELETE") || method.equals("OPTIONS");
    }

    private static Optional<String> unusable(AnswerHead head, Codec codec) {
        if (head.status() < 200 || head.status() > 599) {
            return Optional.of("the upstream answers with a status that ends no request"); // RFC 9110 §15
        }
        if (head.status() == 401 || head.status() == 407) {
            // its challenge is about the gateway's credential, and would make the agent look for another of its own
            return Optional.of("the upstream does not accept the gateway's credential");
        }
        if (head.status() >= 300 && head.status() < 400 && head.status() != 304) {
            return Optional.of("the upstream sends elsewhere, and nobody is sent on");
        }
        String coding = head.headers().get(Names.CONTENT_ENCODING);
        if (coding != null && !coding.equalsIgnoreCase("identity") && !codec.returns("content-encoding")) {
            return Optional.of("the upstream compressed an answer though nobody asked it to");
        }
        String session = head.headers().get(Names.MCP_SESSION);
        if (session != null && session.length() > Sessions.MAX_NAME) {
            return Optional.of("the upstream names a session by more than " + Sessions.MAX_NAME + " characters");
        }
        return Optional.empty();
    }

    /** An answer whose head is there, and whose body waits. */
    record Answer(AnswerHead head, HttpClientResponse response) {
        /** Hands on each chunk when the step for the one before has completed; completes with the answer's proper end. */
        Future<Void> each(Function<Buffer, Future<Void>> step) {
            Promise<Void> over = Promise.promise();
            response.exceptionHandler(fault -> over.tryFail(new UpstreamFault("the upstream broke off", fault)));
            response.endHandler(_ -> over.tryComplete());
            response.handler(chunk -> {
                Future<Void> taken = taken(step, chunk);
                if (taken.succeeded()) {
                    return;
                }
                response.pause();
                taken.onSuccess(_ -> response.resume()).onFailure(over::tryFail);
            });
            response.resume();
            return over.future();
        }

        private static Future<Void> taken(Function<Buffer, Future<Void>> step, Buffer chunk) {
            try {
                return step.apply(chunk);
            } catch (RuntimeException fault) {
                return Future.failedFuture(fault);
            }
        }
    }

    /** An upstream did not do its part. The message is for the operator. */
    static final class UpstreamFault extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UpstreamFault(String message) {
            this(message, null);
        }

        UpstreamFault(String message, @Nullable Throwable cause) {
            super(message, cause, false, false);
        }
    }
}

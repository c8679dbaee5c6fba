package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.verifier.Presented;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import java.time.Duration;
import java.util.Optional;

/**
 * A request whose head was in order; its body is still on the wire. Lives on the event loop of its connection.
 *
 * @param own what the caller brought beside its delegation, or instead of one
 * @param address where it came from
 */
record Arrival(
        Passage passage,
        Codec.Expect expect,
        Head head,
        Presented presented,
        Optional<Own> own,
        String address,
        TraceContext trace,
        HttpServerRequest request) {
    private static final Refusal NO_ROOM = Refusal.of(
                    Reason.LIMIT_EXCEEDED,
                    "The gateway holds as many bytes of requests as it can, of this agent or of all. Try again in a moment.")
            .retryAfter(BodyRoom.RETRY_AFTER_SECONDS);

    /**
     * A caller's credential that is not a delegation.
     *
     * @param header lower case
     */
    record Own(String header, String value) {
        /** Without the scheme: what a listed key's digest is of. */
        String secret() {
            int space = value.indexOf(' ');
            return header.equals("authorization") && space > 0 ? value.substring(space + 1) : value;
        }

        @Override
        public String toString() {
            return "Own[" + header + "]";
        }
    }

    Route route() {
        return passage.route();
    }

    /**
     * Asks for the body, which nobody has seen until now, and reads it whole.
     *
     * @param place what the body takes room in; whoever asks leaves it when nobody holds the body any more
     */
    Future<Checked<Inbound>> read(Vertx vertx, Duration within, BodyRoom.Place place) {
        if ("100-continue".equalsIgnoreCase(request.getHeader(Names.EXPECT))) {
            request.response().writeContinue();
        }
        return body(vertx, within, place)
                .map(body -> body.then(bytes -> passage.codec()
                        .read(head, bytes)
                        .then(asked -> Checked.passed(new Inbound(route(), head, bytes, asked)))));
    }

    private Future<Checked<Buffer>> body(Vertx vertx, Duration within, BodyRoom.Place place) {
        long most = expect == Codec.Expect.NO_BODY ? 0 : route().maxRequestBytes();
        Promise<Checked<Buffer>> whole = Promise.promise();
        Buffer gathered = Buffer.buffer();
        request.handler(chunk -> {
            if (whole.future().isComplete()) {
                return; // refused, and what still comes is of no use
            }
            if (gathered.length() + chunk.length() > most) {
                whole.complete(tooLarge(most));
            } else if (!place.take(chunk.length())) {
                whole.complete(Checked.refused(NO_ROOM));
            } else {
                gathered.appendBuffer(chunk);
            }
        });
        request.endHandler(_ -> whole.tryComplete(Checked.passed(gathered)));
        request.exceptionHandler(whole::tryFail);
        request.resume();
        Future<Checked<Buffer>> body = whole.future();
        if (!body.isComplete()) { // most bodies came with their head
            long timer = vertx.setTimer(
                    within.toMillis(),
                    _ -> whole.tryComplete(refused(Reason.REQUEST_MALFORMED, "The body did not come in time.")));
            body.onComplete(_ -> vertx.cancelTimer(timer));
        }
        return body;
    }

    static <T> Checked<T> tooLarge(long most) {
        return most == 0
                ? refused(Reason.REQUEST_MALFORMED, "This request has a body where none belongs.")
                : refused(Reason.REQUEST_TOO_LARGE, "The body is larger than the " + most + " bytes accepted here.");
    }

    private static <T> Checked<T> refused(Reason reason, String sentence) {
        return Checked.refused(Refusal.of(reason, sentence));
    }
}

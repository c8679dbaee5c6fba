package io.behalf.gateway;

import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.gateway.Codec.AnswerHead;
import io.behalf.gateway.Codec.Note;
import io.behalf.gateway.Codec.Rendered;
import io.behalf.gateway.Recorder.Denial;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The agent's side of a call: heads, refusals, bytes, and how the wire ends. What ends an answer well asks for the proof
 * that its record is made.
 */
final class AgentWire {
    /** An unread body up to here is read away, so that the connection can be used again; a longer one closes it. */
    private static final long MAX_DRAINED_BYTES = 64 << 10;

    private final HttpServerRequest request;
    private final HttpServerResponse response;
    private @Nullable AnswerHead answer;
    private @Nullable Codec codec;
    private boolean ended;
    private boolean gone;

    AgentWire(HttpServerRequest request) {
        this.request = request;
        this.response = request.response();
        response.exceptionHandler(_ -> {}); // a write into a broken connection; closeHandler tells of it
    }

    /** Called once, when the agent goes away before its answer has ended. */
    void whenGone(Runnable then) {
        response.closeHandler(_ -> {
            gone = true;
            if (!ended) {
                then.run();
            }
        });
        if (response.closed() && !ended) {
            gone = true;
            then.run();
        }
    }

    /** What the answer's head will be, once there is something to send. */
    void begin(AnswerHead head, Recorder.Intent intent) {
        answer = head;
        codec = intent.arrival.passage().codec();
        say(Optional.of(intent.record), intent.task(), intent.arrival.trace());
    }

    /** Completes at once unless the agent reads more slowly than this is written. */
    Future<Void> write(Buffer bytes) {
        if (ended || gone || bytes.length() == 0) {
            return Future.succeededFuture();
        }
        if (!response.headWritten()) {
            head();
            response.setChunked(true);
        }
        response.write(bytes);
        if (!response.writeQueueFull()) {
            return Future.succeededFuture();
        }
        Promise<Void> drained = Promise.promise();
        response.drainHandler(_ -> drained.tryComplete());
        return drained.future();
    }

    /** Ends an answer well: its outcome is durable. */
    Future<Void> release(Buffer held, Recorder.Outcome proof) {
        if (ended || gone) {
            return Future.succeededFuture();
        }
        ended = true;
        if (!response.headWritten()) {
            head();
        }
        return (held.length() == 0 ? response.end() : response.end(held)).otherwiseEmpty();
    }

    /** Refuses a call that was not forwarded. */
    Future<Void> refuse(Refusal refusal, Denial proof, Passage passage, Optional<Asked> asked, TraceContext trace) {
        Note note = note(refusal, proof);
        say(note.record(), note.task(), trace);
        if (refusal.reason().challenges()) {
            challenge(refusal, passage);
        }
        return send(passage.codec().refuse(note, asked), refusal);
    }

    /** Refuses a request that no route is known of. */
    Future<Void> refuse(Refusal refusal, Denial proof) {
        return send(ProblemDetails.of(note(refusal, proof)), refusal);
    }

    /** Ends an answer that was forwarded and did not end well: by the protocol's own error where it can say one. */
    void cut(Refusal refusal, Recorder.Intent intent) {
        if (ended || gone) {
            return;
        }
        Passage passage = intent.arrival.passage();
        Note note = new Note(refusal, Optional.of(intent.record), intent.task());
        if (!response.headWritten()) {
            say(note.record(), note.task(), intent.arrival.trace());
            if (refusal.reason().challenges()) {
                challenge(refusal, passage);
            }
            send(passage.codec().refuse(note, Optional.of(intent.call().asked())), refusal);
            return;
        }
        ended = true;
        boolean events = answer != null && answer.streams();
        Optional<Buffer> said = events ? passage.codec().cut(note, intent.call()) : Optional.empty();
        if (said.isPresent()) {
            response.end(said.get());
        } else {
            abort();
        }
    }

    /** Ends without the answer: it may come on another request, or nobody wants it any more. */
    void leave() {
        if (!ended && !gone) {
            ended = true;
            if (response.headWritten() && response.writeQueueFull()) {
                abort(); // it reads nothing, and would not read the end
                return;
            }
            if (answer == null) {
                response.setStatusCode(202); // as if it had been a notice: what clients ask no more of
            } else if (!response.headWritten()) {
                head();
            }
            response.end();
        }
    }

    /** The outcome could not be recorded: what ends the answer stays here. */
    void unrecorded(Recorder.Intent intent) {
        if (!ended && !gone && response.headWritten()) {
            ended = true;
            abort();
        } else {
            cut(recordUnavailable(), intent);
        }
    }

    static Refusal recordUnavailable() {
        return Refusal.of(
                Reason.RECORD_UNAVAILABLE,
                "The record of this call could not be written, so there is no answer to it.");
    }

    /** Without a proper end, so that nobody takes what came for the whole. */
    private void abort() {
        Closing.soon(request.connection());
    }

    private void head() {
        AnswerHead head = Objects.requireNonNull(answer);
        response.setStatusCode(head.status());
        Forwarded.answer(Objects.requireNonNull(codec), head.headers(), response.headers());
        if (head.streams()) {
            response.headers().set("X-Accel-Buffering", "no");
        }
    }

    private void say(Optional<String> record, Optional<String> task, TraceContext trace) {
        MultiMap headers = response.headers();
        headers.set(HttpHeaders.CACHE_CONTROL, "private, no-store");
        headers.set(Names.TRACEPARENT, trace.header());
        record.ifPresent(id -> headers.set(Names.RECORD, id));
        task.ifPresent(id -> headers.set(Names.TASK, id));
    }

    private static Note note(Refusal refusal, Denial proof) {
        return switch (proof) {
            case Denial.Noted(Optional<String> record, Optional<String> task) -> new Note(refusal, record, task);
            case Denial.Unrecorded _ -> new Note(refusal, Optional.empty(), Optional.empty());
        };
    }

    /** Bearer first: clients exist that look no further than the first scheme (RFC 9728 §5.1, RFC 9449 §7.1). */
    private void challenge(Refusal refusal, Passage passage) {
        Reason reason = refusal.reason();
        StringBuilder told = new StringBuilder();
        if (reason != Reason.DELEGATION_MISSING) { // RFC 6750 §3.1: no error code for a request without credentials
            boolean proof = reason == Reason.PROOF_INVALID || reason == Reason.PROOF_REPLAYED;
            told.append(", error=\"")
                    .append(proof ? "invalid_dpop_proof" : "invalid_token")
                    .append("\", error_description=\"")
                    .append(reason.code())
                    .append('"');
        }
        String metadata = "resource_metadata=\"" + passage.resourceMetadata() + "\"" + told;
        response.headers().add("WWW-Authenticate", "Bearer " + metadata);
        response.headers().add("WWW-Authenticate", "DPoP algs=\"ES256 EdDSA RS256\", " + metadata);
    }

    private Future<Void> send(Rendered rendered, Refusal refusal) {
        if (ended || gone) {
            return Future.succeededFuture();
        }
        ended = true;
        response.setStatusCode(rendered.status());
        MultiMap headers = response.headers();
        headers.set(HttpHeaders.CACHE_CONTROL, "private, no-store");
        headers.set(HttpHeaders.CONTENT_TYPE, rendered.contentType());
        if (rendered.status() >= 400) {
            refusal.retryAfterSeconds()
                    .ifPresent(seconds -> headers.set(HttpHeaders.RETRY_AFTER, String.valueOf(seconds)));
        }
        if (!request.isEnded()) {
            leaveBody(headers, refusal);
        }
        return response.end(rendered.body()).otherwiseEmpty();
    }

    private void leaveBody(MultiMap headers, Refusal refusal) {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        boolean brief = length == null
                ? !request.headers().contains(HttpHeaders.TRANSFER_ENCODING) // none at all (RFC 9112 §6.3)
                : length.length() < 6 && length.matches("[0-9]+") && Long.parseLong(length) <= MAX_DRAINED_BYTES;
        boolean again = refusal.retryAfterSeconds().isPresent(); // the rest of the body is sent with the next attempt
        if (brief && !again && request.getHeader(HttpHeaders.EXPECT) == null) {
            request.handler(_ -> {});
        } else {
            headers.set(HttpHeaders.CONNECTION, "close");
            Closing.afterGrace(request.connection()); // the HTTP layer would wait for the end of the body
        }
        request.resume();
    }
}

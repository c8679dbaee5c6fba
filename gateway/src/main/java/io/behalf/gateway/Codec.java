package io.behalf.gateway;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Refusal;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import java.util.List;
import java.util.Optional;

/**
 * One wire protocol: turns a request into what is decided on, and cuts the answer into pieces. Never decides, never
 * writes, keeps no state between requests; {@link Reading} is the state of one answer. Thread-safe.
 */
public interface Codec {
    /** The head, before any credential is looked at: whether there is such a thing behind this route. */
    Checked<Expect> head(Head head);

    /** The whole request, after the credential. */
    Checked<Asked> read(Head head, Buffer body);

    /** The parser beside one answer. */
    Reading answerTo(Inbound call, AnswerHead upstream);

    /**
     * A refusal in the protocol's own shape.
     *
     * @param asked empty before the body was read
     */
    Rendered refuse(Note note, Optional<Asked> asked);

    /** What says "this was cut, and why" within an answer whose head is sent; empty where the protocol has no such thing. */
    Optional<Buffer> cut(Note note, Inbound call);

    /** Request headers that go on, lower case, beside those of {@link Forwarded}. */
    boolean forwards(String header);

    /** Headers of the upstream's answer that reach the agent, lower case, beside those of {@link Forwarded}. */
    boolean returns(String header);

    /** What the head promises of the body. */
    enum Expect {
        NO_BODY,
        JSON,
        ANY
    }

    /** Head of an upstream's answer. */
    record AnswerHead(int status, MultiMap headers) {
        public boolean streams() {
            String type = headers.get(Names.CONTENT_TYPE);
            return type != null && type.regionMatches(true, 0, "text/event-stream", 0, "text/event-stream".length());
        }
    }

    /** Stateful, used on one event loop. */
    interface Reading {
        List<Piece> next(Buffer chunk);

        /** Bytes that it keeps, since what they say is not whole yet. */
        long held();

        /** Answers that end with their connection still yield their last piece here; one that broke off yields none. */
        List<Piece> end();
    }

    /**
     * A refusal with what the caller may know of it.
     *
     * @param record empty where it was only counted
     */
    record Note(Refusal refusal, Optional<String> record, Optional<String> task) {}

    record Rendered(int status, String contentType, Buffer body) {}
}

package io.behalf.ledger;

/** What entries can be found by. */
public enum IndexKey {
    /** The record's own id. */
    RECORD(1),
    /** The record that an outcome, an unknown or a service's record says it belongs to. */
    OF(2),
    TASK(3),
    TRACE(4),
    /** {@code jti} of the delegation, or that a service says it was shown. */
    TOKEN(5),
    /** Of a tool call, or planned by a model's answer. */
    TOOL_CALL(6),
    /** The subject's pseudonym in a task. */
    SUBJECT(7),
    /** Current or earlier actor. */
    AGENT(8),
    /** Of a lifecycle record. */
    EVENT(9);

    /** Part of the hash in the files: never changes. */
    private final byte tag;

    IndexKey(int tag) {
        this.tag = (byte) tag;
    }

    byte tag() {
        return tag;
    }
}

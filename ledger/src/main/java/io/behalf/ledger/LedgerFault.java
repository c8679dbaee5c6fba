package io.behalf.ledger;

import org.jspecify.annotations.Nullable;

/**
 * The ledger cannot do what was asked. For an append it means: this record must be taken as not written, so nothing may be forwarded
 * and no answer finished; the caller's refusal is {@code record_unavailable}. For an opening it means: do not serve.
 *
 * <p>The message is a sentence for the operator, saying what to do where something can be done.
 */
public final class LedgerFault extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What failed. */
    public enum Code {
        // An append
        /** More records wait than the queue holds: try again. */
        BUSY,
        /** The record is no valid entry: a defect of its writer. */
        INVALID,
        /** The disk has no room for more than the outcomes of running calls. Passes when there is space. */
        NO_SPACE,
        /** The device did not answer in time. The record may still become durable. */
        TIMED_OUT,
        /** A write or force failed, so nobody knows what the disk holds. Only a restart, which recovers, helps. */
        STOPPED,
        /** The ledger was closed in good order. */
        CLOSED,

        // An opening
        /** Another process holds the data directory. */
        LOCKED,
        /** The directory or a file in it cannot be read or written. */
        UNREADABLE,
        /** The log's key is missing, or not the one that signed the checkpoint. */
        OTHER_KEY,
        /** The checkpoint is missing, damaged or of another log. */
        BAD_CHECKPOINT,
        /** The log holds fewer entries than its checkpoint or pin promises. */
        SHORTER,
        /** The log's entries are not those that its checkpoint or pin promises. */
        FORKED,
        /** The write-ahead files are damaged in a place that had been acknowledged. */
        CORRUPT
    }

    private final Code code;

    public LedgerFault(Code code, String sentence) {
        this(code, sentence, null);
    }

    public LedgerFault(Code code, String sentence, @Nullable Throwable cause) {
        super(sentence, cause);
        this.code = code;
    }

    public Code code() {
        return code;
    }
}

package io.behalf.authority;

import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The disk below the store, or another process that holds it, does not let a transaction through now. What was to be
 * written is not known to be there; nothing is answered that rests on it, and it may be tried again.
 */
public final class StoreUnavailable extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Primary codes are the lowest byte of what SQLite answers. */
    private static final int PRIMARY = 0xff;

    private StoreUnavailable(SQLiteException cause) {
        super("the store cannot be used now: " + cause.getMessage(), cause);
    }

    /** The fault as it is to be told: a defect of ours stays what it was. */
    static RuntimeException or(RuntimeException fault) {
        for (@Nullable Throwable at = fault; at != null; at = at.getCause()) {
            if (at instanceof SQLiteException sqlite && passes(sqlite.getResultCode())) {
                return new StoreUnavailable(sqlite);
            }
        }
        return fault;
    }

    private static boolean passes(SQLiteErrorCode code) {
        int primary = code.code & PRIMARY;
        return primary == SQLiteErrorCode.SQLITE_FULL.code
                || primary == SQLiteErrorCode.SQLITE_IOERR.code
                || primary == SQLiteErrorCode.SQLITE_CANTOPEN.code
                || primary == SQLiteErrorCode.SQLITE_READONLY.code
                || primary == SQLiteErrorCode.SQLITE_BUSY.code;
    }
}

package io.behalf.server;

/** What the commands end with. */
final class Exit {
    static final int FINE = 0;
    /** The answer is no: a verification failed, nobody knows the id. */
    static final int NO = 1;
    /** Usage or configuration, a busy port too. */
    static final int USAGE = 2;
    /** A dependency is unreachable. */
    static final int UNREACHABLE = 3;

    private Exit() {}
}

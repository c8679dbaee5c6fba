package io.behalf.server.kill;

import java.util.EnumSet;
import java.util.Set;

/** What the load does. */
public enum Deed {
    CHAT,
    STREAM,
    TOOL,
    SERVICE,
    REFUSED,
    START,
    START_WITH_NOBODY,
    APPROVE,
    REDEEM,
    RENEW,
    ROTATE,
    HAND_OVER,
    TAKE_OVER,
    STOP,
    END,
    LOGOUT;

    /** What goes through the gateway. */
    static final Set<Deed> CALLS = EnumSet.of(CHAT, STREAM, TOOL, SERVICE, REFUSED);
}

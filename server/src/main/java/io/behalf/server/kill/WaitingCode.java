package io.behalf.server.kill;

import io.behalf.sdk.ApprovalRequest;
import java.time.Duration;
import java.time.Instant;

/** What a person's approval brought, to be exchanged for a delegation. */
record WaitingCode(ApprovalRequest request, String code, String person, Instant since) {
    /** Within the minute that it lives, with time for a machine that is slow. */
    private static final Duration SURELY_GOOD = Duration.ofSeconds(35);

    boolean isGood() {
        return Instant.now().isBefore(since.plus(SURELY_GOOD));
    }

    @Override
    public String toString() {
        return "WaitingCode[" + since + "]"; // the code is a credential
    }
}

package io.behalf.server.kill;

import java.util.Optional;

/** What the server told somebody, and must stand by from then on, whenever it is killed. */
sealed interface Told {
    /**
     * A whole answer to a call.
     *
     * @param record the call's, as the answer names it
     * @param allowed whether the call was within its task
     */
    record Answered(String record, int status, boolean allowed) implements Told {}

    /** The beginning of an answer, whose end never came. */
    record Cut(String record) implements Told {}

    /** A delegation. */
    record Issued(String jti) implements Told {}

    /** That it has taken a service's own record. */
    record Kept(String record) implements Told {}

    /** That a task is stopped. */
    record Stopped(String task) implements Told {}

    /** That it has seen a person log out, who had this task running. */
    record LoggedOut(String task, String tokenSha256) implements Told {}

    /**
     * A request as it came to an upstream: not told, but done in the world.
     *
     * @param trace the trace id that the agent had given its call
     * @param record the call's, where the upstream is shown it
     */
    record Arrived(String trace, Optional<String> record, String path) {}
}

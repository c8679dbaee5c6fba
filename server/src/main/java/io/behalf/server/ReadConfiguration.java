package io.behalf.server;

import java.util.List;

/** What came of reading a configuration. */
sealed interface ReadConfiguration {
    record Accepted(Configuration configuration) implements ReadConfiguration {}

    /** @param problems all that were found, by line; never empty */
    record Rejected(List<Problem> problems) implements ReadConfiguration {
        public Rejected {
            problems = List.copyOf(problems);
        }
    }
}

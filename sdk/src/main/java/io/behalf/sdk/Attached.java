package io.behalf.sdk;

import java.util.Map;
import java.util.function.Function;

/** What goes with one request: its headers, or the news that the task is over. */
public sealed interface Attached {
    /** @param headers to be set on exactly the request that was named, once */
    record Headers(Map<String, String> headers) implements Attached {
        public Headers {
            headers = Map.copyOf(headers);
        }

        @Override
        public String toString() {
            return "Headers" + headers.keySet();
        }
    }

    /**
     * Nothing can be done under the task any more.
     *
     * @param error the authority's OAuth error, or {@code task_expired}, {@code delegation_expired}
     * @param description for people
     */
    record Over(String error, String description) implements Attached {}

    default <R> R fold(Function<? super Headers, ? extends R> headers, Function<? super Over, ? extends R> over) {
        if (this instanceof Headers h) {
            return headers.apply(h);
        }
        return over.apply((Over) this);
    }
}

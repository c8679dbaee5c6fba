package io.behalf.gateway;

import io.vertx.core.MultiMap;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The head of a request, as codecs see it.
 *
 * @param path below the route's prefix, as sent: without encoded slashes or dots, without {@code .} and {@code ..}
 * @param query as sent, without the question mark; empty if there is none
 */
public record Head(String method, String path, String query, MultiMap headers) {
    public Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name));
    }

    /** Whether the body claims to be JSON; a body that two readers may take for different things is decided on by none. */
    public boolean saysJson() {
        @Nullable String type = headers.get("content-type");
        if (type == null) {
            return false;
        }
        int end = type.indexOf(';');
        String media = (end < 0 ? type : type.substring(0, end)).strip();
        return media.equalsIgnoreCase("application/json")
                || (media.length() > 5 && media.regionMatches(true, media.length() - 5, "+json", 0, 5));
    }
}

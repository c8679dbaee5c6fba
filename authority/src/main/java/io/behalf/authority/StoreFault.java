package io.behalf.authority;

import org.jspecify.annotations.Nullable;

/** The authority's store is not what it must be; nothing is decided on it. */
public final class StoreFault extends RuntimeException {
    private static final long serialVersionUID = 1;

    StoreFault(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}

package io.behalf.server;

import java.net.URI;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Addresses that never leave this machine. Names are not resolved: what a name means can change. */
final class Loopback {
    private static final Set<String> HOSTS = Set.of("127.0.0.1", "::1", "[::1]", "localhost");

    private Loopback() {}

    static boolean is(@Nullable String host) {
        return host != null && HOSTS.contains(host.toLowerCase(Locale.ROOT));
    }

    static boolean is(URI address) {
        return is(address.getHost());
    }
}

package io.behalf.core.delegation;

/** What the holder of a token must prove: the token's {@code cnf} (RFC 7800). */
public sealed interface Binding {
    /** RFC 9449 §6.1: SHA-256 thumbprint (RFC 7638) of the proof key, base64url. */
    record Key(String jkt) implements Binding {
        public Key {
            requireThumbprint(jkt);
        }
    }

    /** RFC 8705 §3.1: SHA-256 thumbprint of the client certificate, base64url. */
    record Certificate(String x5tS256) implements Binding {
        public Certificate {
            requireThumbprint(x5tS256);
        }
    }

    /** Bearer: accepted only where a route allows it. */
    record Unbound() implements Binding {}

    private static void requireThumbprint(String value) {
        if (value.length() != 43 || !value.matches("[A-Za-z0-9_-]{43}")) {
            throw new IllegalArgumentException("a thumbprint is 43 base64url characters");
        }
    }
}

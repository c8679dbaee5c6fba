package io.behalf.gateway;

import io.vertx.core.http.HttpHeaders;

/** Headers that every call is asked for: a text would be hashed again for each question, these were once. */
final class Names {
    static final CharSequence HOST = HttpHeaders.HOST;
    static final CharSequence ORIGIN = HttpHeaders.ORIGIN;
    static final CharSequence EXPECT = HttpHeaders.EXPECT;
    static final CharSequence AUTHORIZATION = HttpHeaders.AUTHORIZATION;
    static final CharSequence CONTENT_TYPE = HttpHeaders.CONTENT_TYPE;
    static final CharSequence CONTENT_LENGTH = HttpHeaders.CONTENT_LENGTH;
    static final CharSequence CONTENT_ENCODING = HttpHeaders.CONTENT_ENCODING;
    static final CharSequence TRANSFER_ENCODING = HttpHeaders.TRANSFER_ENCODING;
    static final CharSequence TRACEPARENT = HttpHeaders.createOptimized("traceparent");
    static final CharSequence DPOP = HttpHeaders.createOptimized("dpop");
    static final CharSequence DELEGATION = HttpHeaders.createOptimized("x-behalf-delegation");
    static final CharSequence RECORD = HttpHeaders.createOptimized("Behalf-Record");
    static final CharSequence TASK = HttpHeaders.createOptimized("Behalf-Task");
    static final CharSequence MCP_SESSION = HttpHeaders.createOptimized("mcp-session-id");

    private Names() {}

    static CharSequence of(String name) {
        return HttpHeaders.createOptimized(name);
    }
}

package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;

/** A request as the flow sees it: whole, bounded, and read by its codec. {@code body} is what goes on, byte for byte. */
public record Inbound(Route route, Head head, Buffer body, Asked asked) {}

package io.behalf.gateway;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.ScheduledFuture;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.impl.ConnectionBase;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Ends connections, whatever their peers do. The HTTP layer's own close waits until all that was written is on its way, which
 * a peer that reads nothing puts off for as long as it likes, and its place and its file with it. On the connection's event
 * loop.
 */
public final class Closing {
    /** For the rest of what was written. */
    public static final Duration GRACE = Duration.ofSeconds(1);

    private static final AttributeKey<Boolean> BEGUN = AttributeKey.valueOf(Closing.class, "begun");

    private Closing() {}

    /** Once what was written is on its way, and without it when the grace is over. */
    public static void soon(HttpConnection connection) {
        connection.close();
        ChannelHandlerContext wire = wire(connection);
        Channel channel = wire.channel();
        // whoever goes on asking on a connection that closes is not another reason for a timer
        if (channel.isOpen() && channel.attr(BEGUN).setIfAbsent(true) == null) {
            ScheduledFuture<?> late =
                    channel.eventLoop().schedule(() -> end(wire), GRACE.toMillis(), TimeUnit.MILLISECONDS);
            channel.closeFuture().addListener(_ -> late.cancel(false));
        }
    }

    /** Of whoever was refused while still sending: reset at once, it would not come to read why (RFC 9112 §9.6). */
    public static void afterGrace(HttpConnection connection) {
        Channel channel = wire(connection).channel();
        if (channel.isOpen()) {
            ScheduledFuture<?> over =
                    channel.eventLoop().schedule(() -> soon(connection), GRACE.toMillis(), TimeUnit.MILLISECONDS);
            channel.closeFuture().addListener(_ -> over.cancel(false));
        }
    }

    /** When this returns, its file is free. */
    static void now(HttpConnection connection) {
        end(wire(connection));
    }

    private static void end(ChannelHandlerContext wire) {
        ChannelOutboundBuffer unsent = wire.channel().unsafe().outboundBuffer();
        if (unsent != null && unsent.totalPendingWriteBytes() > 0) {
            // reset: the kernel keeps nothing for a peer that does not take it, which is told that this was not the end
            wire.channel().config().setOption(ChannelOption.SO_LINGER, 0);
        }
        var _ = wire.close(); // from there on it passes nobody who would wait
    }

    static ChannelHandlerContext wire(HttpConnection connection) {
        return ((ConnectionBase) connection).channelHandlerContext(); // the HTTP layer itself gives no way to it
    }
}

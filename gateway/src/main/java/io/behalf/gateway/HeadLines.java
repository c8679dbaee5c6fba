package io.behalf.gateway;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequestDecoder;

/**
 * Cuts off whoever sends a head of more lines than one may have before it is whole: each line of it is kept as an object of
 * twenty times its bytes, and a head that never ends is turned away by nobody else. What is whole is counted at the
 * {@link Door}. Of one connection, on its event loop.
 */
final class HeadLines extends ChannelInboundHandlerAdapter {
    /** More than the door lets in, as a portion may end anywhere. */
    static final int MOST = 2 * Door.MAX_HEADERS;

    private int lines;
    private boolean decoded;

    private HeadLines() {}

    static void watch(ChannelPipeline pipeline) {
        String decoder = pipeline.context(HttpRequestDecoder.class).name();
        HeadLines counting = new HeadLines();
        pipeline.addBefore(decoder, "head-lines", counting);
        pipeline.addAfter(decoder, "head-decoded", counting.new Decoded());
    }

    @Override
    public void channelRead(ChannelHandlerContext wire, Object portion) {
        int more = portion instanceof ByteBuf bytes ? lineEnds(bytes) : 0;
        decoded = false;
        wire.fireChannelRead(portion);
        lines = decoded ? 0 : lines + more;
        if (lines > MOST) {
            var _ = wire.close(); // nobody waits for it
        }
    }

    private static int lineEnds(ByteBuf bytes) {
        int ends = 0;
        int end = bytes.writerIndex();
        for (int at = bytes.indexOf(bytes.readerIndex(), end, (byte) '\n');
                at >= 0;
                at = bytes.indexOf(at + 1, end, (byte) '\n')) {
            ends++;
        }
        return ends;
    }

    /** A head, or a part of a body, came of what was read: it is no head that never ends. */
    private final class Decoded extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext wire, Object message) {
            decoded |= message instanceof HttpObject;
            wire.fireChannelRead(message);
        }
    }
}

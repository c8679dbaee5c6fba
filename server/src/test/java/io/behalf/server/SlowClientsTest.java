package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.UnixOperatingSystemMXBean;
import io.behalf.gateway.Connections;
import io.behalf.sdk.RunningTask;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The bounds themselves stand in the gateway's tests; here, that the server has them. */
@Isolated("takes many of the ports that others look for")
class SlowClientsTest {
    private static final long PLENTY = 1L << 40;

    @Test
    void aThousandHeadsThatNeverEndShutNobodyOut(@TempDir Path folder) throws IOException {
        try (RunningServer running = RunningServer.in(folder)) {
            RunningTask task = running.task(running.agent("patient"), "alice", "tickets:read");
            List<Socket> slow = new ArrayList<>();
            try (task) {
                int port = running.base().getPort();
                for (int i = 0; i < Math.min(1_000, files() / 4); i++) {
                    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
                    slow.add(socket);
                    write(socket, i % 2 == 0 ? "GET /health/live HTTP/1.1\r\nX-Slow: " : "POST /llm/openai/v1/");
                }
                assertThat(running.send(running.request("GET", Health.LIVE, "")).statusCode())
                        .isEqualTo(200);
                assertThat(running.call(task, "GET", "/http/tickets/tickets/t-101", "")
                                .statusCode())
                        .isEqualTo(200);
            } finally {
                for (Socket socket : slow) {
                    socket.close();
                }
            }
        }
    }

    @Test
    @Timeout(60)
    void theOwnersSocketHasPlacesForAFewAndMakesRoomForTheNext(@TempDir Path folder) throws IOException {
        try (RunningServer running = RunningServer.in(folder)) {
            int asked = 2 * Server.OWNERS.most();
            Path address = running.data().socket(Map.of());
            List<SocketChannel> silent = new ArrayList<>();
            try {
                for (int i = 0; i < asked; i++) {
                    silent.add(SocketChannel.open(UnixDomainSocketAddress.of(address)));
                }
                assertThat(live(address)).startsWith("HTTP/1.1 200");
                for (SocketChannel one : silent.subList(0, asked - Server.OWNERS.most())) {
                    assertThat(one.read(ByteBuffer.allocate(1))).isNegative();
                }
            } finally {
                for (SocketChannel one : silent) {
                    one.close();
                }
            }
        }
    }

    private static String live(Path address) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(address))) {
            String request = "GET " + Health.LIVE + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
            return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void thereAreNoMoreConnectionsThanFilesForThemAndTheirUpstreams() {
        for (int loops = 1; loops <= Server.MAX_LOOPS; loops++) {
            int needed = FrontDoor.OTHER_FILES + loops * FrontDoor.FILES_EACH * FrontDoor.FEWEST;
            for (long files : List.of((long) needed, 4_096L, 20_000L, 1L << 20, Long.MAX_VALUE)) {
                int most = FrontDoor.limits(loops, files, PLENTY).most();
                assertThat(most).isBetween(FrontDoor.FEWEST, Connections.Limits.MOST);
                assertThat(FrontDoor.OTHER_FILES + (long) loops * FrontDoor.FILES_EACH * most)
                        .isLessThanOrEqualTo(files);
            }
        }
        assertThat(FrontDoor.limits(8, 1L << 20, PLENTY).most()).isEqualTo(Connections.Limits.MOST);
    }

    @Test
    void thereAreNoMoreConnectionsThanTheHeapHoldsHalfSentHeadsOf() {
        long files = 1L << 20;
        assertThat(FrontDoor.limits(2, files, 256L << 20).most()).isEqualTo(256);
        assertThat(FrontDoor.limits(2, files, 1L << 30).most()).isEqualTo(1_024);
        assertThat(FrontDoor.limits(2, files, 1L << 20).most()).isEqualTo(FrontDoor.FEWEST);
    }

    @Test
    void withTooFewFilesItSaysWhichLimitToRaiseAndHow() {
        for (int loops = 1; loops <= Server.MAX_LOOPS; loops++) {
            int processors = loops;
            int needed = FrontDoor.OTHER_FILES + loops * FrontDoor.FILES_EACH * FrontDoor.FEWEST;
            for (long files : List.of(0L, 256L, needed - 1L)) {
                assertThatThrownBy(() -> FrontDoor.limits(processors, files, PLENTY))
                        .isInstanceOf(CommandFailed.class)
                        .hasMessageContainingAll(
                                "may open " + files + " files", "ulimit -n " + needed, "LimitNOFILE=" + needed)
                        .extracting(failed -> ((CommandFailed) failed).exit())
                        .isEqualTo(Exit.USAGE);
            }
        }
    }

    private static void write(Socket socket, String part) {
        try {
            socket.getOutputStream().write(part.getBytes(StandardCharsets.US_ASCII));
        } catch (IOException closed) {
            // it made room for another
        }
    }

    private static long files() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean unix
                ? unix.getMaxFileDescriptorCount()
                : 1_024;
    }
}

package io.behalf.gateway;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** An upstream that sends exactly the bytes it is given: what no HTTP server would let a test do. */
final class RawUpstream implements Closeable {
    private final ServerSocket listening;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final List<String> received = new CopyOnWriteArrayList<>();
    private volatile Script script = (_, _) -> {};

    /** What is done with a connection on which requests come; it is closed when this ends. */
    interface Script {
        void serve(Exchange exchange, int connection) throws IOException, InterruptedException;
    }

    RawUpstream() throws IOException {
        listening = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    void serves(Script next) {
        script = next;
    }

    /** Answers each request of each connection with these bytes. */
    void answers(String bytes) {
        serves((exchange, _) -> {
            while (exchange.request()) {
                exchange.send(bytes);
            }
        });
    }

    Route behind(Route route) {
        return behind(route, URI.create("http://127.0.0.1:" + listening.getLocalPort()));
    }

    static Route behind(Route route, URI there) {
        return new Route(
                route.name(),
                route.kind(),
                route.service(),
                URI.create(there + route.upstream().getRawPath()),
                route.mode(),
                route.credential(),
                route.allowUnbound(),
                route.regulated(),
                route.maxRequestBytes(),
                route.requestHeaders(),
                route.answerTimeout(),
                route.idleTimeout());
    }

    /** Heads and bodies of whole requests. */
    List<String> received() {
        return List.copyOf(received);
    }

    private void accept() {
        for (int number = 0; ; number++) {
            Socket socket;
            try {
                socket = listening.accept();
            } catch (IOException closed) {
                return;
            }
            open.add(socket);
            int connection = number;
            Thread.ofVirtual().start(() -> serve(socket, connection));
        }
    }

    private void serve(Socket socket, int connection) {
        try (socket) {
            script.serve(new Exchange(socket), connection);
        } catch (IOException gone) {
            // the gateway broke the wire
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } finally {
            open.remove(socket);
        }
    }

    @Override
    public void close() throws IOException {
        listening.close();
        for (Socket socket : open) {
            socket.close();
        }
    }

    /** One connection. */
    final class Exchange {
        private final Socket socket;
        private final InputStream in;
        private final OutputStream out;

        private Exchange(Socket socket) throws IOException {
            this.socket = socket;
            this.in = new BufferedInputStream(socket.getInputStream());
            this.out = socket.getOutputStream();
            socket.setTcpNoDelay(true);
        }

        /** Reads the next request whole; false where the connection ends instead. */
        boolean request() throws IOException {
            StringBuilder request = new StringBuilder();
            while (request.indexOf("\r\n\r\n") < 0) {
                int next = in.read();
                if (next < 0) {
                    return false;
                }
                request.append((char) next);
            }
            int length = request.indexOf("content-length: ");
            if (length > 0) {
                int bytes = Integer.parseInt(request.substring(length + 16, request.indexOf("\r", length)));
                request.append(new String(in.readNBytes(bytes), StandardCharsets.UTF_8));
            }
            received.add(request.toString());
            return true;
        }

        void send(String bytes) throws IOException {
            out.write(bytes.getBytes(StandardCharsets.UTF_8));
        }

        /** Tears the connection down, so that the other side is told at once. */
        void reset() throws IOException {
            socket.setSoLinger(true, 0);
            socket.close();
        }

        /** Says nothing more until the gateway gives up. */
        void hang() throws IOException {
            while (in.read() >= 0) {
                // nothing comes but the end
            }
        }
    }
}

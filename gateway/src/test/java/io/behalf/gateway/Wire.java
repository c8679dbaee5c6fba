package io.behalf.gateway;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** A connection that sends exactly the bytes it is given: what a well-behaved client library would not let a test do. */
final class Wire implements Closeable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Socket socket;
    private final InputStream in;

    Wire(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout((int) PATIENCE.toMillis());
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream());
    }

    /** A whole answer. {@code cut} if it broke off before its end. */
    record Answer(int status, Map<String, List<String>> headers, String body, boolean cut) {
        Optional<String> header(String name) {
            return headers.getOrDefault(name.toLowerCase(Locale.ROOT), List.of()).stream()
                    .findFirst();
        }

        List<String> all(String name) {
            return headers.getOrDefault(name.toLowerCase(Locale.ROOT), List.of());
        }

        Map<?, ?> json() {
            return Fields.objectOrNothing(body.getBytes(StandardCharsets.UTF_8));
        }
    }

    Wire send(String bytes) throws IOException {
        socket.getOutputStream().write(bytes.getBytes(StandardCharsets.UTF_8));
        socket.getOutputStream().flush();
        return this;
    }

    Answer receive() throws IOException {
        Head head = head();
        return withBody(new Answer(head.status, head.headers, "", false), this);
    }

    /** Whether nothing comes for a moment. */
    boolean quiet() throws IOException {
        socket.setSoTimeout(150);
        try {
            if (in.read() >= 0) {
                throw new IOException("a byte came");
            }
            return false;
        } catch (SocketTimeoutException nothing) {
            return true;
        } finally {
            socket.setSoTimeout((int) PATIENCE.toMillis());
        }
    }

    /** Whether the other side ends the connection, with nothing more to say. */
    boolean closed() {
        try {
            return in.read() < 0;
        } catch (SocketTimeoutException open) {
            return false;
        } catch (IOException reset) {
            return true;
        }
    }

    record Head(int status, Map<String, List<String>> headers) {}

    /** The next head; of a provisional answer, too. */
    Head head() throws IOException {
        String status = line();
        if (status.isEmpty()) {
            throw new IOException("closed without an answer");
        }
        Map<String, List<String>> headers = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.computeIfAbsent(line.substring(0, colon).toLowerCase(Locale.ROOT), _ -> new ArrayList<>())
                    .add(line.substring(colon + 1).strip());
        }
        return new Head(Integer.parseInt(status.split(" ", -1)[1]), headers);
    }

    /** The next chunk of a chunked body; empty at its end. */
    byte[] chunk() throws IOException {
        String size = line();
        if (size.isEmpty()) {
            throw new IOException("broke off");
        }
        int length = Integer.parseInt(size, 16);
        byte[] chunk = in.readNBytes(length);
        if (chunk.length < length) {
            throw new IOException("broke off");
        }
        line();
        return chunk;
    }

    /** The rest of a chunked body. */
    String untilEnd() throws IOException {
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        for (byte[] chunk = chunk(); chunk.length > 0; chunk = chunk()) {
            rest.writeBytes(chunk);
        }
        return rest.toString(StandardCharsets.UTF_8);
    }

    private byte[] exactly(int length) throws IOException {
        return in.readNBytes(length);
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
            if (b != '\r') {
                line.write(b);
            }
        }
        return line.toString(StandardCharsets.UTF_8);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    static Answer withBody(Answer head, Wire wire) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        boolean cut = false;
        if (head.header("transfer-encoding").isPresent()) {
            try {
                for (byte[] chunk = wire.chunk(); chunk.length > 0; chunk = wire.chunk()) {
                    body.writeBytes(chunk);
                }
            } catch (IOException e) {
                cut = true;
            }
        } else {
            int length = head.header("content-length").map(Integer::parseInt).orElse(0);
            body.writeBytes(wire.exactly(length));
            cut = body.size() < length;
        }
        return new Answer(head.status(), head.headers(), body.toString(StandardCharsets.UTF_8), cut);
    }
}

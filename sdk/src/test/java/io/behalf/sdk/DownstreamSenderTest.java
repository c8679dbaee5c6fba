package io.behalf.sdk;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordDecoder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class DownstreamSenderTest {
    private static final Downstream RECORD = new Downstream(
            new Header(
                    "rec_01KAW7Z5Q0E8XJ5N4M3C2B1A77",
                    Instant.parse("2026-11-24T09:00:00Z"),
                    "tickets",
                    Optional.empty(),
                    Optional.empty(),
                    List.of("ticket-agent"),
                    Optional.empty(),
                    Optional.empty(),
                    false),
            Optional.empty(),
            Optional.empty(),
            Optional.empty(),
            new ServiceSigned("tickets", 1, Optional.empty(), "k1", "AA", "dlg_01KAW7Z5Q0E8XJ5N4M3C2B1A00"));

    private final List<byte[]> received = new ArrayList<>();
    private HttpServer server;
    private DownstreamSender sender;
    private int status = 201;
    private String answer = "{\"record\":\"rec_01KAW7Z5Q0E8XJ5N4M3C2B1A99\"}";

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/api/v1/downstream", exchange -> {
            try (exchange) {
                received.add(exchange.getRequestBody().readAllBytes());
                byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(status, bytes.length);
                exchange.getResponseBody().write(bytes);
            }
        });
        server.start();
        sender = new DownstreamSender(
                URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/"));
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void sendsTheRecordsOwnBytesAndSaysWhereItStands() throws Exception {
        assertThat(sender.send(RECORD)).isEqualTo(new Answer.Granted<>("rec_01KAW7Z5Q0E8XJ5N4M3C2B1A99"));
        assertThat(received).hasSize(1);
        assertThat(RecordDecoder.decode(received.get(0)).record()).isEqualTo(RECORD);
    }

    @Test
    void tellsWhyTheServerTookItNot() {
        status = 409;
        answer = "{\"reason\":\"request_malformed\",\"detail\":\"seq 2 was expected\"}";
        assertThat(sender.send(RECORD)).isEqualTo(new Answer.Denied<>("request_malformed", "seq 2 was expected", 409));
        answer = "<html>";
        assertThat(sender.send(RECORD)).isEqualTo(new Answer.Denied<>("http_409", "", 409));
        status = 200;
        assertThat(sender.send(RECORD)).isInstanceOf(Answer.NoAnswer.class);
        server.stop(0);
        assertThat(sender.send(RECORD)).isInstanceOf(Answer.NoAnswer.class);
    }
}

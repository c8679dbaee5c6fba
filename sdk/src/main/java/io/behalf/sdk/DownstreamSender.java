package io.behalf.sdk;

import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/**
 * Sends a service's own signed records to the server that keeps the ledger, {@code POST /api/v1/downstream}. The record's
 * signature is its authentication. Thread-safe; blocks.
 */
public final class DownstreamSender {
    public static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final int MAX_ANSWER_BYTES = 16 * 1024;

    private final URI address;
    private final HttpClient http;

    /** @param server base address of the server */
    public DownstreamSender(URI server) {
        this.address = URI.create(server.toString().replaceFirst("/$", "") + "/api/v1/downstream");
        this.http = HttpClient.newBuilder()
                .connectTimeout(TIMEOUT)
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
    }

    /** The id under which the ledger holds it. Records of one service are sent in their order. */
    public Answer<String> send(Downstream record) {
        CanonicalWriter out = new CanonicalWriter();
        RecordEncoder.encode(record, 0, null, out);
        HttpRequest request = HttpRequest.newBuilder(address)
                .timeout(TIMEOUT)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofByteArray(out.toByteArray()))
                .build();
        try {
            HttpResponse<InputStream> response = http.send(request, HttpResponse.BodyHandlers.ofInputStream());
            try (InputStream body = response.body()) {
                return read(response.statusCode(), body.readNBytes(MAX_ANSWER_BYTES));
            }
        } catch (IOException e) {
            return new Answer.NoAnswer<>(
                    "the server could not be reached: " + e.getClass().getSimpleName());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer.NoAnswer<>("interrupted while waiting for the server");
        }
    }

    /** RFC 9457 for a "no". */
    private static Answer<String> read(int status, byte[] body) {
        try {
            var json = Json.readObject(body);
            if (status / 100 == 2) {
                return json.get("record") instanceof String id
                        ? new Answer.Granted<>(id)
                        : new Answer.NoAnswer<>("the answer names no record");
            }
            return new Answer.Denied<>(
                    json.get("reason") instanceof String reason ? reason : "http_" + status,
                    json.get("detail") instanceof String detail ? detail : "",
                    status);
        } catch (Json.Malformed e) {
            return status / 100 == 2
                    ? new Answer.NoAnswer<>("the answer is no JSON object")
                    : new Answer.Denied<>("http_" + status, "", status);
        }
    }
}

package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;

class LongFormsTest {
    /** What the authority takes as authorization_details. */
    private static final int LENGTH = 32 << 10;

    @Test
    void aPageIsHandedAFormValueAsLongAsTheAuthorityTakesOne() throws Exception {
        Vertx vertx = Vertx.vertx();
        try (HttpClient client = HttpClient.newHttpClient()) {
            HttpServer server = Gateway.server(
                            vertx, new Connections(vertx, Connections.Limits.of(8)), LongFormsTest::echo)
                    .listen(0, "127.0.0.1")
                    .await();
            HttpResponse<String> answer = client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.actualPort() + "/oauth/token"))
                            .header("Content-Type", "application/x-www-form-urlencoded")
                            .POST(HttpRequest.BodyPublishers.ofString("value=" + "x".repeat(LENGTH)))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(answer.body()).isEqualTo("x".repeat(LENGTH));
        } finally {
            vertx.close().await();
        }
    }

    private static void echo(HttpServerRequest request) {
        request.setExpectMultipart(true)
                .endHandler(_ -> request.response().end(String.valueOf(request.getFormAttribute("value"))));
    }
}

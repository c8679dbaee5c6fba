package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class HttpTest {
    /** Deep input can exhaust a stack: were its place lost, so many of them would close the endpoint for ever. */
    @Test
    void anEndpointThatBreaksDownLeavesItsPlace() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        Vertx vertx = Vertx.vertx();
        try (Http http = new Http("cookie");
                HttpClient client = HttpClient.newHttpClient()) {
            Router router = Router.router(vertx);
            http.postApart(router, "/", "/", _ -> {
                if (calls.incrementAndGet() <= 2 * Http.MAX_RUNNING_APART) {
                    throw new StackOverflowError();
                }
                return Reply.json(200, Map.of());
            });
            var server = vertx.createHttpServer()
                    .requestHandler(router)
                    .listen(0, "127.0.0.1")
                    .await();
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.actualPort() + "/"))
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .POST(BodyPublishers.ofString("a=b"))
                    .build();
            for (int i = 0; i < 2 * Http.MAX_RUNNING_APART; i++) {
                HttpResponse<String> broken = client.send(request, BodyHandlers.ofString());
                assertThat(broken.statusCode()).isEqualTo(500);
                assertThat(broken.body()).contains("server_error");
            }
            assertThat(client.send(request, BodyHandlers.ofString()).statusCode())
                    .isEqualTo(200);
        } finally {
            vertx.close().await();
        }
    }
}

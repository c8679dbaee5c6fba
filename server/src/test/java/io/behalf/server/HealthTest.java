package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.ledger.LedgerFault;
import io.vertx.core.Vertx;
import io.vertx.ext.web.Router;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class HealthTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    private final Vertx vertx = Vertx.vertx();
    private final HttpClient http = HttpClient.newHttpClient();
    private final AtomicInteger questions = new AtomicInteger();
    private volatile Health.State state = Health.State.READY;
    private volatile CompletableFuture<Void> ledger = CompletableFuture.completedFuture(null);
    private URI base;

    @BeforeEach
    void listen() throws Exception {
        Router router = Router.router(vertx);
        new Health(() -> state, () -> false, () -> {
                    questions.incrementAndGet();
                    return ledger;
                })
                .mount(router);
        var server = vertx.createHttpServer()
                .requestHandler(router)
                .listen(0, "127.0.0.1")
                .toCompletionStage()
                .toCompletableFuture()
                .get(SOON.toSeconds(), TimeUnit.SECONDS);
        base = URI.create("http://127.0.0.1:" + server.actualPort());
    }

    @AfterEach
    void close() throws Exception {
        http.close();
        vertx.close().toCompletionStage().toCompletableFuture().get(SOON.toSeconds(), TimeUnit.SECONDS);
    }

    @Test
    void isReadyWhileTheLedgerWouldTakeARecord() throws Exception {
        assertAnswer(200, "{\"status\":\"ready\"}");
    }

    @Test
    void saysWhyTheLedgerWouldNotTakeOneAndIsReadyAgainAfterwards() throws Exception {
        ledger = CompletableFuture.failedFuture(new LedgerFault(LedgerFault.Code.NO_SPACE, "make space"));

        assertAnswer(503, "{\"detail\":\"make space\",\"status\":\"record_unavailable\"}");

        ledger = CompletableFuture.completedFuture(null);
        assertAnswer(200, "{\"status\":\"ready\"}");
    }

    /** However often it is asked meanwhile, the ledger is asked once. */
    @Test
    void doesNotHangWithTheDisk() throws Exception {
        ledger = new CompletableFuture<>();
        for (int i = 0; i < 3; i++) {
            assertAnswer(503, "{\"detail\":\"the disk does not answer\",\"status\":\"record_unavailable\"}");
        }
        assertThat(questions).hasValue(1);

        ledger.complete(null);
        assertAnswer(200, "{\"status\":\"ready\"}");
    }

    @Test
    void isNotReadyWhileItDrainsOrOnceTheLedgerHasStopped() throws Exception {
        state = Health.State.DRAINING;
        assertAnswer(503, "{\"status\":\"draining\"}");
        state = Health.State.LEDGER_STOPPED;
        assertAnswer(503, "{\"status\":\"ledger stopped\"}");
    }

    private void assertAnswer(int status, String body) throws Exception {
        HttpResponse<String> answer = http.send(
                HttpRequest.newBuilder(base.resolve(Health.READY)).timeout(SOON).build(), BodyHandlers.ofString());
        assertThat(answer.body()).isEqualTo(body);
        assertThat(answer.statusCode()).isEqualTo(status);
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.IndexKey;
import io.behalf.ledger.LedgerSettings;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a server tells while its ledger's index cannot follow: that it is so, and nothing that may be half the truth. */
class IndexBehindTest {
    private static final Duration SOON = Duration.ofSeconds(30);

    private Path bundle;
    private Path away;
    private Wiring wiring;
    private EmbeddedLedger ledger;
    private WrittenTask task;

    @BeforeEach
    void loseABundle(@TempDir Path folder) throws IOException {
        LedgerSettings settings = LedgerSettings.in(folder.resolve("data")).withOrigin("behalf.test/behind");
        try (EmbeddedLedger written = EmbeddedLedger.open(settings)) {
            for (int i = 0; i < 20; i++) {
                new WrittenTask(written, i).whole();
            }
            task = new WrittenTask(written, 20);
            task.whole();
        }
        bundle = settings.directory().resolve("tile/entries/000");
        away = folder.resolve("away");
        Files.move(bundle, away);
        try (var files = Files.list(folder.resolve("data/index/main"))) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        wiring = new Wiring(folder.resolve("people"));
        ledger = EmbeddedLedger.open(settings);
    }

    @AfterEach
    void close() {
        ledger.close();
        wiring.close();
    }

    @Test
    void aSearchSaysThatItCannotBeCompleteUntilItCan() throws Exception {
        var stories = new Stories(ledger, wiring.authority().identities(), "test-node", wiring.clock);

        assertThatThrownBy(() -> stories.find(IndexKey.TASK, task.task.value(), "somebody"))
                .isInstanceOf(Stories.Unavailable.class)
                .hasMessageContaining("The ledger's index is behind, because its disk fails");

        Files.move(away, bundle);
        awaitCaughtUp();
        assertThat(stories.find(IndexKey.TASK, task.task.value(), "somebody")).hasSize(1);
    }

    /** A stop matters more than what is told: it asks neither the index nor the stories. */
    @Test
    void aPersonIsStoppedByTheirNameAllTheSame() throws Exception {
        String running = wiring.task("alice").delegation().taskId().value();
        try (var api = new OwnersApi(wiring.authority(), ledger, wiring.clock)) {
            HttpResponse<String> list = api.get("/tasks?user=alice@example.test");
            assertThat(list.statusCode()).isEqualTo(503);
            assertThat(list.body()).contains("The ledger's index is behind, because its disk fails");

            HttpResponse<String> stop = api.revoke(Map.of("user", "alice@example.test", "reason", "test"));

            assertThat(stop.statusCode()).as(stop.body()).isEqualTo(200);
            assertThat(stop.body()).contains("\"tasks\":[\"" + running + "\"]");
        }
    }

    /** Calls can be recorded all the same. */
    @Test
    void healthNamesItAndStaysReady() throws Exception {
        Vertx vertx = Vertx.vertx();
        try (var http = HttpClient.newHttpClient()) {
            assertThat(ledger.index().await(ledger.checkpoint().size(), SOON)).isFalse();
            Router router = Router.router(vertx);
            new Health(() -> Health.State.READY, () -> ledger.index().behind().isPresent(), ledger::ready)
                    .mount(router);
            HttpServer server =
                    Wiring.await(vertx.createHttpServer().requestHandler(router).listen(0, "127.0.0.1"));
            HttpRequest ready = HttpRequest.newBuilder(
                            URI.create("http://127.0.0.1:" + server.actualPort() + Health.READY))
                    .build();

            HttpResponse<String> behind = http.send(ready, HttpResponse.BodyHandlers.ofString());
            assertThat(behind.statusCode()).isEqualTo(200);
            assertThat(behind.body()).isEqualTo("{\"index\":\"behind\",\"status\":\"ready\"}");

            Files.move(away, bundle);
            awaitCaughtUp();
            assertThat(http.send(ready, HttpResponse.BodyHandlers.ofString()).body())
                    .isEqualTo("{\"status\":\"ready\"}");
        } finally {
            Wiring.await(vertx.close());
        }
    }

    private void awaitCaughtUp() throws InterruptedException {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!ledger.index().await(ledger.checkpoint().size(), SOON)
                || ledger.index().behind().isPresent()) {
            assertThat(System.nanoTime()).as("the index catches up").isLessThan(deadline);
            Thread.sleep(20);
        }
    }
}

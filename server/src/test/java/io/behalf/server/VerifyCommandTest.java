package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.behalf.core.json.Json;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifyCommandTest {
    private static final String OTHER_KEY = "behalf.test/other+f1e2f93f+Ac0Wp9hYdyN8wjQgOAxWzdYw3sJAIL8jY4tGy6y/8XJX";

    @TempDir
    private Path data;

    private Path ledger;
    private WrittenTask task;
    private String key;

    @BeforeEach
    void write() throws IOException {
        try (EmbeddedLedger open = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/verify"))) {
            task = new WrittenTask(open, 1);
            task.whole();
            key = open.verifierKey().vkey();
        }
        ledger = data.resolve("ledger").resolve("main");
    }

    @Test
    void callsALedgerConsistentWhoseKeyIsItsOwn() {
        CommandRun run = CommandRun.of("verify", ledger);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains("consistent, size " + task.ids().size()).contains("behalf.test/verify");
    }

    @Test
    void callsALedgerAuthenticWhoseKeyWasKnownBefore() {
        CommandRun run = CommandRun.of("verify", ledger, "--key", key);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains("authentic, size " + task.ids().size());
    }

    @Test
    void saysNoUnderAnotherKey(@TempDir Path elsewhere) {
        String other;
        try (EmbeddedLedger open =
                EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin("behalf.test/verify"))) {
            other = open.verifierKey().vkey();
        }
        CommandRun run = CommandRun.of("verify", ledger, "--key", other);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("NOT AS SIGNED").contains("vkey");
    }

    @Test
    void verifiesEveryLedgerOfADataDirectory() {
        EmbeddedLedger.open(LedgerSettings.in(data).withLog("other").withOrigin("behalf.test/other"))
                .close();
        CommandRun run = CommandRun.of("verify", data);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains("behalf.test/verify").contains("behalf.test/other");
    }

    @Test
    void namesTheRecordThatWasChanged() throws IOException {
        alter("customers.get", "customers.cat");

        CommandRun run = CommandRun.of("verify", data);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out())
                .contains("NOT AS SIGNED")
                .contains("record   " + task.id(6))
                .contains("file     tile/entries/000.p/" + task.ids().size());
    }

    @Test
    void namesItInJsonToo() throws IOException, Json.Malformed {
        alter("customers.get", "customers.cat");

        CommandRun run = CommandRun.of("verify", data, "--json");

        assertThat(run.exit()).isEqualTo(Exit.NO);
        Map<String, ?> facts = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(facts.get("sound")).isEqualTo(false);
        assertThat(facts.get("finding"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("record", task.id(6));
    }

    @Test
    void namesTheFileThatIsMissing() throws IOException {
        Files.delete(ledger.resolve("checkpoint"));
        CommandRun run = CommandRun.of("verify", data);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("file     checkpoint").contains("the file is missing");
    }

    @Test
    void theTaskItselfShowsTheEdit() throws IOException {
        alter("customers.get", "customers.cat");
        CommandRun run = CommandRun.of("task", task.task, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("BROKEN at " + task.id(7));
    }

    @Test
    void verifiesALedgerAtAnAddress() throws IOException {
        HttpServer server = serve(ledger);
        try {
            String url = "http://127.0.0.1:" + server.getAddress().getPort() + "/ledger/main";
            assertThat(CommandRun.of("verify", url).out())
                    .contains("consistent, size " + task.ids().size());
            assertThat(CommandRun.of("verify", url, "--key", key).out()).contains("authentic");
            alter("customers.get", "customers.cat");
            CommandRun altered = CommandRun.of("verify", url, "--key", key);
            assertThat(altered.exit()).isEqualTo(Exit.NO);
            assertThat(altered.out()).contains(task.id(6));
        } finally {
            server.stop(0);
        }
    }

    @Test
    void saysThatAnAddressDoesNotAnswer() throws IOException {
        HttpServer server = serve(ledger);
        int port = server.getAddress().getPort();
        server.stop(0);
        assertThat(CommandRun.of("verify", "http://127.0.0.1:" + port + "/ledger/main")
                        .exit())
                .isEqualTo(Exit.UNREACHABLE);
    }

    @Test
    void wantsALedgerAndAProperKey() {
        assertThat(CommandRun.of("verify").exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("verify", data.resolve("nowhere")).exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("verify", ledger, "--key", "nonsense").exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("verify", ledger, "--key", OTHER_KEY).exit()).isEqualTo(Exit.USAGE);
    }

    /** An administrator edits a record on the disk. */
    private void alter(String from, String to) throws IOException {
        Path bundle = ledger.resolve("tile/entries/000.p/" + task.ids().size());
        String bytes = Files.readString(bundle, StandardCharsets.ISO_8859_1);
        assertThat(bytes).contains(from);
        Files.write(bundle, bytes.replaceFirst(from, to).getBytes(StandardCharsets.ISO_8859_1));
    }

    private static HttpServer serve(Path folder) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/ledger/main/", exchange -> {
            Path file = folder.resolve(exchange.getRequestURI().getPath().substring("/ledger/main/".length()));
            try (exchange) {
                if (!Files.isRegularFile(file)) {
                    exchange.sendResponseHeaders(404, -1);
                    return;
                }
                byte[] bytes = Files.readAllBytes(file);
                exchange.sendResponseHeaders(200, bytes.length);
                exchange.getResponseBody().write(bytes);
            }
        });
        server.start();
        return server;
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** {@code behalf verify URL}, of ledgers whose server is honest, slow, greedy or somebody else. */
class VerifyAddressTest {
    private static final String TOKEN = "a-token-of-thirty-two-characters-or-more";
    private static final String PATH = "/ledger/main/";

    @TempDir
    private Path data;

    @TempDir
    private Path elsewhere;

    private final List<String> asked = new CopyOnWriteArrayList<>();
    private final CountDownLatch over = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private Path ledger;
    private WrittenTask task;
    private String key;
    private HttpServer server;
    private String url;

    /** Whoever asks must show it, where there is one. */
    private Optional<String> token = Optional.empty();

    @BeforeEach
    void serve() throws IOException {
        try (EmbeddedLedger open = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/verify"))) {
            task = new WrittenTask(open, 1);
            task.whole();
            key = open.verifierKey().vkey();
        }
        ledger = data.resolve("ledger").resolve("main");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext(PATH, this::answer);
        server.start();
        url = "http://127.0.0.1:" + server.getAddress().getPort() + PATH;
    }

    @AfterEach
    void stop() {
        over.countDown();
        server.stop(0);
        threads.shutdownNow();
    }

    @Test
    void verifiesWhatItFetches() throws IOException {
        assertThat(verify().out()).contains("consistent, size " + task.ids().size());
        assertThat(verify("--key", key).out()).contains("authentic");

        Path bundle = ledger.resolve("tile/entries/000.p/" + task.ids().size());
        String bytes = Files.readString(bundle, StandardCharsets.ISO_8859_1);
        Files.writeString(bundle, bytes.replaceFirst("customers.get", "customers.cat"), StandardCharsets.ISO_8859_1);
        CommandRun altered = verify("--key", key);

        assertThat(altered.exit()).isEqualTo(Exit.NO);
        assertThat(altered.out()).contains(task.id(6));
    }

    @Test
    void nothingIsFetchedOnTheWordOfACheckpointThatTheKeyAtHandHasNotSigned() throws IOException {
        EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin("behalf.test/verify"))
                .close();
        Files.writeString(ledger.resolve("checkpoint"), Files.readString(elsewhere.resolve("ledger/main/checkpoint")));

        CommandRun run = verify("--key", key);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("NOT AS SIGNED").contains("file     checkpoint");
        assertThat(asked).containsExactly("vkey", "checkpoint");
    }

    @Test
    void nothingIsFetchedFromALedgerUnderAnotherKey() throws IOException {
        String other;
        try (EmbeddedLedger open =
                EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin("behalf.test/verify"))) {
            other = open.verifierKey().vkey();
        }

        CommandRun run = verify("--key", other);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("file     vkey");
        assertThat(asked).containsExactly("vkey", "checkpoint");
    }

    @Test
    void aKeyThatIsNoneIsToldBeforeAnybodyIsAsked() {
        CommandRun run = verify("--key", "behalf.test/verify");

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("It is written name+id+key");
        assertThat(asked).isEmpty();
    }

    @Test
    void aFileThatIsLongerThanItCanBeIsNotReadToItsEnd() throws IOException {
        Files.write(ledger.resolve("checkpoint"), new byte[1 << 20]);

        CommandRun run = verify();

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains(url + "checkpoint is longer than");
    }

    @Test
    void anAnswerThatNeverEndsIsNotWaitedFor() {
        server.removeContext(PATH);
        server.createContext(PATH, exchange -> {
            exchange.sendResponseHeaders(200, 100);
            exchange.getResponseBody().write('b');
            exchange.getResponseBody().flush();
            await();
        });

        CommandRun run = verify(Map.of(), new LedgerDownload.Waits(Duration.ofMinutes(1), Duration.ofMillis(100)));

        assertThat(run.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(run.err()).contains(url + "vkey has not sent all of its answer");
    }

    @Test
    void anAnswerThatNeverBeginsIsNotWaitedFor() {
        server.removeContext(PATH);
        server.createContext(PATH, _ -> await());

        CommandRun run = verify(Map.of(), new LedgerDownload.Waits(Duration.ofMillis(100), Duration.ofMinutes(1)));

        assertThat(run.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(run.err()).contains(url + "vkey does not answer");
    }

    @Test
    void saysThatAnAddressDoesNotAnswer() {
        server.stop(0);

        assertThat(verify().exit()).isEqualTo(Exit.UNREACHABLE);
    }

    @Test
    void showsTheTokenOfAFileOrOfTheEnvironmentAndSaysHowWhereOneIsWanted() throws IOException {
        token = Optional.of(TOKEN);
        Path file = elsewhere.resolve("token");
        Files.writeString(file, TOKEN + "\n");

        assertThat(verify("--token-file", file.toString()).exit()).isEqualTo(Exit.FINE);
        assertThat(verify(Map.of(VerifyCommand.TOKEN, TOKEN), LedgerDownload.Waits.USUAL)
                        .exit())
                .isEqualTo(Exit.FINE);

        CommandRun without = verify();
        assertThat(without.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(without.err()).contains("--token-file").contains(VerifyCommand.TOKEN);

        CommandRun wrong = verify(Map.of(VerifyCommand.TOKEN, "another"), LedgerDownload.Waits.USUAL);
        assertThat(wrong.exit()).isEqualTo(Exit.UNREACHABLE);
        assertThat(wrong.err()).contains("does not open it");
    }

    @Test
    void aTokenThatIsNoneIsTold() throws IOException {
        Path file = elsewhere.resolve("token");
        for (String none : List.of("", "two words", "two\nlines", "öffne dich")) {
            Files.writeString(file, none);
            CommandRun run = verify("--token-file", file.toString());
            assertThat(run.exit()).as(none).isEqualTo(Exit.USAGE);
            assertThat(run.err()).contains(file.toString());
        }
        assertThat(asked).isEmpty();
    }

    @Test
    void aTokenDoesNotGoToAnotherMachineInClear() throws IOException {
        Path file = elsewhere.resolve("token");
        Files.writeString(file, TOKEN);

        CommandRun run = CommandRun.of("verify", "http://behalf.example/ledger/main", "--token-file", file);

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("use https").doesNotContain(TOKEN);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "http://",
                "https:///ledger/main",
                "http://behalf.example:99999/ledger/main",
                "http://alice:secret@behalf.example/ledger/main",
                "http://behalf.example/ledger/main?x=1",
                "http://behalf.example/ledger/main#x",
                "http://behalf example/ledger/main"
            })
    void whatIsNoAddressOfALedgerIsAMistakeOfWhoeverTyped(String address) {
        CommandRun run = CommandRun.of("verify", address);

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("is not a ledger's address");
    }

    private CommandRun verify(Object... options) {
        return verify(Map.of(), LedgerDownload.Waits.USUAL, options);
    }

    private CommandRun verify(Map<String, String> environment, LedgerDownload.Waits waits, Object... options) {
        Object[] words = new Object[options.length + 1];
        words[0] = url;
        System.arraycopy(options, 0, words, 1, options.length);
        var command = new VerifyCommand(environment, waits);
        return CommandRun.of(new CommandLine(command).setExecutionExceptionHandler(Behalf::failed), words);
    }

    private void answer(HttpExchange exchange) throws IOException {
        String name = exchange.getRequestURI().getPath().substring(PATH.length());
        asked.add(name);
        try (exchange) {
            boolean open = token.map(secret -> List.of("Bearer " + secret)
                            .equals(exchange.getRequestHeaders().get("Authorization")))
                    .orElse(true);
            Path file = ledger.resolve(name);
            if (!open || !Files.isRegularFile(file)) {
                exchange.sendResponseHeaders(open ? 404 : 401, -1);
                return;
            }
            byte[] bytes = Files.readAllBytes(file);
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }

    private void await() {
        try {
            over.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What keeps a server from starting, each with its exit code and the cure. */
class ServeCommandTest {
    @TempDir
    private Path folder;

    private Path data;

    @BeforeEach
    void name() {
        data = folder.resolve("data");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 65_536})
    void saysWhatAPortIs(int port) {
        CommandRun run = CommandRun.of("serve", "--port", port, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("--port " + port + ": a port is a number from 1 to 65535.");
    }

    @Test
    void aBusyPort() throws IOException {
        try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CommandRun run = CommandRun.of("serve", "--port", taken.getLocalPort(), "--data", data);
            assertThat(run.exit()).isEqualTo(Exit.USAGE);
            assertThat(run.err()).contains(":" + taken.getLocalPort()).contains("server.port");
        }
    }

    @Test
    void aDirectoryThatAnotherServerHas() throws IOException {
        try (RunningServer other = RunningServer.in(folder)) {
            CommandRun run = CommandRun.of(
                    "serve",
                    "--port",
                    Development.freePort(),
                    "--data",
                    other.data().path());
            assertThat(run.exit()).isEqualTo(Exit.USAGE);
            assertThat(run.err()).contains(other.data().path().toString()).doesNotContain("at io.behalf");
            // and it goes on
            assertThat(other.send(other.request("GET", Health.READY, "")).statusCode())
                    .isEqualTo(200);
        }
    }

    @Test
    void aConfigurationWithProblemsAllOfThemAtOnce() throws IOException {
        Path file = Files.writeString(folder.resolve("behalf.yaml"), """
                server:
                  prot: 8700
                ledger:
                  origin: example.com/log
                  segment-size: many
                """);
        CommandRun run = CommandRun.of("serve", "--config", file, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("server.prot").contains("port").contains("segment-size");
        assertThat(data).doesNotExist();
    }

    @Test
    void aConfigurationThatIsNotThere() {
        CommandRun run = CommandRun.of("serve", "--config", folder.resolve("none.yaml"), "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("none.yaml cannot be read");
    }

    @Test
    void aLogThatWasChanged() throws IOException {
        RunningServer.in(folder).close();
        Path checkpoint = data.resolve("ledger/main/checkpoint");
        Files.writeString(checkpoint, Files.readString(checkpoint).replaceFirst("\n[0-9]+\n", "\n7\n"));
        CommandRun run = CommandRun.of("serve", "--port", Development.freePort(), "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.err()).contains("checkpoint").doesNotContain("at io.behalf");
    }

    @Test
    void dataOfDevelopmentModeOutsideIt() throws IOException {
        RunningServer.in(folder).close();
        Path file = Files.writeString(folder.resolve("behalf.yaml"), """
                server:
                  port: %d
                ledger:
                  origin: example.com/log
                  pin-file: pin
                """.formatted(Development.freePort()));
        CommandRun run = CommandRun.of("serve", "--config", file, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("development mode");
    }

    @Test
    void theBuiltInProviderOutsideDevelopmentMode() throws IOException {
        int port = Development.freePort();
        Path file = Files.writeString(folder.resolve("behalf.yaml"), """
                server:
                  port: %d
                authority:
                  providers:
                    - name: development
                      issuer: http://127.0.0.1:%d/development
                      client-id: behalf
                      rights: [{claim: sub, value: "*", scope: ["openai:*"]}]
                ledger:
                  origin: example.com/log
                  pin-file: pin
                """.formatted(port, port));
        CommandRun run = CommandRun.of("serve", "--config", file, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("people are pretend").contains("server.development");
    }
}

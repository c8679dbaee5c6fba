package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SignalsTest {
    private static final int PATIENCE_SECONDS = 20;
    private static final Map<String, Integer> NUMBERS = Map.of("HUP", 1, "INT", 2, "TERM", 15);

    /** Of short sleeps, since a shell attends to signals between two commands. */
    private static final String A_SECOND_OR_SO = "n=0; while [ $n -lt 20 ]; do sleep 0.05; n=$((n+1)); done";

    private static final String TEN_SECONDS_OR_SO = A_SECOND_OR_SO.replace("20", "200");

    private final List<Process> started = new ArrayList<>();

    @AfterEach
    void stop() {
        started.forEach(SignalsTest::end);
    }

    private static void end(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    @ParameterizedTest
    @ValueSource(strings = {"HUP", "INT", "TERM"})
    void reachTheProgramWhoseExitCodeCounts(String name) throws Exception {
        assumeFalse(isIgnored(name), "ignored by whoever started the tests, and so by everything that they start");
        Process process = start(0, "sh", "-c", "trap 'exit 9' " + name + "; echo ready; " + TEN_SECONDS_OR_SO);
        waitFor(process, "ready");

        send(name, process);

        assertThat(exit(process)).isEqualTo(9);
    }

    @Test
    void leaveItToTheProgramWhetherItEnds() throws Exception {
        Process process = start(0, "sh", "-c", "trap 'echo got' TERM; echo ready; " + A_SECOND_OR_SO);
        waitFor(process, "ready");

        send("TERM", process);

        waitFor(process, "got");
        assertThat(exit(process)).isZero();
    }

    @Test
    void waitForTheProgramThatIsNotStartedYet() throws Exception {
        Process process = start(500, "sleep", "10");
        waitFor(process, "taken");

        send("TERM", process);

        assertThat(exit(process)).isEqualTo(143);
    }

    private Process start(long wait, String... command) throws IOException {
        String classes = String.join(File.pathSeparator, classes(RunProgram.class), classes(RunProgramMain.class));
        List<String> words = Stream.concat(
                        Stream.of(
                                Path.of(System.getProperty("java.home"), "bin", "java")
                                        .toString(),
                                "-cp",
                                classes,
                                RunProgramMain.class.getName(),
                                String.valueOf(wait)),
                        Stream.of(command))
                .toList();
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        var _ = process.onExit().orTimeout(PATIENCE_SECONDS, TimeUnit.SECONDS).whenComplete((_, late) -> {
            if (late != null) {
                end(process); // whoever waits to hear something of it need not go on
            }
        });
        started.add(process);
        return process;
    }

    private static String classes(Class<?> type) {
        return type.getProtectionDomain().getCodeSource().getLocation().getPath();
    }

    private static void waitFor(Process process, String line) throws IOException {
        BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
        for (String said = lines.readLine(); !line.equals(said); said = lines.readLine()) {
            assertThat(said).as("until it says %s", line).isNotNull();
        }
    }

    private static void send(String name, Process process) throws Exception {
        Process kill = new ProcessBuilder("/bin/sh", "-c", "kill -s " + name + " " + process.pid()).start();
        assertThat(kill.waitFor()).isZero();
    }

    private static int exit(Process process) throws InterruptedException {
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    /** nohup, or a shell that started the tests in the background. */
    private static boolean isIgnored(String name) throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return false;
        }
        try (Stream<String> lines = Files.lines(status)) {
            long ignored = lines.filter(line -> line.startsWith("SigIgn:"))
                    .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                    .findFirst()
                    .orElse(0);
            return (ignored >> (NUMBERS.getOrDefault(name, 0) - 1) & 1) == 1;
        }
    }
}

package io.behalf.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A command that ends by itself, and what it said. */
record Command(int exit, String out, String err) {
    /** The real program, as the launcher starts it; tuned for a short life on a machine that does much else. */
    static List<String> behalf() {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx192m",
                "-jar",
                Checkout.file("server/target/behalf.jar").toString());
    }

    private static final Duration ENDS_WITHIN = Duration.ofSeconds(60);

    /** A command of Behalf that no server is beside. */
    static Command behalf(Path folder, String... words) {
        var command = Stream.concat(behalf().stream(), Arrays.stream(words)).toList();
        return run(command, folder, Map.of(), ENDS_WITHIN);
    }

    /** Runs it to its end in this folder; one that takes longer is killed, and fails the test. */
    static Command run(List<String> command, Path folder, Map<String, String> environment, Duration atMost) {
        try {
            var out = Files.createTempFile("behalf-out-", ".txt");
            var err = Files.createTempFile("behalf-err-", ".txt");
            try {
                var builder = new ProcessBuilder(command)
                        .directory(folder.toFile())
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile());
                builder.environment().putAll(environment);
                var exit = exitOf(builder.start(), command, atMost);
                return new Command(exit, Files.readString(out), Files.readString(err));
            } finally {
                Files.delete(out);
                Files.delete(err);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static int exitOf(Process process, List<String> command, Duration atMost) {
        try {
            if (!process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException(command + " did not end within " + atMost);
            }
            return process.exitValue();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    /** Both streams, as a person at a terminal sees them. */
    String said() {
        return out + err;
    }
}

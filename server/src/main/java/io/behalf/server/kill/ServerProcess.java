package io.behalf.server.kill;

import java.io.File;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** {@code behalf serve} as a process of its own, which can be killed and started again on what it left. */
final class ServerProcess implements AutoCloseable {
    static final String AGENT_SECRET = UUID.randomUUID().toString();
    static final String API_TOKEN = UUID.randomUUID().toString();

    /** A machine that does much else besides, and a ledger that is read first. */
    private static final Duration READY_WITHIN = Duration.ofMinutes(3);

    private static final Duration TELLS_WITHIN = Duration.ofSeconds(3);

    private static final Duration ENDS_WITHIN = Duration.ofSeconds(40);
    private static final Duration LOOK_AGAIN_AFTER = Duration.ofMillis(10);
    private static final int ANSWERS_WITHIN_MILLIS = 5_000;
    /** Of its output, told when it does not start. */
    private static final int LAST_LINES = 20;

    private final Path folder;
    private final URI base;
    private final Map<String, String> environment = new TreeMap<>();
    private @Nullable Process process;

    private ServerProcess(Path folder, int port) {
        this.folder = folder;
        this.base = URI.create("http://127.0.0.1:" + port);
        environment.put("BEHALF_DATA", data().toString());
        environment.put("XDG_RUNTIME_DIR", folder.toString());
        environment.put("XDG_STATE_HOME", folder.toString());
        environment.put("AGENT_SECRET", AGENT_SECRET);
        environment.put("API_TOKEN", API_TOKEN);
    }

    /** One that is still to be configured and started. */
    static ServerProcess in(Path folder) throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return new ServerProcess(folder, socket.getLocalPort());
        }
    }

    void configure(String yaml) throws IOException {
        Files.writeString(folder.resolve("behalf.yaml"), yaml.replace("PORT", String.valueOf(base.getPort())));
    }

    /**
     * @return from the start of the process until it takes calls
     * @throws IOException when it does not come to that, with the last it said
     */
    Duration start() throws IOException, InterruptedException {
        long begun = System.nanoTime();
        spawn();
        while (!isReady()) {
            if (!isAlive()) {
                throw new IOException("the server does not start: " + lastWords());
            }
            if (System.nanoTime() - begun > READY_WITHIN.toNanos()) {
                tellThreads();
                throw new IOException("the server is not ready within " + READY_WITHIN.toSeconds()
                        + " seconds; what it was about is in " + log() + ": " + lastWords());
            }
            Thread.sleep(LOOK_AGAIN_AFTER);
        }
        return Duration.ofNanos(System.nanoTime() - begun);
    }

    /** A Java process prints its threads when it is sent SIGQUIT. */
    private void tellThreads() throws IOException, InterruptedException {
        new ProcessBuilder(
                        "kill",
                        "-QUIT",
                        String.valueOf(Objects.requireNonNull(process).pid()))
                .start()
                .waitFor();
        Thread.sleep(TELLS_WITHIN);
    }

    /** Starts it and does not wait for anything. */
    void spawn() throws IOException {
        var builder = new ProcessBuilder(command())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
        builder.environment().putAll(environment);
        process = builder.start();
    }

    /** Tuned for a short life on a machine that does much else: this process is started far more often than any other. */
    private List<String> command() {
        String classes = classPath()
                .map(entry -> entry.toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(
                "--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"));
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Xmx192m", "-cp", classes));
        if (sharesClasses()) {
            command.addAll(List.of(
                    "-Xlog:cds=off",
                    "-Xlog:aot=off",
                    "-XX:+AutoCreateSharedArchive",
                    "-XX:SharedArchiveFile=" + folder.resolve("classes.jsa")));
        }
        command.addAll(List.of(
                "io.behalf.server.Behalf",
                "serve",
                "--config",
                folder.resolve("behalf.yaml").toString()));
        return command;
    }

    private static Stream<Path> classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .map(Path::of);
    }

    /** Whether a start takes a third less once one was stopped properly: its classes are kept, if they come from jars. */
    boolean sharesClasses() {
        return classPath().noneMatch(Files::isDirectory);
    }

    private boolean isReady() {
        try {
            var asked =
                    (HttpURLConnection) base.resolve("/health/ready").toURL().openConnection();
            asked.setConnectTimeout(ANSWERS_WITHIN_MILLIS);
            asked.setReadTimeout(ANSWERS_WITHIN_MILLIS);
            try {
                return asked.getResponseCode() == 200;
            } finally {
                asked.disconnect();
            }
        } catch (IOException notYet) {
            return false;
        }
    }

    /** SIGKILL: it can neither prevent nor notice it. */
    void kill() throws InterruptedException {
        Objects.requireNonNull(process, "it was never started")
                .destroyForcibly()
                .waitFor();
    }

    boolean isAlive() {
        return process != null && process.isAlive();
    }

    URI base() {
        return base;
    }

    Path data() {
        return folder.resolve("data");
    }

    Path ledger() {
        return data().resolve("ledger").resolve("main");
    }

    private Path log() {
        return folder.resolve("server.log");
    }

    /** The end of what it has said, in all its lives. */
    String lastWords() throws IOException {
        List<String> lines = Files.readAllLines(log(), StandardCharsets.ISO_8859_1);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
    }

    /** Asks it to stop, as an operator does. */
    @Override
    public void close() {
        if (process == null) {
            return;
        }
        process.destroy();
        try {
            if (!process.waitFor(ENDS_WITHIN.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException stopped) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}

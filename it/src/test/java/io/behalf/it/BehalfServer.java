package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/** The real server as a process of its own, with a folder of its own, and the commands that a person types beside it. */
final class BehalfServer implements AutoCloseable {
    private static final Duration STARTS_WITHIN = Duration.ofSeconds(60);
    private static final Duration COMMAND_ENDS_WITHIN = Duration.ofSeconds(60);
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String API_TOKEN = UUID.randomUUID().toString();

    private final URI base;
    private final Path folder;
    private final Map<String, String> environment = new HashMap<>();
    private final HttpClient http = HttpClient.newHttpClient();
    private List<String> around = List.of();
    private @Nullable Program program;

    private BehalfServer(URI base, Path folder) {
        this.base = base;
        this.folder = folder;
        environment.put("BEHALF_API_TOKEN", API_TOKEN);
        environment.put("BEHALF_DATA", data().toString());
        environment.put("XDG_RUNTIME_DIR", folder.toString());
        environment.put("XDG_STATE_HOME", folder.toString());
    }

    /**
     * A server that does not run yet, at an address that others can be told.
     *
     * @param folder its configuration, its data and its pin file will stand in it
     */
    static BehalfServer in(Path folder) {
        return new BehalfServer(URI.create("http://127.0.0.1:" + Program.freePort()), folder);
    }

    /** It will be started by this command, which is given the server's own command to run. */
    BehalfServer within(List<String> command) {
        around = List.copyOf(command);
        return this;
    }

    /**
     * @param configuration names the port 8700, in whose place its own is put
     * @param secrets what the configuration takes from the environment, beside the API token
     */
    BehalfServer start(String configuration, Map<String, String> secrets) {
        try {
            Files.writeString(configuration(), configuration.replace("8700", "" + base.getPort()));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        environment.putAll(secrets);
        startAgain();
        return this;
    }

    /** Starts it on the data that it left. */
    void startAgain() {
        var serve = command("serve", "--config", configuration().toString());
        program = Program.start(
                        "behalf", Stream.concat(around.stream(), serve.stream()).toList(), environment)
                .untilAnswers(base.resolve("/health/live"), STARTS_WITHIN);
    }

    /** Ends the process; data and configuration stay. */
    void stop() {
        if (program != null) {
            program.close();
        }
    }

    /** Ends the process as a crash does: what it was about to write or tidy up stays as it is. */
    void kill() {
        Objects.requireNonNull(program, "it was never started").kill();
    }

    /** The exit code of a server that ends by itself. */
    int exitsWithin(Duration atMost) {
        return Objects.requireNonNull(program, "it was never started").exitsWithin(atMost);
    }

    private Path configuration() {
        return folder.resolve("behalf.yaml");
    }

    private static List<String> command(String... words) {
        return Stream.concat(Command.behalf().stream(), Arrays.stream(words)).toList();
    }

    /**
     * From now on every record that must be made durable fails to be, as on a disk that is going. The rest of what the
     * server writes by itself goes on, so that it is a call that meets the failure first.
     */
    Program withFailingDisk(Path strace) {
        return withDisk(strace, "error=EIO");
    }

    /** As {@link #withFailingDisk}, on a disk that answers nothing for so long, or until the program is closed. */
    Program withHangingDisk(Path strace, Duration hangs) {
        return withDisk(strace, "delay_enter=" + TimeUnit.NANOSECONDS.toMicros(hangs.toNanos()));
    }

    private Program withDisk(Path strace, String fault) {
        var calls = "fsync,fdatasync";
        var command = new ArrayList<>(List.of(strace.toString(), "-f", "-p", "" + pid()));
        command.addAll(List.of("-e", "trace=" + calls, "-e", "inject=" + calls + ":" + fault));
        writeAheadFiles().forEach(file -> command.addAll(List.of("-P", file.toString())));
        return Program.start("strace", command, Map.of()).untilSays("attached", STARTS_WITHIN);
    }

    /** Those that records are written to: the next one, and what the server notes beside them, it writes when it likes. */
    private List<Path> writeAheadFiles() {
        try (Stream<Path> files = Files.list(data().resolve("ledger/main/wal"))) {
            return files.filter(file -> file.getFileName().toString().matches("[0-9]+"))
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    long pid() {
        return Objects.requireNonNull(program, "it was never started").pid();
    }

    URI base() {
        return base;
    }

    Path data() {
        return folder.resolve("data");
    }

    /** What opens its API over the network. */
    String apiToken() {
        return API_TOKEN;
    }

    /** What a program needs to find this server by the command line. */
    Map<String, String> environment() {
        return Map.copyOf(environment);
    }

    /** What the server has said. */
    String output() {
        return Objects.requireNonNull(program, "it was never started").output();
    }

    /** A command as a person types it in the server's folder. */
    Command command(List<String> words) {
        return Command.run(command(words.toArray(String[]::new)), folder, environment, COMMAND_ENDS_WITHIN);
    }

    /** A command that ends well. */
    String told(String... words) {
        var done = command(List.of(words));
        if (done.exit() != 0) {
            throw new AssertionError(String.join(" ", words) + " ended with " + done.exit() + ": " + done.said());
        }
        return done.out();
    }

    JsonNode json(String... words) {
        return parsed(told(words));
    }

    /** The task that this is a record of, as the API tells it. */
    JsonNode taskOf(String record) {
        return api("/records/" + record);
    }

    /** What the record's task says of this step: a call, a refusal or a change. */
    JsonNode step(String record) {
        return step(taskOf(record), record);
    }

    static JsonNode step(JsonNode task, String record) {
        return StreamSupport.stream(task.path("steps").spliterator(), false)
                .filter(step -> step.path("record").asText().equals(record))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + record + " in " + task));
    }

    JsonNode api(String path) {
        var request = HttpRequest.newBuilder(base.resolve("/api/v1" + path))
                .header("Authorization", "Bearer " + API_TOKEN)
                .timeout(ANSWERS_WITHIN)
                .build();
        try {
            var answer = http.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) {
                throw new AssertionError(path + " is answered " + answer.statusCode() + " " + answer.body());
            }
            return parsed(answer.body());
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    static JsonNode parsed(String json) {
        try {
            return JSON.readTree(json);
        } catch (IOException malformed) {
            throw new AssertionError("not JSON: " + json, malformed);
        }
    }

    @Override
    public void close() {
        http.close();
        stop();
    }
}

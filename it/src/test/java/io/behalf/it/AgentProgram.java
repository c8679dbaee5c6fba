package io.behalf.it;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * {@code js/agent.mjs} as a process: unmodified OpenAI and MCP packages. It works on the instructions that it is told,
 * one at a time, and says each of its steps as one JSON object.
 */
final class AgentProgram implements AutoCloseable {
    static final List<String> COMMAND =
            List.of("node", Checkout.file("it/js/agent.mjs").toString());

    private static final Duration SAYS_WITHIN = Duration.ofSeconds(40);
    private static final Duration ENDS_WITHIN = Duration.ofSeconds(20);
    private static final Duration LOOK_AGAIN_AFTER = Duration.ofMillis(100);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Process process;
    private final Path errors;
    private final LinkedBlockingQueue<JsonNode> said = new LinkedBlockingQueue<>();
    private final Thread listener;

    private AgentProgram(Process process, Path errors) {
        this.process = process;
        this.errors = errors;
        this.listener = Thread.ofVirtual().start(this::listen);
    }

    /** @param starter the command that starts the agent, empty where nothing stands before it */
    static AgentProgram start(List<String> starter, Map<String, String> environment) {
        try {
            var folder = Files.createDirectories(Checkout.file("it/target/programs"));
            var errors = Files.createTempFile(folder, "agent-", ".log");
            var command = Stream.concat(starter.stream(), COMMAND.stream()).toList();
            var builder = new ProcessBuilder(command)
                    .directory(Checkout.file("it").toFile())
                    .redirectError(errors.toFile());
            builder.environment().putAll(environment);
            return new AgentProgram(builder.start(), errors);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void listen() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                // What the starter says to people goes to the other stream, or is no object.
                if (line.startsWith("{")) {
                    said.add(JSON.readTree(line));
                }
            }
        } catch (IOException gone) {
            throw new UncheckedIOException(gone);
        }
    }

    /** Tells it one instruction, and waits until it has done with it, well or not. */
    Steps work(String instruction) {
        tell(instruction);
        return until("done", "failed");
    }

    void tell(String instruction) {
        try {
            var in = process.outputWriter(StandardCharsets.UTF_8);
            in.write(instruction + "\n");
            in.flush();
        } catch (IOException gone) {
            throw new IllegalStateException("the agent has ended: " + errors(), gone);
        }
    }

    /** What it says up to the first step of one of these names, that one last. */
    Steps until(String... names) {
        var steps = new ArrayList<JsonNode>();
        do {
            steps.add(next(steps));
        } while (!List.of(names).contains(steps.getLast().path("step").asText()));
        return new Steps(steps);
    }

    private JsonNode next(List<JsonNode> before) {
        try {
            var step = said.poll(SAYS_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
            if (step == null) {
                throw new IllegalStateException("the agent says no more after " + before + ": " + errors());
            }
            return step;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    /** What its starter tells people, as soon as it is there. */
    MatchResult told(Pattern wanted) {
        var deadline = System.nanoTime() + SAYS_WITHIN.toNanos();
        while (true) {
            var match = wanted.matcher(errors());
            if (match.find()) {
                return match.toMatchResult();
            }
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new IllegalStateException("nothing like " + wanted + " is said: " + errors());
            }
            LockSupport.parkNanos(LOOK_AGAIN_AFTER.toNanos());
        }
    }

    /** What it and its starter wrote for people. */
    String errors() {
        try {
            return Files.readString(errors);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** There are no more instructions: it ends by itself, with this code. */
    int end() {
        try {
            process.outputWriter().close();
            if (!process.waitFor(ENDS_WITHIN.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException("the agent does not end: " + errors());
            }
            listener.join();
            return process.exitValue();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /** What the agent did, in order. */
    record Steps(List<JsonNode> all) {
        Steps {
            all = List.copyOf(all);
        }

        /** Its steps of one name. */
        List<JsonNode> of(String name) {
            return all.stream()
                    .filter(step -> step.path("step").asText().equals(name))
                    .toList();
        }

        JsonNode last() {
            return all.getLast();
        }

        /** What became of its use of a tool. */
        JsonNode tool(String name) {
            return of("tool").stream()
                    .filter(step -> step.path("name").asText().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("no use of " + name + " in " + all));
        }
    }
}

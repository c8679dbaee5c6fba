package io.behalf.server;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The program that a run is for. It has this process's terminal, its input and its outputs. */
final class RunProgram {
    /** POSIX's shell, for a command that is not there, and for one that is and cannot be executed (2.8.2). */
    static final int NOT_FOUND = 127;

    static final int NOT_EXECUTABLE = 126;

    private static final String USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";

    private final List<String> command;

    private RunProgram(List<String> command) {
        this.command = List.copyOf(command);
    }

    /**
     * Looks before anybody is asked to approve anything.
     *
     * @throws CommandFailed as a shell would
     */
    static RunProgram named(List<String> command, Map<String, String> environment) {
        String name = command.getFirst();
        List<Path> places = places(name, environment);
        if (places.stream().noneMatch(place -> Files.isRegularFile(place) && Files.isExecutable(place))) {
            throw places.stream().anyMatch(Files::exists) ? notExecutable(name) : notFound(name);
        }
        return new RunProgram(command);
    }

    private static List<Path> places(String name, Map<String, String> environment) {
        if (name.isEmpty() || name.indexOf('\0') >= 0) {
            return List.of();
        }
        return name.contains("/")
                ? List.of(Path.of(name))
                : Stream.of(environment.getOrDefault("PATH", USUAL_PATH).split(File.pathSeparator))
                        .map(folder -> Path.of(folder).resolve(name))
                        .toList();
    }

    String name() {
        return command.getFirst();
    }

    /**
     * Starts it, and waits until it has ended.
     *
     * @return its exit code, 128 + n where signal n ended it
     */
    int run(Map<String, String> environment, Signals signals) throws InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        builder.environment().clear();
        builder.environment().putAll(environment);
        Process started;
        try {
            started = builder.start();
        } catch (IOException e) { // such as a script whose interpreter is missing
            throw notExecutable(name());
        }
        signals.passTo(started);
        return started.waitFor();
    }

    private static CommandFailed notFound(String name) {
        return CommandFailed.exiting(
                NOT_FOUND,
                "There is no program " + name + (name.contains("/") ? "." : " on the PATH.")
                        + " After -- comes the command, each of its words by itself.");
    }

    private static CommandFailed notExecutable(String name) {
        return CommandFailed.exiting(
                NOT_EXECUTABLE,
                name
                        + " is there and cannot be executed: it must be a file with permission to be executed (chmod +x), for"
                        + " this kind of machine, and a script's interpreter must exist.");
    }
}

package io.behalf.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A real part that runs as a process of its own, with its output in a file under {@code it/target}. */
final class Program implements AutoCloseable {
    private static final Duration STOPS_WITHIN = Duration.ofSeconds(10);
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(5);
    private static final Duration ASK_AGAIN_AFTER = Duration.ofMillis(100);

    private final String name;
    private final Process process;
    private final Path output;

    private Program(String name, Process process, Path output) {
        this.name = name;
        this.process = process;
        this.output = output;
    }

    static Program start(String name, List<String> command, Map<String, String> environment) {
        try {
            var folder = Files.createDirectories(Checkout.file("it/target/programs"));
            var output = Files.createTempFile(folder, name + "-", ".log");
            var builder = new ProcessBuilder(command)
                    .directory(Checkout.file("it").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile());
            builder.environment().putAll(environment);
            return new Program(name, builder.start(), output);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** A port that was free a moment ago; for programs that cannot choose one and tell it. */
    static int freePort() {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Waits until the address answers with anything but a failure of its own; a program that does not is ended. */
    Program untilAnswers(URI address, Duration atMost) {
        var deadline = System.nanoTime() + atMost.toNanos();
        try (var http = HttpClient.newHttpClient()) {
            while (!answers(http, address)) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    throw new IllegalStateException(name + " did not start:\n" + output());
                }
                Thread.sleep(ASK_AGAIN_AFTER);
            }
            return this;
        } catch (InterruptedException stopped) {
            close();
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        } catch (IllegalStateException unusable) {
            close();
            throw unusable;
        }
    }

    private static boolean answers(HttpClient http, URI address) throws InterruptedException {
        var request = HttpRequest.newBuilder(address).timeout(ANSWERS_WITHIN).build();
        try {
            return http.send(request, BodyHandlers.discarding()).statusCode() < 500;
        } catch (IOException notYet) {
            return false;
        }
    }

    /** The exit code of a program that ends by itself. */
    int exitsWithin(Duration atMost) {
        try {
            if (!process.waitFor(atMost.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IllegalStateException(name + " does not end:\n" + output());
            }
            return process.exitValue();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    /** Waits until it has said this. */
    Program untilSays(String words, Duration atMost) {
        var deadline = System.nanoTime() + atMost.toNanos();
        try {
            while (!output().contains(words)) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    throw new IllegalStateException(name + " did not say \"" + words + "\":\n" + output());
                }
                Thread.sleep(ASK_AGAIN_AFTER);
            }
            return this;
        } catch (InterruptedException stopped) {
            close();
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    String output() {
        try {
            return Files.readString(output);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Ends the program at once. */
    void kill() {
        try {
            process.destroyForcibly().waitFor();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    /** Ends the program and what it started, first politely. */
    @Override
    public void close() {
        var all = new ArrayList<>(process.descendants().toList());
        all.add(process.toHandle());
        all.forEach(ProcessHandle::destroy);
        try {
            process.waitFor(STOPS_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        all.forEach(ProcessHandle::destroyForcibly);
    }
}

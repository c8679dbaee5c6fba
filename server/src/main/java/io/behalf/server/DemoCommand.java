package io.behalf.server;

import io.behalf.core.record.AuditRecord.Event;
import io.behalf.server.TaskStory.Change;
import io.behalf.server.TaskStory.Stopped;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.PrintWriter;
import java.time.Clock;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code behalf demo}: the whole story on this machine, in one process. */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = "Plays the story of one task on this machine: an agent works for a pretend person through model,"
                + " tools and a service, is refused, goes on after her logout, is stopped; then the records prove it. The"
                + " data stays, so that the commands it prints work.")
final class DemoCommand implements Callable<Integer> {
    @Option(names = "--stay", description = "Keep the server running afterwards, and print its address.")
    private boolean stay;

    @Mixin
    private DataOption data = new DataOption();

    @Option(names = "--json", description = "Print facts as JSON.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    private final Clock clock = Clock.systemUTC();

    DemoCommand() {}

    @Override
    public Integer call() throws Exception {
        ServeCommand.logFrom(Configuration.LogLevel.WARNING);
        DataDirectory directory = data.directory();
        Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
        try (AutoCloseable _ =
                () -> vertx.close().toCompletionStage().toCompletableFuture().join()) {
            int port = stay ? ConfigurationReader.DEFAULT_PORT : Development.freePort();
            try (Development parts = Development.start(vertx, port, directory, Map.of(), clock)) {
                Demo.Played played;
                try (Server server = Server.start(vertx, parts.configuration(), directory, System.getenv(), clock)) {
                    played = Demo.play(vertx, server, clock);
                }
                // the server is gone: what follows rests on the files alone
                DemoProof proof = DemoProof.of(
                        directory.log(parts.configuration().ledger().log()), played.story());
                print(played, proof);
                if (stay) {
                    stay(vertx, parts, directory);
                }
                return proof.verified() && proof.caught() ? Exit.FINE : Exit.NO;
            }
        }
    }

    private void print(Demo.Played played, DemoProof proof) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(JsonText.of(facts(played, proof)));
        } else {
            DemoText.of(played, proof, next(played), ZoneId.systemDefault()).forEach(out::println);
        }
        out.flush();
    }

    private static Map<String, @Nullable Object> facts(Demo.Played played, DemoProof proof) {
        TaskStory story = played.story();
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("task_id", story.task().orElseThrow().value());
        out.put("record", played.shown());
        out.put("calls_before", (long) played.before().size());
        out.put("records", story.chain().records());
        out.put(
                "refusals",
                story.steps().stream().filter(Stopped.class::isInstance).count());
        out.put("renewals", changes(story, Event.RENEWED));
        out.put("logouts_seen", changes(story, Event.LOGOUT_SEEN));
        out.put("stopped_after_ms", played.stoppedAfter().toMillis());
        out.put("verified", proof.verified());
        out.put("tamper_caught", proof.caught());
        return out;
    }

    private static long changes(TaskStory story, Event event) {
        return story.steps().stream()
                .filter(step -> step instanceof Change change && change.event() == event)
                .count();
    }

    private List<String> next(Demo.Played played) {
        String option = spec.commandLine().getParseResult().hasMatchedOption("--data") ? " --data " + data.path() : "";
        List<String> lines = new ArrayList<>();
        lines.add("");
        lines.add("Next   ./behalf task --record " + played.shown() + option);
        lines.add("       ./behalf verify " + data.path());
        lines.add("       ./behalf demo --stay               the server keeps running");
        return lines;
    }

    /** The same ledger, served again: what happens now follows what the demo left. */
    private void stay(Vertx vertx, Development parts, DataDirectory directory) throws InterruptedException {
        var stopped = new CountDownLatch(1);
        var closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopped.countDown();
            awaitQuietly(closed);
        }));
        try (Server server = Server.start(vertx, parts.configuration(), directory, System.getenv(), clock)) {
            PrintWriter out = spec.commandLine().getOut();
            out.println();
            out.println("The server runs on at " + server.base() + " until Ctrl-C.");
            out.flush();
            stopped.await();
        } finally {
            closed.countDown();
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.behalf.server;

import io.behalf.ledger.LedgerFault;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code behalf serve}: the server in the foreground, until it is told to stop. */
@Command(
        name = "serve",
        mixinStandardHelpOptions = true,
        description = "Runs the server: authority, gateway and ledger. Without a configuration it runs in development"
                + " mode, on this machine only, with pretend people, model, tools and service.")
final class ServeCommand implements Callable<Integer> {
    /** Held here, as the log manager does not hold it: without it the level would be forgotten. */
    private static final List<Logger> OURS = List.of(Logger.getLogger("io.behalf"));

    private static final int MAX_PORT = 65_535;

    @Option(names = "--config", paramLabel = "FILE", description = "The configuration file.")
    private Optional<Path> config = Optional.empty();

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Where it listens without a configuration. Default: ${DEFAULT-VALUE}.",
            defaultValue = "" + ConfigurationReader.DEFAULT_PORT)
    private int port;

    @Mixin
    private DataOption data = new DataOption();

    @Spec
    private CommandSpec spec;

    private final Clock clock = Clock.systemUTC();

    ServeCommand() {}

    @Override
    public Integer call() throws Exception {
        if (port < 1 || port > MAX_PORT) {
            throw CommandFailed.usage("--port " + port + ": a port is a number from 1 to " + MAX_PORT + ".");
        }
        Map<String, String> environment = System.getenv();
        DataDirectory directory = data.directory();
        Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
        try (AutoCloseable _ =
                () -> vertx.close().toCompletionStage().toCompletableFuture().join()) {
            return config.isPresent()
                    ? serve(vertx, read(config.get(), environment), directory, environment)
                    : develop(vertx, directory, environment);
        }
    }

    static Configuration read(Path file, Map<String, String> environment) {
        if (!Files.isReadable(file)) {
            throw CommandFailed.usage(
                    file + " cannot be read: there must be such a file, and this user must be allowed to read it.");
        }
        return switch (ConfigurationReader.read(file, environment)) {
            case ReadConfiguration.Accepted(var configuration) -> configuration;
            case ReadConfiguration.Rejected(var problems) -> {
                var said = new StringBuilder();
                problems.forEach(problem ->
                        said.append(file).append(": ").append(problem).append('\n'));
                throw CommandFailed.usage(said.toString().stripTrailing());
            }
        };
    }

    private int develop(Vertx vertx, DataDirectory directory, Map<String, String> environment) throws Exception {
        try (Development parts = Development.start(vertx, port, directory, environment, clock)) {
            return serve(vertx, parts.configuration(), directory, environment);
        }
    }

    private int serve(
            Vertx vertx, Configuration configuration, DataDirectory directory, Map<String, String> environment)
            throws InterruptedException {
        logFrom(configuration.logLevel());
        var asked = new CompletableFuture<Optional<LedgerFault>>();
        var closed = new CompletableFuture<Void>();
        // until the hook returns the process lives on: the last outcomes are written meanwhile
        Thread hook = new Thread(() -> {
            asked.complete(Optional.empty());
            closed.join();
        });
        PrintWriter out = spec.commandLine().getOut();
        try (Server server = Server.start(vertx, configuration, directory, environment, clock)) {
            Runtime.getRuntime().addShutdownHook(hook);
            announce(out, server, directory);
            server.failed().thenAccept(fault -> asked.complete(Optional.of(fault)));
            Optional<LedgerFault> fault = asked.join();
            if (fault.isPresent()) {
                // what is in memory is no longer what is on the disk: only a new start finds out
                throw CommandFailed.unreachable(
                        "The ledger stopped: " + fault.get().getMessage()
                                + ". Nothing can be recorded, so nothing is answered. Start the server again.");
            }
            return Exit.FINE;
        } finally {
            closed.complete(null);
        }
    }

    private static void announce(PrintWriter out, Server server, DataDirectory directory) {
        var where = server.configuration().server();
        out.println("Behalf answers at " + where.base() + "  (data: " + directory.path() + ")");
        if (where.development()) {
            out.println("Development mode: this machine only. Do not show it to anybody else.");
        }
        server.tellPeople(out);
        server.configuration()
                .routes()
                .forEach(route -> out.println("  " + where.base() + route.prefix() + "  ->  " + route.upstream()));
        out.flush();
    }

    /** The level of everything that Behalf says; its libraries speak up only when something is wrong. */
    static void logFrom(Configuration.LogLevel level) {
        Level least =
                switch (level) {
                    case ERROR -> Level.SEVERE;
                    case WARNING -> Level.WARNING;
                    case INFO -> Level.INFO;
                    case DEBUG -> Level.FINE;
                };
        OURS.forEach(logger -> logger.setLevel(least));
        // by itself it lets nothing finer than INFO through; of the libraries the root logger does not either
        for (Handler output : Logger.getLogger("").getHandlers()) {
            output.setLevel(Level.ALL);
        }
    }
}

package io.behalf.server;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code behalf config check}: what a server would say of a configuration, without starting one. */
@Command(
        name = "config",
        mixinStandardHelpOptions = true,
        description = "Works on configuration files.",
        subcommands = ConfigCommand.Check.class)
final class ConfigCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    ConfigCommand() {}

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Name a command: check.");
    }

    @Command(
            name = "check",
            mixinStandardHelpOptions = true,
            description =
                    "Tells all problems of a configuration file at once, with their lines. Exit 2 if there are any.")
    static final class Check implements Callable<Integer> {
        @Parameters(paramLabel = "FILE", description = "The configuration file.")
        private Path file;

        @Option(names = "--json", description = "Print facts as JSON.")
        private boolean json;

        @Spec
        private CommandSpec spec;

        Check() {}

        @Override
        public Integer call() {
            if (!Files.isReadable(file)) {
                throw CommandFailed.usage(
                        file + " cannot be read: there must be such a file, and this user must be allowed to read it.");
            }
            var out = spec.commandLine().getOut();
            List<Problem> problems =
                    switch (ConfigurationReader.read(file, System.getenv())) {
                        case ReadConfiguration.Accepted _ -> List.of();
                        case ReadConfiguration.Rejected(var found) -> found;
                    };
            if (json) {
                out.println(JsonText.of(Map.of(
                        "file",
                        file.toString(),
                        "problems",
                        problems.stream()
                                .map(p -> Map.of("line", p.line(), "key", p.key(), "message", p.message()))
                                .toList())));
            } else if (problems.isEmpty()) {
                out.println(file + ": fine");
            } else {
                problems.forEach(problem -> out.println(file + ": " + problem));
            }
            return problems.isEmpty() ? Exit.FINE : Exit.USAGE;
        }
    }
}

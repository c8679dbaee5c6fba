package io.behalf.server;

import io.vertx.core.http.HttpMethod;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code behalf revoke}: stop, and say what fell. */
@Command(
        name = "revoke",
        mixinStandardHelpOptions = true,
        description =
                "Stops tasks on the running server, and says which. Exit 1 if nothing was there to be stopped, 3 if the"
                        + " server cannot do all of it now: it says whether anything was stopped.")
final class RevokeCommand implements Callable<Integer> {
    @ArgGroup(multiplicity = "1")
    private Fallen what = new Fallen();

    @Option(names = "--reason", required = true, paramLabel = "TEXT", description = "Why: kept in the records.")
    private String reason = "";

    @Option(names = "--dry-run", description = "Only say what would fall.")
    private boolean dryRun;

    @Mixin
    private DataOption data = new DataOption();

    @Option(names = "--json", description = "Print facts as JSON.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    RevokeCommand() {}

    /** Exactly one of these. */
    static final class Fallen {
        @Option(names = "--task", paramLabel = "ID", description = "One task.")
        private @Nullable String task;

        @Option(
                names = "--user",
                paramLabel = "U",
                description = "All of a person's tasks: provider:id, or an e-mail address or name that no other person"
                        + " with a running task has.")
        private @Nullable String user;

        @Option(names = "--agent", paramLabel = "A", description = "An agent's tasks, and its part in those of others.")
        private @Nullable String agent;

        @Option(names = "--approval", paramLabel = "ID", description = "What rests on one approval.")
        private @Nullable String approval;

        @Option(names = "--service", paramLabel = "S", description = "All tasks that may reach a service.")
        private @Nullable String service;

        @Option(names = "--all", description = "Everything.")
        private boolean all;

        Fallen() {}

        private Map<String, @Nullable Object> named() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("task", task);
            out.put("user", user);
            out.put("agent", agent);
            out.put("approval", approval);
            out.put("service", service);
            out.put("all", all ? true : null);
            out.values().removeIf(value -> value == null);
            return out;
        }
    }

    @Override
    public Integer call() {
        OwnerSocket running = OwnerSocket.at(data.directory())
                .orElseThrow(() -> CommandFailed.unreachable("No server runs on " + data.path()
                        + ": nothing is running there that could be stopped. Name its data directory with --data."));
        try (OwnerSocket server = running) {
            Map<String, @Nullable Object> body = new LinkedHashMap<>(what.named());
            body.put("reason", reason);
            body.put("dry_run", dryRun);
            var told = server.send(HttpMethod.POST, Api.ROOT + "/revoke", body)
                    .orFail()
                    .json();
            return print(told);
        }
    }

    private int print(Map<String, @Nullable Object> told) {
        List<?> tasks = list(told, "tasks");
        List<?> parts = list(told, "parts");
        boolean nothing = tasks.isEmpty() && parts.isEmpty();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(JsonText.of(told));
        } else if (nothing) {
            out.println("Nothing that runs falls under this.");
        } else {
            tasks.forEach(task -> out.println((dryRun ? "would stop  " : "stopped  ") + task));
            parts.forEach(task -> out.println((dryRun ? "would lose a sub-agent  " : "lost a sub-agent  ") + task));
        }
        out.flush();
        if (nothing) {
            return Exit.NO;
        }
        if (told.get(StopAnswer.OWED) instanceof String owed) {
            spec.commandLine().getErr().println(owed);
        }
        return dryRun || StopAnswer.survives(told) ? Exit.FINE : Exit.UNREACHABLE;
    }

    private static List<?> list(Map<String, @Nullable Object> told, String name) {
        return Optional.ofNullable(told.get(name))
                .filter(List.class::isInstance)
                .map(value -> (List<?>) value)
                .orElse(List.of());
    }
}

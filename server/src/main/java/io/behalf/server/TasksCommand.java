package io.behalf.server;

import io.behalf.core.delegation.TaskId;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code behalf tasks}: the tasks of a data directory, newest first. */
@Command(name = "tasks", mixinStandardHelpOptions = true, description = "Lists tasks, newest first.")
final class TasksCommand implements Callable<Integer> {
    @Option(
            names = "--user",
            paramLabel = "U",
            description = "Only this person's: provider:id, the id at the provider, e-mail address, name, or sbj_…")
    private Optional<String> user = Optional.empty();

    @Option(names = "--agent", paramLabel = "A", description = "Only those in which this agent acted.")
    private Optional<String> agent = Optional.empty();

    @Option(
            names = "--since",
            paramLabel = "T",
            description = "Only those begun since: 2026-03-01, 2026-03-01T09:00:00Z, or 30m, 12h, 7d ago.")
    private Optional<String> since = Optional.empty();

    @Option(names = "--no-subject", description = "Only those with no person behind them.")
    private boolean noSubject;

    @Mixin
    private DataOption data = new DataOption();

    @Option(names = "--json", description = "Print facts as JSON, one task a line.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    private final Clock clock = Clock.systemUTC();

    TasksCommand() {}

    @Override
    public Integer call() {
        TaskFilter filter = filter();
        PrintWriter out = spec.commandLine().getOut();
        Optional<OwnerSocket> running = OwnerSocket.at(data.directory());
        String told = running.isPresent() ? told(running.get()) : fromDisk(filter);
        out.print(told);
        out.flush();
        if (told.isEmpty()) { // beside the list, which is empty for whoever reads it by a program
            spec.commandLine()
                    .getErr()
                    .println(filter.equals(TaskFilter.ALL) ? "There are no tasks here yet." : "No task here matches.");
        }
        return Exit.FINE;
    }

    private TaskFilter filter() {
        try {
            return new TaskFilter(user, agent, since.map(text -> TaskFilter.since(text, clock.instant())), noSubject);
        } catch (IllegalArgumentException e) {
            throw CommandFailed.usage("--" + e.getMessage());
        }
    }

    private String told(OwnerSocket running) {
        try (OwnerSocket server = running) {
            return server.get("/api/v1/tasks" + query(), json ? OwnerSocket.JSON_LINES : OwnerSocket.TEXT)
                    .orFail()
                    .body();
        }
    }

    private String fromDisk(TaskFilter filter) {
        try (DataReader directory = DataReader.open(data.path())) {
            if (filter.needsIdentities() && !directory.opensIdentities()) {
                throw CommandFailed.no("Who is behind a task cannot be opened here: " + data.path()
                        + " has no behalf.db with its key. Pseudonyms (sbj_…) can be asked for.");
            }
            var lines = new StringBuilder();
            for (TaskReader log : directory.logs()) {
                for (TaskId task : filter.candidates(log)) {
                    TaskStory story = log.story(task);
                    Who who = Who.of(story, directory.identity(task));
                    if (filter.admits(story, who)) {
                        var line = TaskLine.of(task, story, who);
                        lines.append(json ? JsonText.of(line.toJson()) : line.text())
                                .append('\n');
                    }
                }
            }
            Behalf.say(spec.commandLine(), DataReader.unverified(data.path()));
            return lines.toString();
        } catch (OutOfMemoryError e) {
            throw DataReader.tooLong(data.path());
        }
    }

    private String query() {
        List<String> parts = new ArrayList<>();
        user.ifPresent(value -> parts.add("user=" + encode(value)));
        agent.ifPresent(value -> parts.add("agent=" + encode(value)));
        since.ifPresent(value -> parts.add("since=" + encode(value)));
        if (noSubject) {
            parts.add("no_subject=true");
        }
        return parts.isEmpty() ? "" : "?" + String.join("&", parts);
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }
}

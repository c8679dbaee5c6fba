package io.behalf.server;

import io.behalf.authority.Person;
import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.RecordEncoder;
import io.behalf.ledger.IndexKey;
import java.io.PrintWriter;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code behalf tasks}: the tasks of a data directory, newest first. */
@Command(name = "tasks", mixinStandardHelpOptions = true, description = "Lists tasks, newest first.")
final class TasksCommand implements Callable<Integer> {
    private static final Pattern AGO = Pattern.compile("([1-9][0-9]{0,5})([mhd])");

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
        Optional<Instant> from = since.map(text -> since(text, clock.instant()));
        try (DataReader directory = DataReader.open(data.path())) {
            if (user.isPresent() && !pseudonym(user.get()) && !directory.opensIdentities()) {
                throw CommandFailed.no("Who is behind a task cannot be opened here: " + data.path()
                        + " has no behalf.db with its key. Pseudonyms (sbj_…) can be asked for.");
            }
            PrintWriter out = spec.commandLine().getOut();
            for (TaskReader log : directory.logs()) {
                for (TaskId task : chosen(log).reversed()) {
                    TaskStory story = log.story(task);
                    Who who = Who.of(story, directory.identity(task));
                    if (isAskedFor(story, who, from)) {
                        out.println(json ? JsonText.of(facts(task, story, who)) : lines(task, story, who));
                    }
                }
            }
            out.flush();
        }
        return Exit.FINE;
    }

    private List<TaskId> chosen(TaskReader log) {
        List<TaskId> tasks = new ArrayList<>(log.tasks());
        agent.map(id -> log.tasksOf(IndexKey.AGENT, id)).ifPresent(tasks::retainAll);
        user.filter(TasksCommand::pseudonym)
                .map(id -> log.tasksOf(IndexKey.SUBJECT, id))
                .ifPresent(tasks::retainAll);
        return tasks;
    }

    private boolean isAskedFor(TaskStory story, Who who, Optional<Instant> from) {
        boolean nobody =
                story.onBehalfOf().filter(Basis.Nobody.class::isInstance).isPresent();
        boolean early = from.isPresent()
                && story.began().filter(began -> began.isBefore(from.get())).isPresent();
        boolean others = user.isPresent()
                && !pseudonym(user.get())
                && !(who instanceof Who.Named named && names(named.person()).contains(user.get()));
        return !(noSubject && !nobody) && !early && !others;
    }

    private static Set<String> names(Person person) {
        return Set.copyOf(
                List.of(person.subjectId(), person.sub(), person.email().orElse(person.sub()), person.display()));
    }

    private static boolean pseudonym(String user) {
        return Ids.valid("sbj", user);
    }

    /** Two lines, so that nothing need be cut off. */
    private static String lines(TaskId task, TaskStory story, Who who) {
        String began = story.began()
                .map(time -> RecordEncoder.time(time).substring(0, 16).replace('T', ' '))
                .orElse("");
        return String.format(
                "%s  %s  %-7s  %d calls, %d refused%n    %s",
                task,
                began,
                state(story),
                story.calls(),
                story.refusals(),
                StoryText.clean(agentOf(story) + " " + forWhom(story, who)));
    }

    private static String state(TaskStory story) {
        if (!story.chain().whole()) {
            return "BROKEN";
        }
        return story.stopped() ? "stopped" : story.ended() ? "closed" : "open";
    }

    private static String agentOf(TaskStory story) {
        return story.agents().isEmpty() ? "no agent" : story.agents().getFirst().id();
    }

    private static String forWhom(TaskStory story, Who who) {
        if (who instanceof Who.Named named) {
            return "for " + named.person().display();
        }
        return switch (story.onBehalfOf().orElse(new Basis.Unattributed("", Optional.empty()))) {
            case Basis.Person(String subject) -> "for " + subject;
            case Basis.Nobody(String category, String _) -> "for nobody (" + category + ")";
            case Basis.Unattributed _ -> "unattributed";
        };
    }

    private static Map<String, @Nullable Object> facts(TaskId task, TaskStory story, Who who) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("task_id", task.value());
        story.began().ifPresent(time -> out.put("began", RecordEncoder.time(time)));
        story.chain().closing().ifPresent(closing -> out.put("closed", RecordEncoder.time(closing.time())));
        out.put("state", state(story).toLowerCase(Locale.ROOT));
        story.onBehalfOf().ifPresent(basis -> out.put("on_behalf_of", StoryJson.basis(basis)));
        if (who instanceof Who.Named named) {
            out.put("person", named.person().subjectId());
        }
        story.approvalKind().map(ApprovalKind::code).ifPresent(kind -> out.put("approval_kind", kind));
        out.put("agents", story.agents().stream().map(TaskStory.Agent::id).toList());
        out.put("calls", story.calls());
        out.put("refusals", story.refusals());
        out.put("unknown", story.unknown());
        return out;
    }

    static Instant since(String text, Instant now) {
        Matcher ago = AGO.matcher(text);
        try {
            if (ago.matches()) {
                long count = Long.parseLong(ago.group(1));
                return now.minus(
                        switch (ago.group(2)) {
                            case "m" -> Duration.ofMinutes(count);
                            case "h" -> Duration.ofHours(count);
                            default -> Duration.ofDays(count);
                        });
            }
            return text.contains("T")
                    ? Instant.parse(text)
                    : LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant();
        } catch (DateTimeException e) {
            throw CommandFailed.usage(
                    "--since is a day (2026-03-01), a time (2026-03-01T09:00:00Z) or how long ago (30m, 12h, 7d).");
        }
    }
}

package io.behalf.server;

import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.ledger.IndexKey;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which tasks are asked for.
 *
 * @param user a person's {@code provider:id}, id at the provider, e-mail address, name, or pseudonym in a task
 * @param agent one that acted in it
 * @param since the earliest beginning
 * @param noSubject only those with nobody behind them
 */
record TaskFilter(Optional<String> user, Optional<String> agent, Optional<Instant> since, boolean noSubject) {
    static final TaskFilter ALL = new TaskFilter(Optional.empty(), Optional.empty(), Optional.empty(), false);

    private static final Pattern AGO = Pattern.compile("([1-9][0-9]{0,5})([mhd])");

    /** Newest first; what only the identity tells is left to {@link #admits}. */
    List<TaskId> candidates(TaskReader log) {
        List<TaskId> tasks = new ArrayList<>(log.tasks());
        agent.map(id -> log.tasksOf(IndexKey.AGENT, id)).ifPresent(tasks::retainAll);
        user.filter(TaskFilter::pseudonym)
                .map(id -> log.tasksOf(IndexKey.SUBJECT, id))
                .ifPresent(tasks::retainAll);
        return tasks.reversed();
    }

    boolean admits(TaskStory story, Who who) {
        boolean nobody =
                story.onBehalfOf().filter(Basis.Nobody.class::isInstance).isPresent();
        boolean early = since.isPresent()
                && story.began().filter(began -> began.isBefore(since.get())).isPresent();
        boolean others = needsIdentities()
                && !(who instanceof Who.Named named && named.person().isCalled(user.orElseThrow()));
        return !(noSubject && !nobody) && !early && !others;
    }

    /** Whether the records alone cannot answer. */
    boolean needsIdentities() {
        return user.isPresent() && !pseudonym(user.get());
    }

    private static boolean pseudonym(String user) {
        return Ids.valid("sbj", user);
    }

    /** @throws IllegalArgumentException with what a time looks like */
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
            throw new IllegalArgumentException(
                    "since is a day (2026-03-01), a time (2026-03-01T09:00:00Z) or how long ago (30m, 12h, 7d).", e);
        }
    }
}

package io.behalf.server;

import io.behalf.authority.Identities;
import io.behalf.authority.Identities.Identity;
import io.behalf.core.delegation.Ids;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.IndexKey;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The tasks of a running server, with the people behind them. Whoever learns here who a person is leaves a record of having
 * looked, outside the task's own chain so that looking does not change it; and is told nothing if that cannot be recorded.
 * Blocks; thread-safe.
 */
final class Stories {
    /** Of one story: a few KB each, in the process that carries the calls. */
    static final int MOST_RECORDS = 20_000;
    /** Longest wait until what was written a moment ago can be found. */
    static final Duration VISIBLE_WITHIN = Duration.ofSeconds(10);
    /** Longest wait for the record of an opening. */
    static final Duration RECORDED_WITHIN = Duration.ofSeconds(10);
    /** Tasks named in the record of one opening; of more, the count says how many there were. */
    static final int NAMED = 16;

    private final EmbeddedLedger ledger;
    private final TaskReader reader;
    private final Identities identities;
    private final String node;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();

    Stories(EmbeddedLedger ledger, Identities identities, String node, Clock clock) {
        this(ledger, identities, node, clock, MOST_RECORDS);
    }

    Stories(EmbeddedLedger ledger, Identities identities, String node, Clock clock, int mostRecords) {
        this.ledger = ledger;
        this.reader = new TaskReader(ledger.reader(), ledger.index()::lookup, mostRecords);
        this.identities = identities;
        this.node = node;
        this.clock = clock;
    }

    /** What was asked for cannot be told now: the ledger or its index is not there yet, or the opening is not recorded. */
    static final class Unavailable extends RuntimeException {
        Unavailable(String message) {
            super(message);
        }
    }

    record Told(TaskStory story, Who who) {}

    /** @param by who asks, as it will stand in the record */
    List<Told> find(IndexKey key, String value, String by) {
        awaitVisible();
        List<TaskStory> stories;
        try {
            stories = reader.stories(key, value);
        } catch (TaskReader.TooLong task) {
            throw new Unavailable(
                    "What was asked for has " + task.records() + " records, more than a server tells while it"
                            + " carries calls. Copy the data directory, and ask the copy: behalf task … --data COPY.");
        }
        Map<TaskId, Identity> opened =
                open(stories.stream().flatMap(story -> story.task().stream()).toList());
        List<Told> told = stories.stream()
                .map(story -> new Told(story, Who.of(story, story.task().map(opened::get))))
                .toList();
        recordOpening(
                told.stream()
                        .filter(each -> each.who() instanceof Who.Named)
                        .flatMap(each -> each.story().task().stream())
                        .toList(),
                by);
        return told;
    }

    List<TaskLine> list(TaskFilter filter, String by) {
        awaitVisible();
        List<TaskLine> lines = new ArrayList<>();
        for (TaskId task : filter.candidates(reader)) {
            OptionalInt tooLong = reader.tooLong(task);
            TaskStory story = tooLong.isPresent() ? reader.beginning(task) : reader.story(task);
            Who who = Who.of(story, identities.of(task));
            if (filter.admits(story, who)) {
                lines.add(
                        tooLong.isPresent()
                                ? TaskLine.ofBeginning(task, story, who, tooLong.getAsInt())
                                : TaskLine.of(task, story, who));
            }
        }
        List<TaskId> named = lines.stream()
                .filter(line -> line.who() instanceof Who.Named)
                .map(TaskLine::task)
                .toList();
        if (filter.needsIdentities()) {
            recordLookUp(named, by);
        } else {
            recordOpening(named, by);
        }
        return lines;
    }

    /** Names were compared, also of those who are not told. */
    void recordLookUp(List<TaskId> told, String by) {
        record(Event.LOOKED_UP, by, Map.of("tasks", (long) told.size()));
        recordOpening(told, by);
    }

    private Map<TaskId, Identity> open(List<TaskId> tasks) {
        Map<TaskId, Identity> opened = new LinkedHashMap<>();
        tasks.forEach(task -> identities.of(task).ifPresent(identity -> opened.put(task, identity)));
        return opened;
    }

    private void recordOpening(List<TaskId> tasks, String by) {
        if (!tasks.isEmpty()) {
            Map<String, @Nullable Object> data = new LinkedHashMap<>();
            data.put("tasks", tasks.stream().limit(NAMED).map(TaskId::value).toList());
            data.put("count", (long) tasks.size());
            record(Event.OPENED, by, data);
        }
    }

    private void record(Event event, String by, Map<String, ? extends @Nullable Object> data) {
        var now = clock.instant();
        var header = new AuditRecord.Header(
                Ids.next("rec", now, random),
                now,
                node,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                false);
        try {
            ledger.append(new Lifecycle(header, event, by, new LinkedHashMap<>(data)))
                    .toCompletableFuture()
                    .get(RECORDED_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new Unavailable("That it was looked at cannot be recorded now, so it is not shown.");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("The server is stopping.");
        }
    }

    private void awaitVisible() {
        try {
            boolean visible = ledger.awaitIntegrated(VISIBLE_WITHIN)
                    && ledger.index().await(ledger.checkpoint().size(), VISIBLE_WITHIN);
            if (!visible) {
                throw new Unavailable(
                        ledger.index().behind().isPresent()
                                ? "The ledger's index is behind, because its disk fails: what is newest cannot be found."
                                        + " See the server's log, and try again."
                                : "The ledger's index is not there yet. Try again in a moment.");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("The server is stopping.");
        }
    }
}

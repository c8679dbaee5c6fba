package io.behalf.server;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.RecordEncoder;
import io.behalf.core.record.StoredRecord;
import io.behalf.ledger.IndexKey;
import io.behalf.ledger.LedgerReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds the tasks of one log from any of their records. What it tells is the ledger's alone. Blocks on the disk. Thread-safe. */
final class TaskReader {
    /** Records from which the beginning of a task is told that is too long to be told whole. */
    private static final int BEGINNING = 64;

    private final LedgerReader reader;
    private final Lookup lookup;
    private final int most;

    /** Tells everything, however much memory that takes. */
    TaskReader(LedgerReader reader, Lookup lookup) {
        this(reader, lookup, Integer.MAX_VALUE);
    }

    /** @param most records of one story; an agent may make a task of any length */
    TaskReader(LedgerReader reader, Lookup lookup, int most) {
        this.reader = reader;
        this.lookup = lookup;
        this.most = most;
    }

    /** What was asked for has more records than one story may. */
    static final class TooLong extends RuntimeException {
        private final int records;

        private TooLong(int records) {
            this.records = records;
        }

        int records() {
            return records;
        }
    }

    /** The index. By chance it may name an entry too many, never one too few. */
    @FunctionalInterface
    interface Lookup {
        long[] entries(IndexKey key, String value);
    }

    /** @param leaf what the task's next record has as {@code prev} */
    record Entry(long index, Hash leaf, StoredRecord stored) {
        AuditRecord record() {
            return stored.record();
        }

        Optional<TaskId> task() {
            return record().header().task();
        }
    }

    /** The stories that have a record with this value: one for each task, and one for each call that belongs to no task. */
    List<TaskStory> stories(IndexKey key, String value) {
        bound(found(key, value));
        Set<TaskId> tasks = new LinkedHashSet<>();
        Map<String, List<Entry>> calls = new LinkedHashMap<>();
        for (Entry entry : entries(key, value)) {
            if (entry.task().isPresent()) {
                tasks.add(entry.task().get());
                continue;
            }
            List<Entry> call = call(entry);
            Optional<TaskId> task =
                    call.stream().flatMap(each -> each.task().stream()).findFirst();
            if (task.isPresent()) {
                tasks.add(task.get());
            } else {
                calls.put(call.getFirst().record().header().id(), call);
            }
        }
        List<TaskStory> stories = new ArrayList<>();
        tasks.forEach(task -> stories.add(story(task)));
        calls.values().forEach(call -> stories.add(TaskStory.of(Optional.empty(), call)));
        return stories;
    }

    /** What one call without a task left behind: its intent or refusal, and its outcome. */
    private List<Entry> call(Entry of) {
        String id = RecordKeys.of(IndexKey.OF, of.record()).stream()
                .findFirst()
                .orElse(of.record().header().id());
        Map<Long, Entry> call = new TreeMap<>();
        call.put(of.index(), of);
        entries(IndexKey.RECORD, id).forEach(entry -> call.put(entry.index(), entry));
        entries(IndexKey.OF, id).stream()
                // no service was shown a token of such a call: what names it all the same belongs to another's task
                .filter(entry -> !(entry.record() instanceof AuditRecord.Downstream))
                .forEach(entry -> call.put(entry.index(), entry));
        return List.copyOf(call.values());
    }

    TaskStory story(TaskId task) {
        bound(found(IndexKey.TASK, task.value()));
        return TaskStory.of(Optional.of(task), entries(IndexKey.TASK, task.value()));
    }

    /** How many records the task has, where those are more than one story may have. */
    OptionalInt tooLong(TaskId task) {
        int records = found(IndexKey.TASK, task.value()).length;
        return records > most ? OptionalInt.of(records) : OptionalInt.empty();
    }

    /** For whom it was begun, and when; nothing that was done in it. */
    TaskStory beginning(TaskId task) {
        long[] first = Arrays.stream(found(IndexKey.TASK, task.value()))
                .limit(BEGINNING)
                .toArray();
        return TaskStory.of(Optional.of(task), entries(IndexKey.TASK, task.value(), first));
    }

    private void bound(long[] found) {
        if (found.length > most) {
            throw new TooLong(found.length);
        }
    }

    /** Every task that began, by any of the two records that open one, oldest first. */
    Collection<TaskId> tasks() {
        Map<Long, TaskId> tasks = new TreeMap<>();
        for (Event event : List.of(Event.APPROVED, Event.ISSUED)) {
            for (Entry entry : entries(IndexKey.EVENT, event.name().toLowerCase(Locale.ROOT))) {
                entry.task().ifPresent(task -> tasks.put(entry.index(), task));
            }
        }
        return new LinkedHashSet<>(tasks.values());
    }

    /** The tasks in which this agent acted, first or below another. */
    Set<TaskId> tasksOf(IndexKey key, String value) {
        Set<TaskId> tasks = new LinkedHashSet<>();
        entries(key, value).forEach(entry -> entry.task().ifPresent(tasks::add));
        return tasks;
    }

    private long[] found(IndexKey key, String value) {
        return lookup.entries(key, RecordEncoder.bounded(value));
    }

    private List<Entry> entries(IndexKey key, String value) {
        return entries(key, value, found(key, value));
    }

    private List<Entry> entries(IndexKey key, String value, long[] indices) {
        String sought = RecordEncoder.bounded(value);
        List<Entry> found = new ArrayList<>();
        TreeHasher hasher = new TreeHasher();
        reader.visitAt(indices, (index, bundle, offset, length) -> {
            byte[] bytes = Arrays.copyOfRange(bundle, offset, offset + length);
            Entry entry = new Entry(index, hasher.leaf(bytes), decode(index, bytes));
            if (RecordKeys.of(key, entry.record()).contains(sought)) {
                found.add(entry);
            }
        });
        return found;
    }

    private static StoredRecord decode(long index, byte[] bytes) {
        try {
            return RecordDecoder.decode(bytes);
        } catch (Json.Malformed e) {
            throw new UncheckedIOException(
                    new IOException("Entry " + index + " is not a record: run behalf verify. " + e.getMessage(), e));
        }
    }

    /** What a record can be found by: the values of a key, as the index knows them. */
    private static final class RecordKeys {
        private RecordKeys() {}

        static Set<String> of(IndexKey key, AuditRecord r) {
            AuditRecord.Header h = r.header();
            Stream<String> values =
                    switch (key) {
                        case RECORD -> Stream.of(h.id());
                        case OF -> of(r).stream();
                        case TASK -> h.task().map(TaskId::value).stream();
                        case TRACE -> h.trace().map(AuditRecord.Trace::traceId).stream();
                        case TOKEN ->
                            Stream.concat(h.delegation().map(AuditRecord.Held::jti).stream(), seenToken(r).stream());
                        case TOOL_CALL -> toolCalls(r);
                        case SUBJECT ->
                            h.basis().stream()
                                    .filter(AuditRecord.Basis.Person.class::isInstance)
                                    .map(basis -> ((AuditRecord.Basis.Person) basis).subject());
                        case AGENT -> h.actors().stream();
                        case EVENT ->
                            r instanceof AuditRecord.Lifecycle l
                                    ? Stream.of(l.event().name().toLowerCase(Locale.ROOT))
                                    : Stream.empty();
                    };
            return Set.copyOf(values.collect(Collectors.toSet()));
        }

        private static Optional<String> of(AuditRecord r) {
            return switch (r) {
                case AuditRecord.Outcome outcome -> Optional.of(outcome.of());
                case AuditRecord.Unknown unknown -> Optional.of(unknown.of());
                case AuditRecord.Downstream downstream -> downstream.of();
                case AuditRecord.Intent _, AuditRecord.Check _ -> Optional.empty();
                case AuditRecord.Refused _, AuditRecord.Lifecycle _ -> Optional.empty();
            };
        }

        private static Optional<String> seenToken(AuditRecord r) {
            return r instanceof AuditRecord.Downstream d
                    ? Optional.of(d.downstream().seenJti())
                    : Optional.empty();
        }

        /** The call's own, or those that a model's answer planned. */
        private static Stream<String> toolCalls(AuditRecord r) {
            return switch (r) {
                case AuditRecord.Intent intent -> intent.call().toolCallId().stream();
                case AuditRecord.Check check -> check.call().toolCallId().stream();
                case AuditRecord.Refused refused -> refused.call().toolCallId().stream();
                case AuditRecord.Downstream downstream ->
                    downstream.call().flatMap(AuditRecord.Call::toolCallId).stream();
                case AuditRecord.Outcome outcome ->
                    outcome.outcome().toolCalls().stream().map(AuditRecord.ToolCall::id);
                case AuditRecord.Unknown _, AuditRecord.Lifecycle _ -> Stream.empty();
            };
        }
    }
}

package io.behalf.server;

import io.behalf.authority.Stopped;
import io.behalf.core.delegation.TaskId;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What an operator is told of a stop: what fell, where that is kept by now, and what is still to come. */
final class StopAnswer {
    static final String STORED = "stored";
    static final String RECORDED = "recorded";
    /** A sentence, where store or ledger could not take the stop yet. */
    static final String OWED = "owed";

    /** People named to choose from. */
    static final int MAX_CHOICE = 16;

    /** For whoever gave a name of nobody, or of several, while it cannot be recorded that they looked. */
    static final String NOBODY_STOPPED =
            "Nothing was stopped: the name is not that of one person with a running task, and"
                    + " more is not told, because that somebody looked cannot be recorded now. A provider:id stops its person all"
                    + " the same.";

    private StopAnswer() {}

    static Map<String, @Nullable Object> of(Stopped stopped, boolean dryRun) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("tasks", stopped.tasks().stream().map(TaskId::value).toList());
        out.put("parts", stopped.parts().stream().map(TaskId::value).toList());
        out.put("dry_run", dryRun);
        if (!dryRun) {
            out.put(STORED, stopped.stored());
            out.put(RECORDED, stopped.recorded());
            owed(stopped).ifPresent(sentence -> out.put(OWED, sentence));
        }
        return out;
    }

    /** For whoever gave a name that several people have: they chose their names themselves, so none of them is stopped. */
    static String several(Set<String> subjects) {
        String some = subjects.stream()
                .limit(MAX_CHOICE)
                .map(id -> ForeignText.clean(ForeignText.shown(id)))
                .collect(Collectors.joining(", "));
        int more = subjects.size() - MAX_CHOICE;
        return "Several people are called that: name one of " + some + (more > 0 ? " or of " + more + " more." : ".");
    }

    /** For whoever stopped somebody by a name, and may not be told more of them. */
    static String untold(Stopped stopped) {
        return "Tasks stopped: " + stopped.tasks().size() + ". " + holds(stopped)
                + " Which tasks they are is not told, because that somebody looked cannot be recorded now.";
    }

    /** Whether the next start would still know of it. */
    static boolean survives(Map<String, @Nullable Object> answer) {
        return Boolean.TRUE.equals(answer.get(STORED)) || Boolean.TRUE.equals(answer.get(RECORDED));
    }

    private static Optional<String> owed(Stopped stopped) {
        if (stopped.stored() && stopped.recorded()) {
            return Optional.empty();
        }
        return Optional.of(holds(stopped) + " " + lacking(stopped)
                + " That is tried again until it is done: see to the disk, and give"
                + " the same command again to learn what has become of it.");
    }

    private static String holds(Stopped stopped) {
        return stopped.survives()
                ? "The stop is in force and survives a restart."
                : "The stop is in force, but a restart now would forget it: do not restart.";
    }

    private static String lacking(Stopped stopped) {
        if (stopped.recorded()) {
            return "The store cannot take it yet.";
        }
        return stopped.stored() ? "The ledger cannot record it yet." : "Neither store nor ledger can take it yet.";
    }
}

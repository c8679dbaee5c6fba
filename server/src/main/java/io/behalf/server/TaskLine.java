package io.behalf.server;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.RecordEncoder;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A task in a list of tasks; the story that it was taken from need not be kept.
 *
 * @param text two lines, so that nothing need be cut off
 */
record TaskLine(TaskId task, Who who, String text, Map<String, @Nullable Object> toJson) {
    static TaskLine of(TaskId task, TaskStory story, Who who) {
        var facts = new Facts(task, story, who, OptionalInt.empty());
        return new TaskLine(task, who, facts.text(), facts.toJson());
    }

    /** Of a task that is too long to be told whole. */
    static TaskLine ofBeginning(TaskId task, TaskStory beginning, Who who, int records) {
        var facts = new Facts(task, beginning, who, OptionalInt.of(records));
        return new TaskLine(task, who, facts.text(), facts.toJson());
    }

    /** @param records where they are too many for all of them to be in the story */
    private record Facts(TaskId task, TaskStory story, Who who, OptionalInt records) {
        String text() {
            String began = story.began()
                    .map(time -> RecordEncoder.time(time).substring(0, 16).replace('T', ' '))
                    .orElse("");
            String done = records.isPresent()
                    ? records.getAsInt() + " records"
                    : story.calls() + " calls, " + story.refusals() + " refused";
            return String.format(
                    "%s  %s  %-7s  %s%n    %s",
                    task, began, state(), done, ForeignText.clean(agent() + " " + forWhom()));
        }

        private String state() {
            if (records.isPresent()) {
                return "long";
            }
            if (!story.chain().whole()) {
                return "BROKEN";
            }
            return story.stopped() ? "stopped" : story.ended() ? "closed" : "open";
        }

        private String agent() {
            return story.agents().isEmpty()
                    ? "no agent"
                    : story.agents().getFirst().id();
        }

        private String forWhom() {
            if (who instanceof Who.Named named) {
                return "for " + named.person().display();
            }
            return switch (story.onBehalfOf().orElse(new Basis.Unattributed("", Optional.empty()))) {
                case Basis.Person(String subject) -> "for " + subject;
                case Basis.Nobody(String category, String _) -> "for nobody (" + category + ")";
                case Basis.Unattributed _ -> "unattributed";
            };
        }

        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("task_id", task.value());
            story.began().ifPresent(time -> out.put("began", RecordEncoder.time(time)));
            story.chain().closing().ifPresent(closing -> out.put("closed", RecordEncoder.time(closing.time())));
            out.put("state", state().toLowerCase(Locale.ROOT));
            story.onBehalfOf().ifPresent(basis -> out.put("on_behalf_of", StoryJson.basis(basis)));
            if (who instanceof Who.Named named) {
                out.put("person", named.person().subjectId());
            }
            story.approvalKind().map(ApprovalKind::code).ifPresent(kind -> out.put("approval_kind", kind));
            out.put("agents", story.agents().stream().map(TaskStory.Agent::id).toList());
            if (records.isPresent()) {
                out.put("records", (long) records.getAsInt());
            } else {
                out.put("calls", story.calls());
                out.put("refusals", story.refusals());
                out.put("unknown", story.unknown());
            }
            return out;
        }
    }
}

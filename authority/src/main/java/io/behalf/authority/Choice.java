package io.behalf.authority;

import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.TaskId;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the person approved, waiting for the provider's signature.
 *
 * @param sub the person's id at the provider, who alone may confirm
 * @param random half of the nonce's pre-image
 * @param secondsShown how long the page was before them
 * @param chosen when they pressed the button
 */
record Choice(
        TaskId id,
        String pseudonym,
        String sub,
        BehalfTask task,
        ApprovedTask approved,
        String random,
        long secondsShown,
        Instant chosen) {
    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", id.value());
        out.put("pseudonym", pseudonym);
        out.put("sub", sub);
        out.put("task", task.toJson());
        out.put("approval_id", approved.approvalId());
        out.put("agent", approved.agent());
        out.put("end", approved.end().getEpochSecond());
        out.put("text", approved.text());
        out.put("locale", approved.locale());
        out.put("salt", approved.salt());
        out.put("random", random);
        out.put("seconds_shown", secondsShown);
        out.put("chosen", chosen.getEpochSecond());
        return out;
    }

    static Choice fromJson(Map<String, @Nullable Object> json) {
        BehalfTask task = TaskTable.behalfTask(json.get("task"));
        return new Choice(
                new TaskId(Shelf.text(json, "id")),
                Shelf.text(json, "pseudonym"),
                Shelf.text(json, "sub"),
                task,
                new ApprovedTask(
                        Shelf.text(json, "approval_id"),
                        Shelf.text(json, "agent"),
                        task.scope(),
                        task.limits(),
                        Instant.ofEpochSecond(json.get("end") instanceof Long end ? end : 0),
                        Shelf.text(json, "text"),
                        Shelf.text(json, "locale"),
                        Shelf.text(json, "salt")),
                Shelf.text(json, "random"),
                json.get("seconds_shown") instanceof Long seconds ? seconds : 0,
                Instant.ofEpochSecond(json.get("chosen") instanceof Long seconds ? seconds : 0));
    }
}

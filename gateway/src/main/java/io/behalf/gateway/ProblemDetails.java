package io.behalf.gateway;

import io.behalf.gateway.Codec.Note;
import io.behalf.gateway.Codec.Rendered;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Refusals as RFC 9457 problem details: the shape where no protocol has one of its own. */
public final class ProblemDetails {
    private ProblemDetails() {}

    public static Rendered of(Note note) {
        int status = note.refusal().httpStatus();
        Map<String, @Nullable Object> problem = new LinkedHashMap<>();
        problem.put("type", "urn:behalf:reason:" + note.refusal().reason().code());
        problem.put("title", title(status));
        problem.put("status", status);
        problem.put("detail", note.refusal().sentence());
        problem.put("reason", note.refusal().reason().code());
        note.record().ifPresent(id -> problem.put("record", id));
        note.task().ifPresent(id -> problem.put("task", id));
        return new Rendered(status, "application/problem+json", JsonText.buffer(problem));
    }

    private static String title(int status) {
        return switch (status) {
            case 400 -> "The request is malformed";
            case 401 -> "No valid delegation";
            case 403 -> "Not allowed";
            case 404 -> "No such route";
            case 413 -> "The request is too large";
            case 429 -> "Too many requests";
            case 502, 504 -> "The upstream failed";
            default -> "Unavailable";
        };
    }
}

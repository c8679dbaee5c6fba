package io.behalf.server;

import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.server.TaskStory.Called;
import io.behalf.server.TaskStory.Change;
import io.behalf.server.TaskStory.Said;
import io.behalf.server.TaskStory.Step;
import io.behalf.server.TaskStory.Stopped;
import io.behalf.server.sample.CustomerService;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;

/** The demo on a terminal: at most 40 lines, every figure and id of this run, read from its records. */
final class DemoText {
    private static final int WIDTH = 78;
    private static final String INDENT = "            ";

    private final Demo.Played played;
    private final DateTimeFormatter day;
    private final List<String> lines = new ArrayList<>();

    private DemoText(Demo.Played played, ZoneId zone) {
        this.played = played;
        this.day = DateTimeFormatter.ofPattern("EEE HH:mm", Locale.ENGLISH).withZone(zone);
    }

    static List<String> of(Demo.Played played, DemoProof proof, List<String> next, ZoneId zone) {
        var text = new DemoText(played, zone);
        text.lines.add("All on 127.0.0.1. Model and people are pretend; gateway, ledger and proof are real.");
        text.lines.add("");
        text.before();
        text.approval();
        text.played.story().steps().forEach(text::step);
        text.proof(proof);
        text.lines.addAll(next);
        return text.lines;
    }

    private void before() {
        CustomerService.Line line = played.before().getFirst();
        lines.add("BEFORE   what the customer service logs today");
        lines.add("  " + day.format(line.time()) + "  " + line.caller() + "  " + line.method() + " " + line.path()
                + "  " + line.status() + "      (" + played.before().size() + " such lines)");
        lines.add("  Who authorized this?  Nobody can tell.");
        lines.add("");
    }

    /** In the words that the person read and approved, whose digest the delegation carries. */
    private void approval() {
        lines.add("AFTER    the same agent, with a delegation");
        if (played.who() instanceof Who.Named(var person, var text)) {
            lines.add("  " + person.display() + " reads what " + Demo.AGENT + " may do for her, and approves it:");
            // the text begins with who may act, which the last line has just said
            text.orElse("").lines().skip(1).forEach(line -> lines.add("    " + ForeignText.clean(line)));
        }
    }

    private void step(Step step) {
        switch (step) {
            case Called call -> called(call);
            case Stopped refused -> refused(refused);
            case Change change -> changed(change);
            case Said _ -> {}
        }
    }

    private void called(Called call) {
        List<String> notes = new ArrayList<>();
        call.plannedBy()
                .map(TaskStory.Planned::number)
                .filter(OptionalInt::isPresent)
                .ifPresent(number -> notes.add("planned by #" + number.getAsInt()));
        long plans = call.ending() instanceof TaskStory.Ending.Ended(var _, var _, var _, AuditRecord.Ended ended)
                ? ended.toolCalls().stream()
                        .filter(made -> !made.madeByProvider())
                        .count()
                : 0;
        if (plans > 0) {
            notes.add("plans " + plans + " tool calls");
        }
        if (call.actors().size() > 1) {
            notes.add("by sub-agent " + call.actors().getFirst() + ", with less scope");
        }
        if (notes.isEmpty()) {
            notes.add("rule " + String.join(", ", call.decision().rules()));
        }
        line(call.number(), call.call(), "ok", String.join("; ", notes));
        for (Said said : call.said()) {
            lines.add(INDENT + "the service decided too, and its own signed record joins: "
                    + said.decision()
                            .map(decision -> decision.permit() ? "permit" : "refuse")
                            .orElse(""));
        }
    }

    private void refused(Stopped refused) {
        String reason = refused.decision().reason().orElse("");
        line(
                refused.number(),
                refused.call(),
                "REFUSED",
                StoryText.unread(refused.call()) ? reason + ", before it was read" : reason);
        if (refused.decision().reason().equals(Optional.of("scope_exceeded"))) {
            wrapped("told the agent: \"" + played.told() + "\"");
        }
    }

    private void changed(Change change) {
        switch (change.event()) {
            case LOGOUT_SEEN -> lines.add("  -- Alice logs out");
            case RENEWED -> lines.add("  -- delegation renewed: same task, same end");
            case REVOKED ->
                lines.add("  -- the operator stops the task (behalf revoke): next call refused after "
                        + played.stoppedAfter().toMillis() + " ms");
            case APPROVED, ISSUED, NARROWED, EXTENDED, ENDED -> {}
            case ERASED,
                    OPENED,
                    POLICY,
                    KEY,
                    CONFIGURATION,
                    TOOL,
                    REVIEWED,
                    LOOKED_UP,
                    PRUNED,
                    REFUSALS_SUMMARIZED -> {}
        }
    }

    private void line(int number, AuditRecord.Call call, String word, String note) {
        String kind = call.surface() == Surface.LLM ? "model" : call.surface() == Surface.MCP ? "tool" : "http";
        String what = StoryText.unread(call)
                ? "a call"
                : call.model()
                        .orElse(call.surface() == Surface.MCP ? call.action() : call.service() + " " + call.action());
        lines.add(ForeignText.clean(String.format("  #%-2d %-5s  %-15s  %-7s  %s", number, kind, what, word, note)));
    }

    private void wrapped(String text) {
        StringBuilder line = new StringBuilder(INDENT);
        for (String word : ForeignText.clean(text).split(" ", -1)) {
            if (line.length() + word.length() > WIDTH) {
                lines.add(line.toString().stripTrailing());
                line = new StringBuilder(INDENT);
            }
            line.append(word).append(' ');
        }
        lines.add(line.toString().stripTrailing());
    }

    private void proof(DemoProof proof) {
        TaskStory story = played.story();
        lines.add("");
        lines.add("PROOF    from record #" + number(played.shown()) + " alone");
        String person = played.who() instanceof Who.Named named ? named.person().display() : "?";
        Instant approved = story.began().orElseThrow();
        lines.add("  " + person + " > " + story.agents().getFirst().id() + " > "
                + story.task().orElseThrow() + ", approved " + day.format(approved) + ", policy "
                + story.policies().getFirst().substring(0, 4));
        lines.add(verdict(
                "nothing missing or altered in " + proof.entries() + " entries, verified offline",
                proof.verified(),
                "OK"));
        lines.add(verdict(
                "an administrator makes #" + number(proof.edited()) + " a permit, in a copy",
                proof.caught(),
                "CAUGHT at #" + number(proof.edited())));
    }

    private static String verdict(String what, boolean good, String word) {
        return String.format("  %-58s %s", what, good ? word : "FAILED");
    }

    private String number(String record) {
        for (Step step : played.story().steps()) {
            if (step instanceof Called call && call.record().equals(record)) {
                return "" + call.number();
            }
            if (step instanceof Stopped refused && refused.record().equals(record)) {
                return "" + refused.number();
            }
        }
        return "?";
    }
}

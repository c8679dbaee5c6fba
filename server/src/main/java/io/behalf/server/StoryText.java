package io.behalf.server;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.Sent;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.server.TaskStory.Agent;
import io.behalf.server.TaskStory.Approval;
import io.behalf.server.TaskStory.Called;
import io.behalf.server.TaskStory.Chain;
import io.behalf.server.TaskStory.Change;
import io.behalf.server.TaskStory.Ending;
import io.behalf.server.TaskStory.Planned;
import io.behalf.server.TaskStory.Said;
import io.behalf.server.TaskStory.Step;
import io.behalf.server.TaskStory.Stopped;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * A story as text for a terminal: the same text from whichever record the task was found. Much in a record was written by
 * agents and services, so nothing that steers a terminal gets through.
 */
final class StoryText {
    private static final Pattern METHOD = Pattern.compile("[A-Z]+");

    private static final int SHORT_DIGEST = 12;

    private static final DateTimeFormatter DAY_AND_TIME = DateTimeFormatter.ofPattern(
                    "uuuu-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private final TaskStory story;
    private final Who who;
    private final StoryLines out = new StoryLines();

    private StoryText(TaskStory story, Who who) {
        this.story = story;
        this.who = who;
    }

    static String of(TaskStory story, Who who) {
        StoryText text = new StoryText(story, who);
        text.write();
        return text.out.text();
    }

    private void write() {
        out.line(story.task().map(task -> "Task " + task + "   " + state()).orElse("A call that belongs to no task"));
        out.blank();
        out.labelled("For", forWhom());
        if (story.approvals().isEmpty() && story.task().isPresent()) {
            out.labelled("Authority", unapproved());
        }
        story.approvals().forEach(this::approval);
        agents();
        out.labelled(
                "Policy",
                story.policies().isEmpty()
                        ? List.of("no call was decided on")
                        : story.policies().stream().map(StoryText::digest).toList());
        out.blank();
        steps();
        out.blank();
        story.task().ifPresent(_ -> out.labelled("Chain", chain()));
    }

    private String state() {
        if (story.ended()) {
            return story.stopped() ? "stopped, and closed" : "closed";
        }
        return story.stopped() ? "stopped, not closed yet" : "open";
    }

    // ---- who and what

    private List<String> forWhom() {
        if (story.onBehalfOf().isEmpty()) {
            return List.of("nobody is named in its records");
        }
        return switch (story.onBehalfOf().get()) {
            case Basis.Person(String subject) ->
                switch (who) {
                    case Who.Named named ->
                        List.of(
                                named.person().display() + "   ("
                                        + named.person().subjectId() + ")",
                                "in the records " + subject + ", to whom the approval commits");
                    case Who.Closed _ -> List.of("a person, in the records " + subject + "; not named here");
                    case Who.Contradicted _ ->
                        List.of(
                                "a person, in the records " + subject,
                                "THE STORE NAMES SOMEBODY, OR A TEXT, THAT NO RECORD COMMITS TO: not shown");
                };
            case Basis.Nobody(String category, String reasonCode) ->
                List.of("no person: " + category + ", " + reasonCode);
            case Basis.Unattributed(String credential, Optional<String> claimed) ->
                List.of(
                        "nobody known: unattributed, called with " + credential,
                        claimed.isPresent()
                                ? "the application's word about a person is kept as a keyed digest"
                                : "no application said anything about a person");
        };
    }

    private List<String> unapproved() {
        return story.approvalKind().filter(kind -> kind == ApprovalKind.NONE).isPresent()
                ? List.of("by nobody: the agent is registered for tasks with no person behind them")
                : List.of("no approval is recorded");
    }

    /** Only what a person approved, for this text, is called "approved by". */
    private void approval(Approval approval) {
        List<String> lines = new ArrayList<>();
        lines.add(
                switch (approval.kind().orElse(ApprovalKind.NONE)) {
                    case INTERACTIVE, CIBA -> "approved by " + person(approval.by());
                    case STANDING -> "falls under a standing approval, given once for its template";
                    case ASSERTED ->
                        "asserted by " + approval.by() + ": an application's word that the person wants this";
                    case PROVIDER -> "issued by the person's own provider";
                    case EMERGENCY -> "taken in an emergency, without an approval, to be reviewed";
                    case NONE -> "how it was approved is not recorded";
                });
        lines.add(time(approval.time()) + ", " + approval.approvalId() + ", " + approval.record());
        vouched(approval).ifPresent(lines::add);
        out.labelled(story.approvals().indexOf(approval) == 0 ? "Authority" : "Extended", lines);
        out.labelled("To", terms(approval));
        if (who instanceof Who.Named(var _, var text) && text.isPresent()) {
            out.labelled("In words", quoted(text.get()));
        }
    }

    private String person(String by) {
        return who instanceof Who.Named named ? named.person().display() : by;
    }

    private static Optional<String> vouched(Approval approval) {
        String shown = approval.secondsShown().isPresent()
                ? "; shown for " + approval.secondsShown().getAsLong() + " s"
                : "";
        return switch (approval.kind().orElse(ApprovalKind.NONE)) {
            case INTERACTIVE ->
                Optional.of(
                        approval.loginCommitment().isPresent()
                                ? "the person's provider signed a login for exactly this text" + shown
                                : "no login of the provider for this text is recorded" + shown);
            case CIBA -> Optional.of("answered away from the browser, behind the person's login" + shown);
            case STANDING, ASSERTED, PROVIDER, EMERGENCY, NONE -> Optional.empty();
        };
    }

    private List<String> terms(Approval approval) {
        List<String> lines = new ArrayList<>();
        lines.add(approval.agent());
        approval.scope()
                .ifPresentOrElse(
                        scope -> lines.addAll(permissions(scope)),
                        () -> lines.add("the permissions cannot be read from the record"));
        limits(approval.limits()).ifPresent(lines::add);
        approval.end().ifPresent(end -> lines.add("until " + time(end)));
        return lines;
    }

    private static List<String> quoted(String text) {
        return text.lines().map(line -> StoryLines.QUOTE + line).toList();
    }

    private static List<String> permissions(Scope scope) {
        return scope.permissions().isEmpty()
                ? List.of("nothing")
                : scope.permissions().stream().map(StoryText::permission).toList();
    }

    private static String permission(Permission permission) {
        List<String> only = new ArrayList<>();
        if (!permission.resources().isEmpty()) {
            only.add("only " + String.join(", ", permission.resources()));
        }
        permission.constraints().forEach((name, values) -> only.add(name + " " + String.join(" or ", values)));
        String actions = permission.actions().contains("*") ? "anything" : String.join(", ", permission.actions());
        return permission.service() + ": " + actions + (only.isEmpty() ? "" : " (" + String.join("; ", only) + ")");
    }

    private static Optional<String> limits(Limits limits) {
        List<String> parts = new ArrayList<>();
        limits.calls().ifPresent(n -> parts.add(n + " calls"));
        limits.tokens().ifPresent(n -> parts.add(n + " model tokens"));
        limits.spend().ifPresent(n -> parts.add(n + " millionths of the currency"));
        return parts.isEmpty() ? Optional.empty() : Optional.of("at most " + String.join(", ", parts));
    }

    private void agents() {
        List<String> lines = new ArrayList<>();
        for (Agent agent : story.agents()) {
            if (agent.above().isEmpty()) {
                lines.add(agent.id());
                continue;
            }
            lines.add(agent.id() + ", for " + String.join(", for ", agent.above())
                    + (agent.narrower() ? ", with less scope:" : agent.scope().isPresent() ? ", with:" : ""));
            agent.scope().ifPresent(scope -> permissions(scope).forEach(line -> lines.add(StoryLines.MARGIN + line)));
        }
        if (!lines.isEmpty()) {
            out.labelled("Agents", lines);
        }
    }

    // ---- what happened

    private void steps() {
        Optional<LocalDate> day = Optional.empty();
        for (Step step : story.steps()) {
            Optional<LocalDate> today = Optional.of(LocalDate.ofInstant(step.time(), ZoneOffset.UTC));
            if (!today.equals(day)) {
                out.line(StoryLines.MARGIN + today.get());
                day = today;
            }
            switch (step) {
                case Called call -> call(call);
                case Stopped refusal -> refusal(refusal);
                case Change change -> change(change);
                case Said said -> said(said);
            }
        }
    }

    private void call(Called call) {
        out.step(
                OptionalInt.of(call.number()),
                call.time(),
                surface(call.call()),
                action(call.call()),
                result(call),
                call.record());
        List<String> first = new ArrayList<>();
        call.plannedBy().ifPresent(plan -> first.add(planned(plan)));
        first.add(rules(call.decision()));
        if (!call.decision().permit()) {
            first.add(
                    "WOULD BE REFUSED: " + call.decision().reason().orElse("no reason") + " (observed, not enforced)");
        }
        first.addAll(by(call.actors()));
        first.addAll(touched(call.call()));
        out.below(first);
        out.below(ending(call.ending()));
        if (call.late()) {
            out.below(List.of("late: recorded after the task was closed"));
        }
        call.said().forEach(this::saidOf);
    }

    private void refusal(Stopped refusal) {
        out.step(
                OptionalInt.of(refusal.number()),
                refusal.time(),
                surface(refusal.call()),
                unread(refusal.call()) ? refusal.call().service() : action(refusal.call()),
                "REFUSED",
                refusal.record());
        List<String> why = new ArrayList<>();
        why.add(refusal.decision().reason().orElse("no reason is recorded"));
        if (unread(refusal.call())) {
            why.add("before the body of its " + refusal.call().action() + " was read");
        }
        why.add(rules(refusal.decision()));
        why.addAll(by(refusal.actors()));
        why.addAll(touched(refusal.call()));
        if (refusal.late()) {
            why.add("late: recorded after the task was closed");
        }
        out.below(why);
    }

    private static String result(Called call) {
        return switch (call.ending()) {
            case Ending.Ended ended ->
                switch (ended.outcome().end()) {
                    case COMPLETE -> ended.outcome().status() >= 400 ? "failed" : "ok";
                    case REPLACED -> "REPLACED";
                    case CUT_BY_CLIENT, CUT_BY_UPSTREAM -> "cut";
                    case CUT_BY_REVOCATION -> "STOPPED";
                    case EXPIRED -> "EXPIRED";
                    case TIMEOUT -> "timeout";
                    case ERROR -> "error";
                };
            case Ending.Unknown _ -> "UNKNOWN";
            case Ending.Open _ -> "open";
            case Ending.Elsewhere _ -> "allowed";
        };
    }

    private static List<String> ending(Ending ending) {
        return switch (ending) {
            case Ending.Ended(String record, Instant _, boolean late, Ended outcome) -> {
                List<String> parts = outcome(outcome);
                if (late) {
                    parts.add("late: recorded after the task was closed");
                }
                parts.add(record);
                yield parts;
            }
            case Ending.Unknown(String record, Instant _, boolean late) ->
                List.of(
                        "how it ended was lost in a crash: it may have been carried out",
                        late ? "late: recorded after the task was closed, " + record : record);
            case Ending.Open _ -> List.of("no outcome is recorded yet");
            case Ending.Elsewhere _ -> List.of("allowed here, carried by the proxy that asked");
        };
    }

    private static List<String> outcome(Ended outcome) {
        List<String> parts = new ArrayList<>();
        switch (outcome.end()) {
            case COMPLETE -> {}
            case REPLACED -> parts.add("the answer was replaced by a refusal of what it planned");
            case CUT_BY_CLIENT -> parts.add("the agent left before the end");
            case CUT_BY_UPSTREAM -> parts.add("the service broke off");
            case CUT_BY_REVOCATION -> parts.add("cut by the stop of the task");
            case EXPIRED -> parts.add("cut by the end of the approved time");
            case TIMEOUT -> parts.add("the service did not answer in time");
            case ERROR -> parts.add("it failed on the way");
        }
        outcome.reason().map(ForeignText::shown).ifPresent(parts::add);
        if (outcome.status() >= 0) {
            parts.add("status " + outcome.status());
        }
        if (outcome.sent() == Sent.NO) {
            parts.add("nothing was sent");
        } else if (outcome.sent() == Sent.MAYBE) {
            parts.add("it may have reached the service");
        }
        outcome.usage().ifPresent(usage -> parts.add(usage.inputTokens() + " + " + usage.outputTokens() + " tokens"));
        calls(outcome, false).ifPresent(names -> parts.add("plans " + names));
        calls(outcome, true).ifPresent(names -> parts.add("the provider itself made " + names));
        outcome.plan()
                .filter(plan -> plan.outside() > 0)
                .ifPresent(plan -> parts.add(plan.outside() + " of " + plan.checked() + " planned outside the scope"));
        if (!outcome.asked().isEmpty()) {
            parts.add("the service asked back: " + shown(outcome.asked()));
        }
        if (outcome.items() >= 0) {
            parts.add(count(outcome.items(), "item"));
        }
        parts.add(count(outcome.bytes(), "byte"));
        parts.add(outcome.millis() + " ms");
        return parts;
    }

    private static Optional<String> calls(Ended outcome, boolean madeByProvider) {
        List<String> names = outcome.toolCalls().stream()
                .filter(call -> call.madeByProvider() == madeByProvider)
                .map(call -> madeByProvider ? call.name().substring(ToolCall.BY_PROVIDER.length()) : call.name())
                .toList();
        return names.isEmpty() ? Optional.empty() : Optional.of(count(names.size(), "tool call") + ": " + shown(names));
    }

    private static String planned(Planned plan) {
        return "planned by "
                + (plan.number().isPresent() ? "#" + plan.number().getAsInt() : plan.record())
                + (plan.match() == PlannedBy.Match.ID ? "" : " (found by its arguments)");
    }

    private static String rules(Decided decision) {
        return switch (decision.rules().size()) {
            case 0 -> "no rule";
            case 1 -> "rule " + decision.rules().getFirst();
            default -> "rules " + String.join(", ", decision.rules());
        };
    }

    private static List<String> by(List<String> actors) {
        return actors.size() < 2
                ? List.of()
                : List.of("by sub-agent " + actors.getFirst() + " for "
                        + String.join(" for ", actors.subList(1, actors.size())));
    }

    private static List<String> touched(Call call) {
        List<String> parts = new ArrayList<>();
        if (!call.resources().isEmpty()) {
            parts.add("on " + shown(call.resources()));
        }
        call.continues().ifPresent(record -> parts.add("goes on with " + record));
        return parts;
    }

    private static String shown(List<String> values) {
        return String.join(", ", values.stream().map(ForeignText::shown).toList());
    }

    private static String surface(Call call) {
        return switch (call.surface()) {
            case LLM -> "model";
            case MCP -> "tool";
            case HTTP -> "http";
            case DOWNSTREAM -> "service";
            case LOCAL -> "local";
        };
    }

    /** Of a request that was refused before its body was read, the method is all that stands in the record. */
    static boolean unread(Call call) {
        return call.bytes() < 0 && METHOD.matcher(call.action()).matches();
    }

    private static String action(Call call) {
        String action = call.service() + ":" + ForeignText.shown(call.action());
        return call.surface() == Surface.LLM
                ? call.model()
                        .map(model -> ForeignText.shown(model) + " (" + action + ")")
                        .orElse(action)
                : action;
    }

    /** The service's own word about a call of this task. */
    private void saidOf(Said said) {
        out.below(List.of(
                "the service " + said.signed().service() + " recorded it itself"
                        + said.decision()
                                .map(decided -> ": " + verdict(decided))
                                .orElse(""),
                "number " + said.signed().seq() + " of its chain",
                said.record()));
    }

    private void said(Said said) {
        out.step(
                OptionalInt.empty(),
                said.time(),
                "service",
                said.call().map(StoryText::action).orElse(said.signed().service()),
                "",
                said.record());
        out.below(List.of(
                "recorded by " + said.signed().service() + " itself, of a call that did not come through the gateway"
                        + said.of()
                                .map(named -> ", although its caller named " + named)
                                .orElse("")
                        + said.decision()
                                .map(decided -> ": " + verdict(decided))
                                .orElse(""),
                "number " + said.signed().seq() + " of its chain"));
    }

    private static String verdict(Decided decided) {
        return decided.permit() ? "allowed" : "refused, " + decided.reason().orElse("no reason");
    }

    private void change(Change change) {
        out.step(OptionalInt.empty(), change.time(), "--", name(change), "", change.record());
        List<String> lines = new ArrayList<>(what(change));
        if (change.late()) {
            lines.add("late: recorded after the task was closed");
        }
        out.below(lines);
    }

    private static String name(Change change) {
        return switch (change.event()) {
            case ISSUED -> "delegation issued";
            case RENEWED -> "delegation renewed";
            case NARROWED ->
                change.text("for").filter("agent"::equals).isPresent()
                        ? "handed to a sub-agent"
                        : "delegation narrowed";
            case LOGOUT_SEEN -> "the person logged out";
            case REVOKED -> "stop";
            case ENDED -> "closed";
            case APPROVED, EXTENDED, ERASED, OPENED, POLICY, KEY, CONFIGURATION, TOOL -> word(change);
            case REVIEWED, LOOKED_UP, PRUNED, REFUSALS_SUMMARIZED -> word(change);
        };
    }

    private static String word(Change change) {
        return change.event().name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    private static List<String> what(Change change) {
        List<String> parts = new ArrayList<>();
        switch (change.event()) {
            case ISSUED, RENEWED -> {
                if (change.delegation().isPresent()) {
                    parts.add("to " + change.by() + " until "
                            + StoryLines.TIME.format(change.delegation().get().expires()));
                    parts.add(change.delegation().get().bound() ? "bound to its key" : "not bound to a key");
                }
                change.text("audience").ifPresent(audience -> parts.add("for " + audience));
            }
            case NARROWED -> {
                boolean agent = change.text("for").filter("agent"::equals).isPresent();
                parts.add("to " + (agent ? String.join(" for ", change.actors()) : change.by()));
                change.text("audience").ifPresent(audience -> parts.add("for " + audience));
                change.scope()
                        .filter(_ -> agent)
                        .ifPresent(scope -> parts.add("with " + String.join("; ", permissions(scope))));
            }
            case REVOKED -> {
                parts.add(
                        switch (change.text("stops").orElse("")) {
                            case "task" -> "the whole task";
                            case "agent" -> "the agent " + change.text("agent").orElse("") + " and what it handed on";
                            case "token" -> "one token, " + change.text("jti").orElse("");
                            default -> "what it stops is not said";
                        });
                parts.add("by " + change.by());
                change.text("reason").map(ForeignText::shown).ifPresent(parts::add);
            }
            case ENDED -> change.text("reason").ifPresent(parts::add);
            case APPROVED, EXTENDED, LOGOUT_SEEN, ERASED, OPENED, POLICY -> parts.add("by " + change.by());
            case KEY, CONFIGURATION, TOOL, REVIEWED, LOOKED_UP, PRUNED, REFUSALS_SUMMARIZED ->
                parts.add("by " + change.by());
        }
        return parts;
    }

    // ---- the proof

    private List<String> chain() {
        Chain chain = story.chain();
        List<String> lines = new ArrayList<>();
        lines.add(
                chain.broken().isPresent()
                        ? "BROKEN at " + chain.broken().get().record() + ": "
                                + chain.broken().get().problem()
                        : count(chain.records(), "record")
                                + ", none missing, each bound to the one before by its hash");
        lines.add(chain.closing()
                .map(closing -> "closed at " + time(closing.time()) + " with a count of "
                        + (closing.counted().isPresent() ? closing.counted().getAsLong() : "nothing"))
                .orElse("not closed: more may come"));
        if (story.unknown() > 0) {
            lines.add(count(story.unknown(), "outcome") + " unknown");
        }
        if (story.open() > 0) {
            lines.add(count(story.open(), "call") + " without an outcome yet");
        }
        if (story.late() > 0) {
            lines.add(count(story.late(), "late record"));
        }
        return lines;
    }

    private static String count(long count, String what) {
        return count + " " + what + (count == 1 ? "" : "s");
    }

    private static String digest(String sha256) {
        return sha256.length() > SHORT_DIGEST ? sha256.substring(0, SHORT_DIGEST) : sha256;
    }

    private static String time(Instant time) {
        return DAY_AND_TIME.format(time);
    }
}

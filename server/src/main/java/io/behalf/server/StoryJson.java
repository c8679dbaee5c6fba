package io.behalf.server;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Ended;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.ToolCall;
import io.behalf.core.record.AuditRecord.Trace;
import io.behalf.core.record.RecordEncoder;
import io.behalf.server.TaskStory.Agent;
import io.behalf.server.TaskStory.Approval;
import io.behalf.server.TaskStory.Called;
import io.behalf.server.TaskStory.Chain;
import io.behalf.server.TaskStory.Change;
import io.behalf.server.TaskStory.Ending;
import io.behalf.server.TaskStory.Said;
import io.behalf.server.TaskStory.Step;
import io.behalf.server.TaskStory.Stopped;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A story as JSON: the facts of {@link StoryText}, by the names that the record's fields have. */
final class StoryJson {
    private StoryJson() {}

    static Map<String, @Nullable Object> of(TaskStory story, Who who) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        story.task().ifPresent(task -> out.put("task_id", task.value()));
        story.onBehalfOf().ifPresent(basis -> out.put("on_behalf_of", basis(basis)));
        person(out, who);
        story.approvalKind().ifPresent(kind -> out.put("approval_kind", kind.code()));
        out.put("approvals", story.approvals().stream().map(StoryJson::approval).toList());
        out.put("agents", story.agents().stream().map(StoryJson::agent).toList());
        out.put("policies", story.policies());
        out.put("steps", story.steps().stream().map(StoryJson::step).toList());
        out.put("chain", chain(story.chain()));
        out.put("calls", story.calls());
        out.put("refusals", story.refusals());
        out.put("unknown", story.unknown());
        out.put("open", story.open());
        out.put("late", story.late());
        out.put("stopped", story.stopped());
        return out;
    }

    private static void person(Map<String, @Nullable Object> out, Who who) {
        switch (who) {
            case Who.Named(var person, var text) -> {
                Map<String, @Nullable Object> named = new LinkedHashMap<>();
                named.put("subject", person.subjectId());
                named.put("issuer", person.issuer());
                person.name().ifPresent(name -> named.put("name", name));
                person.email().ifPresent(email -> named.put("email", email));
                out.put("person", named);
                text.ifPresent(shown -> out.put("approved_text", shown));
            }
            case Who.Closed _ -> {} // nobody is named
            case Who.Contradicted _ -> out.put("person_contradicts_record", true);
        }
    }

    static Map<String, @Nullable Object> basis(Basis basis) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        switch (basis) {
            case Basis.Person(String subject) -> {
                out.put("kind", "subject");
                out.put("subject", subject);
            }
            case Basis.Nobody(String category, String reasonCode) -> {
                out.put("kind", "none");
                out.put("category", category);
                out.put("reason_code", reasonCode);
            }
            case Basis.Unattributed(String credential, Optional<String> claimed) -> {
                out.put("kind", "unattributed");
                out.put("credential", credential);
                claimed.ifPresent(mac -> out.put("claimed", mac));
            }
        }
        return out;
    }

    private static Map<String, @Nullable Object> approval(Approval approval) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("record", approval.record());
        out.put("time", RecordEncoder.time(approval.time()));
        out.put("by", approval.by());
        out.put("approval_id", approval.approvalId());
        approval.kind().ifPresent(kind -> {
            out.put("approval_kind", kind.code());
            out.put("approved_by_person", kind.byPerson());
            out.put("vouched_for_by", voucher(kind, approval));
        });
        out.put("agent", approval.agent());
        approval.scope().ifPresent(scope -> out.put("permissions", permissions(scope)));
        if (!approval.limits().equals(Limits.NONE)) {
            out.put("limits", limits(approval.limits()));
        }
        approval.end().ifPresent(end -> out.put("end", RecordEncoder.time(end)));
        approval.taskS256().ifPresent(digest -> out.put("task_s256", digest));
        approval.subjectCommitment().ifPresent(digest -> out.put("subject_commitment", digest));
        approval.loginCommitment().ifPresent(digest -> out.put("login_commitment", digest));
        approval.secondsShown().ifPresent(seconds -> out.put("seconds_shown", seconds));
        return out;
    }

    private static String voucher(ApprovalKind kind, Approval approval) {
        return switch (kind) {
            case INTERACTIVE -> approval.loginCommitment().isPresent() ? "provider" : "operator";
            case CIBA, STANDING, EMERGENCY -> "operator";
            case ASSERTED -> "application";
            case PROVIDER -> "provider";
            case NONE -> "nobody";
        };
    }

    private static Map<String, @Nullable Object> agent(Agent agent) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", agent.id());
        out.put("above", agent.above());
        agent.scope().ifPresent(scope -> {
            out.put("permissions", permissions(scope));
            out.put("narrower", agent.narrower());
        });
        return out;
    }

    private static List<Map<String, @Nullable Object>> permissions(Scope scope) {
        return scope.permissions().stream().map(StoryJson::permission).toList();
    }

    private static Map<String, @Nullable Object> permission(Permission permission) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("service", permission.service());
        out.put("actions", List.copyOf(permission.actions()));
        if (!permission.resources().isEmpty()) {
            out.put("resources", List.copyOf(permission.resources()));
        }
        if (!permission.constraints().isEmpty()) {
            Map<String, @Nullable Object> constraints = new LinkedHashMap<>();
            permission.constraints().forEach((name, values) -> constraints.put(name, List.copyOf(values)));
            out.put("constraints", constraints);
        }
        return out;
    }

    private static Map<String, @Nullable Object> limits(Limits limits) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        limits.calls().ifPresent(n -> out.put("calls", n));
        limits.tokens().ifPresent(n -> out.put("tokens", n));
        limits.spend().ifPresent(n -> out.put("spend", n));
        return out;
    }

    private static Map<String, @Nullable Object> step(Step step) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("record", step.record());
        out.put("time", RecordEncoder.time(step.time()));
        switch (step) {
            case Called c -> {
                out.put("kind", "call");
                out.put("number", c.number());
                asked(out, c.late(), c.actors(), c.delegation(), c.trace(), c.call(), c.decision());
                if (!c.said().isEmpty()) {
                    out.put("downstream", c.said().stream().map(StoryJson::said).toList());
                }
                c.plannedBy().ifPresent(plan -> {
                    Map<String, @Nullable Object> planned = new LinkedHashMap<>();
                    planned.put("record", plan.record());
                    planned.put("match", lower(plan.match()));
                    plan.number().ifPresent(number -> planned.put("number", number));
                    out.put("planned_by", planned);
                });
                out.put("ending", ending(c.ending()));
            }
            case Stopped s -> {
                out.put("kind", "refusal");
                out.put("number", s.number());
                asked(out, s.late(), s.actors(), s.delegation(), s.trace(), s.call(), s.decision());
            }
            case Change change -> {
                out.put("kind", "lifecycle");
                out.put("event", lower(change.event()));
                out.put("by", change.by());
                out.put("actors", change.actors());
                change.delegation().ifPresent(held -> out.put("delegation", held(held)));
                out.put("data", change.data());
                out.put("late", change.late());
            }
            case Said said -> {
                out.put("kind", "downstream");
                out.putAll(said(said));
            }
        }
        return out;
    }

    private static void asked(
            Map<String, @Nullable Object> out,
            boolean late,
            List<String> actors,
            Optional<Held> delegation,
            Optional<Trace> trace,
            Call call,
            Decided decision) {
        out.put("late", late);
        out.put("actors", actors);
        delegation.ifPresent(held -> out.put("delegation", held(held)));
        trace.ifPresent(t -> out.put("trace", Map.of("trace_id", t.traceId(), "span_id", t.spanId())));
        out.put("call", call(call));
        out.put("decision", decision(decision));
    }

    private static Map<String, @Nullable Object> held(Held held) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("jti", held.jti());
        out.put("approval_id", held.approvalId());
        out.put("approval_kind", held.approvalKind());
        out.put("expires", RecordEncoder.time(held.expires()));
        out.put("token_sha256", held.tokenSha256());
        out.put("bound", held.bound());
        return out;
    }

    private static Map<String, @Nullable Object> call(Call call) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("surface", lower(call.surface()));
        out.put("service", call.service());
        out.put("action", call.action());
        if (!call.resources().isEmpty()) {
            out.put("resources", call.resources());
        }
        call.model().ifPresent(model -> out.put("model", model));
        call.tool().ifPresent(tool -> out.put("tool", tool));
        call.toolCallId().ifPresent(id -> out.put("tool_call_id", id));
        call.continues().ifPresent(record -> out.put("continues", record));
        call.requestMac().ifPresent(mac -> out.put("request_mac", mac));
        if (call.bytes() >= 0) {
            out.put("bytes", call.bytes());
        }
        return out;
    }

    private static Map<String, @Nullable Object> decision(Decided decision) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("effect", decision.permit() ? "permit" : "refuse");
        out.put("enforced", decision.enforced());
        decision.reason().ifPresent(reason -> out.put("reason", reason));
        out.put("rules", decision.rules());
        out.put("policy_sha256", decision.policySha256());
        out.put("mode", lower(decision.mode()));
        return out;
    }

    private static Map<String, @Nullable Object> ending(Ending ending) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        switch (ending) {
            case Ending.Ended(String record, var time, boolean late, Ended outcome) -> {
                out.put("kind", "outcome");
                out.put("record", record);
                out.put("time", RecordEncoder.time(time));
                out.put("late", late);
                outcome(out, outcome);
            }
            case Ending.Unknown(String record, var time, boolean late) -> {
                out.put("kind", "unknown");
                out.put("record", record);
                out.put("time", RecordEncoder.time(time));
                out.put("late", late);
            }
            case Ending.Open _ -> out.put("kind", "open");
            case Ending.Elsewhere _ -> out.put("kind", "elsewhere");
        }
        return out;
    }

    private static void outcome(Map<String, @Nullable Object> out, Ended outcome) {
        out.put("sent", lower(outcome.sent()));
        out.put("end", lower(outcome.end()));
        if (outcome.status() >= 0) {
            out.put("status", outcome.status());
        }
        outcome.reason().ifPresent(reason -> out.put("reason", reason));
        outcome.requestMac().ifPresent(mac -> out.put("request_mac", mac));
        out.put("response_mac", outcome.responseMac());
        out.put("bytes", outcome.bytes());
        out.put("millis", outcome.millis());
        if (outcome.items() >= 0) {
            out.put("items", outcome.items());
        }
        outcome.usage()
                .ifPresent(usage -> out.put(
                        "usage", Map.of("input_tokens", usage.inputTokens(), "output_tokens", usage.outputTokens())));
        if (!outcome.toolCalls().isEmpty()) {
            out.put(
                    "tool_calls",
                    outcome.toolCalls().stream().map(StoryJson::planned).toList());
        }
        if (!outcome.asked().isEmpty()) {
            out.put("asked", outcome.asked());
        }
        outcome.plan().ifPresent(plan -> out.put("plan", Map.of("checked", plan.checked(), "outside", plan.outside())));
    }

    private static Map<String, @Nullable Object> planned(ToolCall call) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", call.id());
        out.put("name", call.name());
        call.argumentsMac().ifPresent(mac -> out.put("arguments_mac", mac));
        return out;
    }

    private static Map<String, @Nullable Object> said(Said said) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("record", said.record());
        out.put("time", RecordEncoder.time(said.time()));
        out.put("service", said.signed().service());
        out.put("seq", said.signed().seq());
        out.put("kid", said.signed().kid());
        out.put("seen_jti", said.signed().seenJti());
        said.of().ifPresent(of -> out.put("of", of));
        said.call().ifPresent(call -> out.put("call", call(call)));
        said.decision().ifPresent(decision -> out.put("decision", decision(decision)));
        return out;
    }

    private static Map<String, @Nullable Object> chain(Chain chain) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("records", chain.records());
        out.put("whole", chain.whole());
        chain.broken()
                .ifPresent(broken -> out.put("broken", Map.of("record", broken.record(), "problem", broken.problem())));
        chain.closing().ifPresent(closing -> {
            Map<String, @Nullable Object> closed = new LinkedHashMap<>();
            closed.put("record", closing.record());
            closed.put("time", RecordEncoder.time(closing.time()));
            closed.put("reason", closing.reason());
            closing.counted().ifPresent(count -> closed.put("records", count));
            out.put("closed", closed);
        });
        return out;
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}

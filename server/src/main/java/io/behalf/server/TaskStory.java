package io.behalf.server;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Decided;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Held;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.AuditRecord.Trace;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One task as its records tell it, and nothing else: who, what was approved and who vouches for that, every call with its
 * decision and its end, every change, and whether the chain is whole. The same from whichever record it was found.
 *
 * @param task empty for a call that belongs to none
 * @param onBehalfOf of the first record that says it
 * @param approvalKind empty where no delegation was shown
 * @param approvals the first and each extension; none for a task without a person
 * @param agents in the order in which they came
 * @param policies versions that decided, in the order in which they came
 * @param steps in the order of the task's chain, services' own records with the call of the gateway that they are of
 */
record TaskStory(
        Optional<TaskId> task,
        Optional<Basis> onBehalfOf,
        Optional<ApprovalKind> approvalKind,
        List<Approval> approvals,
        List<Agent> agents,
        List<String> policies,
        List<Step> steps,
        Chain chain) {
    TaskStory {
        approvals = List.copyOf(approvals);
        agents = List.copyOf(agents);
        policies = List.copyOf(policies);
        steps = List.copyOf(steps);
    }

    /**
     * What was approved, as far as the record tells: the text and the person are behind digests.
     *
     * @param by who did it: the person's pseudonym, or the agent whose word it is
     * @param loginCommitment of the login that the provider signed for exactly this text
     */
    record Approval(
            String record,
            Instant time,
            String by,
            String approvalId,
            Optional<ApprovalKind> kind,
            String agent,
            Optional<Scope> scope,
            Limits limits,
            Optional<Instant> end,
            Optional<String> taskS256,
            Optional<String> subjectCommitment,
            Optional<String> loginCommitment,
            OptionalLong secondsShown) {}

    /**
     * An agent that acted.
     *
     * @param above the agents that handed on to it, nearest first; empty for the task's own
     * @param scope what a sub-agent was given
     * @param narrower whether that is less than what was approved
     */
    record Agent(String id, List<String> above, Optional<Scope> scope, boolean narrower) {
        Agent {
            above = List.copyOf(above);
        }
    }

    sealed interface Step {
        String record();

        Instant time();
    }

    /**
     * A call that was let through, here or, for a check, by somebody who asked.
     *
     * @param number calls and refusals count together from 1
     */
    record Called(
            int number,
            String record,
            Instant time,
            boolean late,
            List<String> actors,
            Optional<Held> delegation,
            Optional<Trace> trace,
            Call call,
            Decided decision,
            Optional<Planned> plannedBy,
            Ending ending,
            List<Said> said)
            implements Step {
        Called {
            actors = List.copyOf(actors);
            said = List.copyOf(said);
        }
    }

    /** A call that did not go on. */
    record Stopped(
            int number,
            String record,
            Instant time,
            boolean late,
            List<String> actors,
            Optional<Held> delegation,
            Optional<Trace> trace,
            Call call,
            Decided decision)
            implements Step {
        Stopped {
            actors = List.copyOf(actors);
        }
    }

    /** Something happened to the task. */
    record Change(
            String record,
            Instant time,
            boolean late,
            Event event,
            String by,
            List<String> actors,
            Optional<Held> delegation,
            Map<String, @Nullable Object> data)
            implements Step {
        Change {
            actors = List.copyOf(actors);
        }

        Optional<String> text(String name) {
            return data.get(name) instanceof String text ? Optional.of(text) : Optional.empty();
        }

        Optional<Scope> scope() {
            return TaskStory.scope(data);
        }
    }

    /**
     * What a service that verifies for itself recorded; a step of its own where it is not of a call that the gateway made.
     *
     * @param of the call that it was told of: whoever called it said so
     */
    record Said(
            String record,
            Instant time,
            Optional<String> of,
            Optional<Call> call,
            Optional<Decided> decision,
            ServiceSigned signed)
            implements Step {}

    /** @param number of the model call whose reply planned this, where it is one of this task */
    record Planned(String record, PlannedBy.Match match, OptionalInt number) {}

    sealed interface Ending {
        record Ended(String record, Instant time, boolean late, AuditRecord.Ended outcome) implements Ending {}

        /** Its outcome was lost in a crash. */
        record Unknown(String record, Instant time, boolean late) implements Ending {}

        /** Nothing is recorded yet. */
        record Open() implements Ending {}

        /** It was carried by whoever asked. */
        record Elsewhere() implements Ending {}
    }

    /**
     * Whether the task's chain is whole.
     *
     * @param records that stand in it
     * @param broken the first place where it is not
     * @param closing its closing record
     */
    record Chain(long records, Optional<Break> broken, Optional<Closing> closing) {
        boolean whole() {
            return broken.isEmpty();
        }
    }

    record Break(String record, String problem) {}

    /** @param counted what the closing record says that there are, itself included */
    record Closing(String record, Instant time, String reason, OptionalLong counted) {}

    /** @param entries of one task, or of one call without a task, in the ledger's order */
    static TaskStory of(Optional<TaskId> task, List<TaskReader.Entry> entries) {
        return new Telling(task, entries).story();
    }

    boolean stopped() {
        return changes(Event.REVOKED)
                .anyMatch(stop -> stop.text("stops").filter("task"::equals).isPresent());
    }

    boolean ended() {
        return chain.closing().isPresent();
    }

    Optional<Instant> began() {
        return steps.isEmpty() ? Optional.empty() : Optional.of(steps.getFirst().time());
    }

    long calls() {
        return steps.stream().filter(Called.class::isInstance).count();
    }

    long refusals() {
        return steps.stream().filter(Stopped.class::isInstance).count();
    }

    /** Calls of which nobody can say how they ended. */
    long unknown() {
        return called(call -> call.ending() instanceof Ending.Unknown);
    }

    /** Calls without an outcome yet. */
    long open() {
        return called(call -> call.ending() instanceof Ending.Open);
    }

    /** Records that came after the closing one. */
    long late() {
        return steps.stream()
                .mapToLong(step -> switch (step) {
                    case Called call -> (call.late() ? 1 : 0) + (late(call.ending()) ? 1 : 0);
                    case Stopped refusal -> refusal.late() ? 1 : 0;
                    case Change change -> change.late() ? 1 : 0;
                    case Said _ -> 0;
                })
                .sum();
    }

    static boolean late(Ending ending) {
        return switch (ending) {
            case Ending.Ended ended -> ended.late();
            case Ending.Unknown unknown -> unknown.late();
            case Ending.Open _, Ending.Elsewhere _ -> false;
        };
    }

    private long called(Predicate<Called> which) {
        return steps.stream()
                .filter(Called.class::isInstance)
                .map(Called.class::cast)
                .filter(which)
                .count();
    }

    private Stream<Change> changes(Event event) {
        return steps.stream()
                .filter(Change.class::isInstance)
                .map(Change.class::cast)
                .filter(change -> change.event() == event);
    }

    private static Optional<Scope> scope(Map<String, @Nullable Object> data) {
        try {
            return data.get("permissions") == null
                    ? Optional.empty()
                    : Optional.of(BehalfTask.permissions(data.get("permissions")));
        } catch (Json.Malformed | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Puts the records together. */
    private static final class Telling {
        private final Optional<TaskId> task;
        private final List<TaskReader.Entry> entries;
        private final Map<String, Ending> endings = new LinkedHashMap<>();
        /** By the gateway's call. */
        private final Map<String, List<Said>> said = new LinkedHashMap<>();
        /** By {@code jti} of a token that the gateway had made for its calls: of the delegation that it was made from. */
        private final Map<String, String> madeFrom = new LinkedHashMap<>();

        private final Map<String, Integer> numbers = new LinkedHashMap<>();
        private final Map<String, AuditRecord.Intent> intents = new LinkedHashMap<>();

        Telling(Optional<TaskId> task, List<TaskReader.Entry> entries) {
            this.task = task;
            this.entries = entries;
            entries.forEach(entry -> collect(entry.record()));
            entries.forEach(entry -> join(entry.record()));
        }

        TaskStory story() {
            List<Step> steps = new ArrayList<>();
            entries.forEach(entry -> step(entry.record()).ifPresent(steps::add));
            List<Approval> approvals = approvals();
            return new TaskStory(
                    task,
                    headers().flatMap(header -> header.basis().stream()).findFirst(),
                    headers()
                            .flatMap(header -> header.delegation().stream())
                            .flatMap(held -> ApprovalKind.of(held.approvalKind()).stream())
                            .findFirst()
                            .or(() -> approvals.stream()
                                    .flatMap(approval -> approval.kind().stream())
                                    .findFirst()),
                    approvals,
                    agents(approvals),
                    policies(),
                    steps,
                    chain());
        }

        /** First what later lines need of records that come after them. */
        private void collect(AuditRecord record) {
            Header h = record.header();
            switch (record) {
                case AuditRecord.Outcome(var _, String of, AuditRecord.Ended outcome) ->
                    endings.put(of, new Ending.Ended(h.id(), h.time(), h.late(), outcome));
                // what is known wins over what was lost
                case AuditRecord.Unknown(var _, String of) ->
                    endings.putIfAbsent(of, new Ending.Unknown(h.id(), h.time(), h.late()));
                case AuditRecord.Intent intent -> {
                    numbers.put(h.id(), numbers.size() + 1);
                    intents.put(h.id(), intent);
                }
                case AuditRecord.Check _, AuditRecord.Refused _ -> numbers.put(h.id(), numbers.size() + 1);
                case AuditRecord.Lifecycle made -> {
                    if ("service".equals(made.data().get("for"))) {
                        text(made.data(), "from")
                                .ifPresent(from -> h.delegation().ifPresent(held -> madeFrom.put(held.jti(), from)));
                    }
                }
                case AuditRecord.Downstream _ -> {}
            }
        }

        /** Whoever calls a service can name any call to it; the gateway's own are those made with a token for just that. */
        private void join(AuditRecord record) {
            if (record instanceof AuditRecord.Downstream d) {
                d.of().map(intents::get)
                        .filter(intent ->
                                intent.call().service().equals(d.downstream().service()))
                        .filter(intent -> intent.header()
                                .delegation()
                                .filter(held -> held.jti()
                                        .equals(madeFrom.get(d.downstream().seenJti())))
                                .isPresent())
                        .ifPresent(
                                intent -> said.computeIfAbsent(intent.header().id(), _ -> new ArrayList<>())
                                        .add(said(d)));
            }
        }

        private Optional<Step> step(AuditRecord record) {
            return switch (record) {
                case AuditRecord.Intent intent ->
                    Optional.of(called(
                            intent.header(),
                            intent.call(),
                            intent.decision(),
                            intent.plannedBy(),
                            endings.getOrDefault(intent.header().id(), new Ending.Open())));
                case AuditRecord.Check check ->
                    Optional.of(called(
                            check.header(),
                            check.call(),
                            check.decision(),
                            Optional.empty(),
                            // a proxy may tell later how its call ended
                            endings.getOrDefault(check.header().id(), new Ending.Elsewhere())));
                case AuditRecord.Refused(Header h, Call call, Decided decision) ->
                    Optional.of(new Stopped(
                            number(h.id()),
                            h.id(),
                            h.time(),
                            h.late(),
                            h.actors(),
                            h.delegation(),
                            h.trace(),
                            call,
                            decision));
                case AuditRecord.Lifecycle(Header h, Event event, String by, var data) ->
                    Optional.of(new Change(h.id(), h.time(), h.late(), event, by, h.actors(), h.delegation(), data));
                case AuditRecord.Downstream d -> {
                    Said said = said(d);
                    yield joined(said) ? Optional.empty() : Optional.of(said);
                }
                case AuditRecord.Outcome _, AuditRecord.Unknown _ -> Optional.empty();
            };
        }

        private Called called(Header h, Call call, Decided decision, Optional<PlannedBy> plannedBy, Ending ending) {
            return new Called(
                    number(h.id()),
                    h.id(),
                    h.time(),
                    h.late(),
                    h.actors(),
                    h.delegation(),
                    h.trace(),
                    call,
                    decision,
                    plannedBy.map(plan -> new Planned(
                            plan.record(),
                            plan.match(),
                            numbers.containsKey(plan.record())
                                    ? OptionalInt.of(number(plan.record()))
                                    : OptionalInt.empty())),
                    ending,
                    said.getOrDefault(h.id(), List.of()));
        }

        private int number(String record) {
            return numbers.getOrDefault(record, 0);
        }

        private static Said said(AuditRecord.Downstream d) {
            return new Said(d.header().id(), d.header().time(), d.of(), d.call(), d.decision(), d.downstream());
        }

        private boolean joined(Said one) {
            return one.of()
                    .filter(of -> said.getOrDefault(of, List.of()).contains(one))
                    .isPresent();
        }

        private Stream<Header> headers() {
            return entries.stream().map(entry -> entry.record().header());
        }

        private Stream<AuditRecord.Lifecycle> lifecycle(Set<Event> events) {
            return entries.stream()
                    .map(TaskReader.Entry::record)
                    .filter(AuditRecord.Lifecycle.class::isInstance)
                    .map(AuditRecord.Lifecycle.class::cast)
                    .filter(record -> events.contains(record.event()));
        }

        private List<Approval> approvals() {
            return lifecycle(Set.of(Event.APPROVED, Event.EXTENDED))
                    .map(Telling::approval)
                    .toList();
        }

        private static Approval approval(AuditRecord.Lifecycle record) {
            Header h = record.header();
            Map<String, @Nullable Object> data = record.data();
            return new Approval(
                    h.id(),
                    h.time(),
                    record.by(),
                    text(data, "approval_id").orElse(""),
                    text(data, "approval_kind").flatMap(ApprovalKind::of),
                    text(data, "agent")
                            .orElse(
                                    h.actors().isEmpty()
                                            ? record.by()
                                            : h.actors().getFirst()),
                    scope(data),
                    limits(data),
                    text(data, "end").flatMap(Telling::instant),
                    text(data, "task_s256"),
                    text(data, "subject_commitment"),
                    text(data, "login_commitment"),
                    number(data, "seconds_shown"));
        }

        private List<Agent> agents(List<Approval> approvals) {
            Map<String, Scope> given = new LinkedHashMap<>();
            lifecycle(Set.of(Event.NARROWED))
                    .filter(record -> "agent".equals(record.data().get("for")))
                    .forEach(record -> scope(record.data()).ifPresent(scope -> given.putIfAbsent(record.by(), scope)));
            Optional<Scope> approved = approvals.stream()
                    .flatMap(approval -> approval.scope().stream())
                    .findFirst();
            Map<String, Agent> agents = new LinkedHashMap<>();
            headers().filter(header -> !header.actors().isEmpty()).forEach(header -> {
                String id = header.actors().getFirst();
                List<String> above = header.actors().subList(1, header.actors().size());
                Optional<Scope> scope = above.isEmpty() ? Optional.empty() : Optional.ofNullable(given.get(id));
                boolean narrower = scope.isPresent()
                        && approved.isPresent()
                        && approved.get().covers(scope.get())
                        && !scope.get().covers(approved.get());
                agents.putIfAbsent(id, new Agent(id, above, scope, narrower));
            });
            return List.copyOf(agents.values());
        }

        private List<String> policies() {
            Set<String> versions = new LinkedHashSet<>();
            for (TaskReader.Entry entry : entries) {
                switch (entry.record()) {
                    case AuditRecord.Intent intent ->
                        versions.add(intent.decision().policySha256());
                    case AuditRecord.Check check ->
                        versions.add(check.decision().policySha256());
                    case AuditRecord.Refused refused ->
                        versions.add(refused.decision().policySha256());
                    case AuditRecord.Outcome _, AuditRecord.Unknown _ -> {}
                    case AuditRecord.Downstream _, AuditRecord.Lifecycle _ -> {}
                }
            }
            return List.copyOf(versions);
        }

        /** Whole is: from 1 without holes, each with the leaf hash of the one before; the closing count is right. */
        private Chain chain() {
            Optional<Break> broken = Optional.empty();
            Optional<Closing> closing = Optional.empty();
            Optional<String> before = Optional.empty();
            long records = 0;
            for (TaskReader.Entry entry : entries) {
                if (entry.stored().taskSeq() == 0) {
                    continue; // a service's own, which stands in that service's chain
                }
                records++;
                String id = entry.record().header().id();
                if (broken.isEmpty() && entry.stored().taskSeq() != records) {
                    broken = Optional.of(new Break(
                            id, "it is number " + entry.stored().taskSeq() + " where " + records + " was due"));
                } else if (broken.isEmpty() && !entry.stored().prev().equals(before)) {
                    broken = Optional.of(new Break(id, "the record before it is not the one that it followed"));
                }
                before = Optional.of(entry.leaf().hex());
                if (entry.record() instanceof AuditRecord.Lifecycle(Header h, Event event, String _, var data)
                        && event == Event.ENDED
                        && closing.isEmpty()) {
                    OptionalLong counted = number(data, "records");
                    closing = Optional.of(
                            new Closing(id, h.time(), text(data, "reason").orElse("not said"), counted));
                    if (broken.isEmpty() && counted.orElse(0) != records) {
                        broken = Optional.of(new Break(id, "it counts " + counted.orElse(0) + " records"));
                    }
                }
            }
            return new Chain(records, broken, closing);
        }

        private static Optional<String> text(Map<String, @Nullable Object> data, String name) {
            return data.get(name) instanceof String text ? Optional.of(text) : Optional.empty();
        }

        private static OptionalLong number(Map<String, @Nullable Object> data, String name) {
            return data.get(name) instanceof Long number ? OptionalLong.of(number) : OptionalLong.empty();
        }

        private static Limits limits(Map<String, @Nullable Object> data) {
            try {
                return BehalfTask.limits(data.get("limits"));
            } catch (Json.Malformed | IllegalArgumentException e) {
                return Limits.NONE;
            }
        }

        private static Optional<Instant> instant(String text) {
            try {
                return Optional.of(Instant.parse(text));
            } catch (DateTimeException e) {
                return Optional.empty();
            }
        }
    }
}

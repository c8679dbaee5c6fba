package io.behalf.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.policy.Rule.Effect;
import io.behalf.policy.ServicePolicy.ActionLabel;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PolicyTest {
    private static final Instant NOW = Instant.parse("2026-11-24T09:00:00Z");
    private static final Set<String> ANY = Set.of();
    private static final List<ServicePolicy> SERVICES = List.of(
            new ServicePolicy(
                    "tickets",
                    false,
                    "tickets",
                    Map.of("search", ActionLabel.of("search tickets"), "delete", ActionLabel.of("delete tickets"))),
            new ServicePolicy("customers", true, "customer records", Map.of()));

    // ---- within-scope

    @Test
    void permitsWhatTheTaskCovers() {
        assertThat(permitted(policy().decide(ask("tickets", "search")))).containsExactly("within-scope");
    }

    @Test
    void refusesAnotherServiceInWordsThatAnAgentCanActOn() {
        Refusal refusal = denied(policy().decide(ask("customers", "get")));

        assertThat(refusal.reason()).isEqualTo(Reason.SCOPE_EXCEEDED);
        assertThat(refusal.rules()).containsExactly("within-scope");
        assertThat(refusal.sentence())
                .isEqualTo("This task covers tickets, not customer records. Ask for more, or go on without.");
    }

    @Test
    void refusesAnotherActionNamingWhatTheTaskMayDo() {
        assertThat(denied(policy().decide(ask("tickets", "delete"))).sentence())
                .isEqualTo("With tickets this task may read and search tickets, not delete tickets."
                        + " Ask for more, or go on without.");
    }

    @Test
    void refusesAnotherResourceNamingThoseThatTheTaskReaches() {
        Delegation narrow = delegation(
                Scope.of(Permission.of("tickets", List.of("search"), List.of("enterprise/*"), Map.of())),
                ApprovalKind.INTERACTIVE);

        Refusal outside =
                denied(policy().decide(question(new Ask("tickets", "search", List.of("private/7"), Map.of()), narrow)));
        Refusal unsaid = denied(policy().decide(question(Ask.of("tickets", "search"), narrow)));

        assertThat(outside.sentence())
                .isEqualTo("This task may search tickets only at enterprise/*; not private/7."
                        + " Ask for more, or go on without.");
        assertThat(unsaid.reason()).isEqualTo(Reason.SCOPE_EXCEEDED);
    }

    @Test
    void refusesCallWhoseConstraintNobodyCanCheck() {
        Delegation limited = delegation(
                Scope.of(Permission.of("tickets", List.of("search"), List.of(), Map.of("quarter", List.of("Q3")))),
                ApprovalKind.INTERACTIVE);

        assertThat(denied(policy().decide(question(Ask.of("tickets", "search"), limited)))
                        .sentence())
                .isEqualTo("This task may search tickets only where quarter is Q3. Ask for more, or go on without.");
        assertThat(policy().decide(question(new Ask("tickets", "search", List.of(), Map.of("quarter", "Q3")), limited)))
                .isInstanceOf(Decision.Permit.class);
    }

    @Test
    void refusesAgentOtherThanTheOneAuthenticated() {
        Question q = ask("tickets", "search");
        Question other =
                new Question(q.ask(), q.delegation(), q.surface(), Map.of(), Optional.of("another-agent"), NOW);

        assertThat(denied(policy().decide(other)).reason()).isEqualTo(Reason.ACTOR_MISMATCH);
        assertThat(policy().visible(other)).isFalse();
    }

    @Test
    void refusesChainLongerThanConfigured() {
        Delegation deep = delegation(
                scope("tickets", "search"), ApprovalKind.INTERACTIVE, List.of("d", "c", "b", "ticket-agent"));

        assertThat(denied(policy().decide(question(Ask.of("tickets", "search"), deep)))
                        .reason())
                .isEqualTo(Reason.CHAIN_TOO_DEEP);
    }

    @Test
    void keepsLongForeignNamesShortInSentences() {
        String sentence =
                denied(policy().decide(ask("tickets", "x".repeat(10_000)))).sentence();

        assertThat(sentence).hasSizeLessThan(300);
    }

    // ---- regulated-needs-approval

    @ParameterizedTest
    @EnumSource(
            value = ApprovalKind.class,
            names = {"INTERACTIVE", "CIBA", "STANDING", "EMERGENCY"})
    void permitsRegulatedServiceWithApprovalOfAPerson(ApprovalKind kind) {
        Delegation d = delegation(scope("customers", "get"), kind);

        assertThat(policy().decide(question(Ask.of("customers", "get"), d))).isInstanceOf(Decision.Permit.class);
    }

    @ParameterizedTest
    @EnumSource(
            value = ApprovalKind.class,
            names = {"ASSERTED", "PROVIDER", "NONE"})
    void refusesRegulatedServiceWithoutApprovalOfAPerson(ApprovalKind kind) {
        Question q = question(Ask.of("customers", "get"), delegation(scope("customers", "get"), kind));

        Refusal refusal = denied(policy().decide(q));

        assertThat(refusal.reason()).isEqualTo(Reason.APPROVAL_REQUIRED);
        assertThat(refusal.rules()).containsExactly("regulated-needs-approval");
        assertThat(refusal.sentence()).contains("customer records");
        assertThat(policy().visible(q)).isFalse();
    }

    // ---- limits

    @Test
    void asksTheTasksLimitsAfterScopeAndBeforeRules() {
        Refusal used = Refusal.of(Reason.LIMIT_EXCEEDED, "used up");
        Policy strict = policy(rule("no", Effect.FORBID, ANY, ANY, "true"));
        List<String> asked = new ArrayList<>();

        Decision outside = strict.decide(ask("customers", "get"), () -> {
            asked.add("limits");
            return Optional.of(used);
        });

        assertThat(denied(outside).reason()).isEqualTo(Reason.SCOPE_EXCEEDED);
        assertThat(asked).isEmpty();
        assertThat(denied(strict.decide(ask("tickets", "search"), () -> Optional.of(used)))
                        .reason())
                .isEqualTo(Reason.LIMIT_EXCEEDED);
        assertThat(denied(strict.decide(ask("tickets", "search"), Optional::empty))
                        .reason())
                .isEqualTo(Reason.POLICY_DENIED);
    }

    // ---- configured rules

    @Test
    void namesEveryRuleThatPermits() {
        Policy policy = policy(
                rule("tickets-read", Effect.PERMIT, Set.of("tickets"), Set.of("search", "read"), "true"),
                rule("alice-only", Effect.PERMIT, ANY, ANY, "subject == 'corp:alice'"),
                rule("bob-only", Effect.PERMIT, ANY, ANY, "subject == 'corp:bob'"));

        assertThat(permitted(policy.decide(ask("tickets", "search"))))
                .containsExactlyInAnyOrder("within-scope", "tickets-read", "alice-only");
    }

    @Test
    void forbidWinsOverEveryPermit() {
        Policy policy = policy(
                rule("allow", Effect.PERMIT, ANY, ANY, "true"),
                rule("no-sub-agents", Effect.FORBID, ANY, ANY, "agents.size() > 1"),
                rule("no-search", Effect.FORBID, Set.of("tickets"), Set.of("search"), "true"));

        Refusal refusal = denied(policy.decide(ask("tickets", "search")));

        assertThat(refusal.reason()).isEqualTo(Reason.POLICY_DENIED);
        assertThat(refusal.rules()).containsExactly("no-search");
        assertThat(refusal.sentence()).contains("search tickets");
    }

    @Test
    void deniesByDefaultWhereScopeAloneDoesNotPermit() {
        PolicySource source = new PolicySource(
                List.of(rule("read", Effect.PERMIT, Set.of("tickets"), Set.of("read"), "true")),
                SERVICES,
                Set.of(),
                false,
                3);
        Policy policy = compiled(source);

        assertThat(denied(policy.decide(ask("tickets", "search"))).reason()).isEqualTo(Reason.POLICY_DENIED);
        assertThat(permitted(policy.decide(ask("tickets", "read")))).containsExactly("read");
    }

    @Test
    void noRulePermitsWhatTheTaskDoesNotCover() {
        Policy policy = policy(rule("allow", Effect.PERMIT, ANY, ANY, "true"));

        assertThat(denied(policy.decide(ask("customers", "get"))).reason()).isEqualTo(Reason.SCOPE_EXCEEDED);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "service == 'tickets' && action == 'search'",
                "resources == ['enterprise/7'] && attributes.quarter == 'Q3'",
                "surface == 'mcp' && !listing",
                "subject.startsWith('corp:') && no_subject == ''",
                "agent == 'ticket-agent' && agents.size() == 1 && agent in agents",
                "approval == 'interactive' && acr == 'phr' && 'hwk' in amr",
                "task.startsWith('tsk_') && now < task_end && task_end - now <= duration('1h')",
                "facts.rows == 7 && facts.rows + 1 == 8 && facts.nested.list[0] == 1 && facts.share == 0.5",
                "now.getHours('Europe/Berlin') == 10",
                "has(facts.rows) && !has(facts.columns)",
                "resources.all(r, r.startsWith('enterprise/'))",
                "service.matches('^t[a-z]+s$')"
            })
    void rulesSeeTheCall(String expression) {
        Policy policy = policy(rule("it-holds", Effect.PERMIT, ANY, ANY, expression));
        Question q = new Question(
                new Ask("tickets", "search", List.of("enterprise/7"), Map.of("quarter", "Q3")),
                delegation(scope("tickets", "search"), ApprovalKind.INTERACTIVE),
                Surface.MCP,
                Map.of("rows", 7, "share", 0.5f, "nested", Map.of("list", List.of((short) 1))),
                Optional.empty(),
                NOW);

        assertThat(permitted(policy.decide(q))).contains("it-holds");
    }

    @Test
    void forbidWithoutAnAnswerRefuses() {
        Policy policy = policy(rule("needs-fact", Effect.FORBID, ANY, ANY, "facts.department == 'sales'"));

        Refusal refusal = denied(policy.decide(ask("tickets", "search")));

        assertThat(refusal.reason()).isEqualTo(Reason.POLICY_UNAVAILABLE);
        assertThat(refusal.rules()).containsExactly("needs-fact");
    }

    /** What else the call touches may be what a rule forbids. */
    @Test
    void forbidOverSomeOfTheResourcesHoldsOrHasNoAnswer() {
        Policy policy = policy(
                rule("no-vip", Effect.FORBID, ANY, ANY, "'c/vip' in resources"),
                rule("not-there", Effect.FORBID, ANY, ANY, "service == 'elsewhere' && 'c/a' in resources"));
        Delegation d = delegation(scope("tickets", "search"), ApprovalKind.INTERACTIVE);

        Refusal known = denied(policy.decide(question(partly("c/vip"), d)));
        assertThat(known.reason()).isEqualTo(Reason.POLICY_DENIED);
        assertThat(known.rules()).containsExactly("no-vip");
        Refusal unknown = denied(policy.decide(question(partly("c/a"), d)));
        assertThat(unknown.reason()).isEqualTo(Reason.POLICY_UNAVAILABLE);
        assertThat(unknown.rules()).containsExactly("no-vip");
        assertThat(denied(policy.decide(question(partly(), d))).reason()).isEqualTo(Reason.POLICY_UNAVAILABLE);
        assertThat(permitted(policy.decide(question(new Ask("tickets", "search", List.of("c/a"), Map.of()), d))))
                .containsExactly("within-scope");
        assertThat(policy.visible(question(partly("c/a"), d))).isTrue();
    }

    @Test
    void permitOverSomeOfTheResourcesDoesNotPermit() {
        PolicySource source = new PolicySource(
                List.of(rule("no-vip", Effect.PERMIT, ANY, ANY, "!('c/vip' in resources)")),
                List.of(),
                Set.of(),
                false,
                3);
        Delegation d = delegation(scope("tickets", "search"), ApprovalKind.INTERACTIVE);

        assertThat(denied(compiled(source).decide(question(partly("c/a"), d))).reason())
                .isEqualTo(Reason.POLICY_DENIED);
    }

    private static Ask partly(String... resources) {
        return new Ask("tickets", "search", List.of(resources), false, Map.of());
    }

    @Test
    void permitWithoutAnAnswerDoesNotPermit() {
        PolicySource source = new PolicySource(
                List.of(rule("needs-fact", Effect.PERMIT, ANY, ANY, "facts.department == 'sales'")),
                List.of(),
                Set.of(),
                false,
                3);

        assertThat(denied(compiled(source).decide(ask("tickets", "search"))).reason())
                .isEqualTo(Reason.POLICY_DENIED);
    }

    @Test
    void expressionThatRunsAwayIsCutOff() {
        String runaway = "resources.all(a, resources.all(b, resources.all(c, a + b + c != '')))";
        Policy policy = policy(rule("runaway", Effect.FORBID, ANY, ANY, runaway));
        List<String> many = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            many.add("r" + i);
        }

        Decision decision = policy.decide(question(
                new Ask("tickets", "search", many, Map.of()),
                delegation(scope("tickets", "search"), ApprovalKind.INTERACTIVE)));

        assertThat(denied(decision).reason()).isEqualTo(Reason.POLICY_UNAVAILABLE);
    }

    // ---- lists

    @Test
    void showsInListsWhatTheSameRulesWouldPermit() {
        Policy policy = policy(rule("no-delete", Effect.FORBID, Set.of("tickets"), Set.of("delete"), "true"));
        Delegation all = delegation(scope("tickets", "*"), ApprovalKind.INTERACTIVE);

        assertThat(policy.visible(question(Ask.of("tickets", "search"), all))).isTrue();
        assertThat(policy.visible(question(Ask.of("tickets", "delete"), all))).isFalse();
        assertThat(policy.visible(question(Ask.of("customers", "get"), all))).isFalse();
        assertThat(policy.visible(question(Ask.of("tickets", "a*b\n"), all))).isFalse();
        assertThat(policy.visible(question(Ask.of("tickets", ""), all))).isFalse();
    }

    @Test
    void showsActionOfWhichSomeResourceIsCovered() {
        Delegation narrow = delegation(
                Scope.of(Permission.of("tickets", List.of("search"), List.of("enterprise/*"), Map.of())),
                ApprovalKind.INTERACTIVE);

        assertThat(policy().visible(question(Ask.of("tickets", "search"), narrow)))
                .isTrue();
    }

    @Test
    void rulesCanTellAListFromACall() {
        Policy policy = policy(rule("hidden", Effect.FORBID, ANY, ANY, "listing"));

        assertThat(policy.visible(ask("tickets", "search"))).isFalse();
        assertThat(policy.decide(ask("tickets", "search"))).isInstanceOf(Decision.Permit.class);
    }

    // ---- compilation and version

    @Test
    void reportsAllProblemsTogether() {
        PolicySource broken = new PolicySource(
                List.of(
                        rule("Bad Id", Effect.PERMIT, ANY, ANY, "true"),
                        rule("within-scope", Effect.PERMIT, ANY, ANY, "true"),
                        rule("twice", Effect.PERMIT, ANY, ANY, "true"),
                        rule("twice", Effect.FORBID, ANY, ANY, "true"),
                        rule("typo", Effect.FORBID, Set.of("tickts"), ANY, "true"),
                        rule("pattern", Effect.FORBID, ANY, Set.of("get*"), "true"),
                        rule("syntax", Effect.FORBID, ANY, ANY, "subject == "),
                        rule("unknown-name", Effect.FORBID, ANY, ANY, "user == 'alice'"),
                        rule("no-truth-value", Effect.FORBID, ANY, ANY, "subject"),
                        rule("mistyped", Effect.FORBID, ANY, ANY, "agents == 1")),
                SERVICES,
                Set.of("tickets", "customers"),
                true,
                3);

        PolicyProblems problems = catchThrowableOfType(PolicyProblems.class, () -> Policy.compile(broken));

        assertThat(problems.problems())
                .extracting(PolicyProblems.Problem::rule)
                .containsExactly(
                        "Bad Id",
                        "within-scope",
                        "twice",
                        "typo",
                        "pattern",
                        "syntax",
                        "unknown-name",
                        "no-truth-value",
                        "mistyped");
        assertThat(problems).hasMessageContaining("tickts").hasMessageContaining("undeclared reference to 'user'");
    }

    @Test
    void refusesMoreRulesThanItsBound() {
        List<Rule> rules = new ArrayList<>();
        for (int i = 0; i <= RuleIndex.MAX_RULES; i++) {
            rules.add(rule("r-" + i, Effect.PERMIT, ANY, ANY, "true"));
        }

        assertThatThrownBy(() -> Policy.compile(new PolicySource(rules, List.of(), Set.of(), true, 3)))
                .isInstanceOf(PolicyProblems.class);
    }

    @Test
    void versionChangesWithAnythingThatDecidesAndOnlyThen() {
        Rule a = rule("a", Effect.PERMIT, ANY, ANY, "true");
        Rule b = rule("a", Effect.PERMIT, ANY, ANY, "1 == 1");

        assertThat(policy(a).sha256()).isEqualTo(policy(a).sha256()).matches("[0-9a-f]{64}");
        assertThat(policy(b).sha256()).isNotEqualTo(policy(a).sha256());
        assertThat(compiled(new PolicySource(List.of(a), SERVICES, Set.of(), false, 3))
                        .sha256())
                .isNotEqualTo(policy(a).sha256());
        assertThat(compiled(new PolicySource(List.of(a), List.of(), Set.of(), true, 3))
                        .sha256())
                .isNotEqualTo(policy(a).sha256());
    }

    @Test
    void looksAtApplicableRulesOnly() throws Exception {
        List<Rule> rules = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            rules.add(rule("r-" + i, Effect.PERMIT, Set.of("service-" + i % 100), Set.of("a-" + i % 7), "true"));
        }
        rules.add(rule("any-service", Effect.PERMIT, ANY, Set.of("a-3"), "true"));
        rules.add(rule("any-action", Effect.PERMIT, Set.of("service-10"), ANY, "true"));
        rules.add(rule("anything", Effect.PERMIT, ANY, ANY, "true"));
        List<String> looked = new ArrayList<>();

        RuleIndex.compile(rules, Set.of()).applicable("service-10", "a-3", rule -> looked.add(rule.id()));

        assertThat(looked)
                .containsExactlyInAnyOrder("r-10", "r-710", "any-service", "any-action", "anything")
                .doesNotHaveDuplicates();
    }

    static Policy policy(Rule... rules) {
        return compiled(new PolicySource(List.of(rules), SERVICES, Set.of(), true, 3));
    }

    private static Policy compiled(PolicySource source) {
        try {
            return Policy.compile(source);
        } catch (PolicyProblems e) {
            throw new AssertionError(e);
        }
    }

    private static Rule rule(String id, Effect effect, Set<String> services, Set<String> actions, String when) {
        return Rule.of(id, effect, services, actions, when);
    }

    private static Question ask(String service, String action) {
        Scope scope = Scope.of(Permission.of("tickets", List.of("search", "read")));
        return question(Ask.of(service, action), delegation(scope, ApprovalKind.INTERACTIVE));
    }

    private static Question question(Ask ask, Delegation d) {
        return Question.of(ask, d, Surface.MCP, NOW);
    }

    private static Scope scope(String service, String action) {
        return Scope.of(Permission.of(service, List.of(action)));
    }

    private static Delegation delegation(Scope scope, ApprovalKind kind) {
        return delegation(scope, kind, List.of("ticket-agent"));
    }

    private static Delegation delegation(Scope scope, ApprovalKind kind, List<String> actors) {
        return new Delegation(
                "https://authority.example",
                "https://gateway.example/mcp/tickets",
                "dlg_01KAW7Z5Q0E8XJ5N4M3C2B1A00",
                kind == ApprovalKind.NONE
                        ? new OnBehalfOf.NoSubject("scheduled", "nightly")
                        : new OnBehalfOf.Subject(
                                "corp:alice", "https://login.example", "sbj_01KAW7Z5Q0E8XJ5N4M3C2B1A01"),
                actors,
                new BehalfTask("Summarize tickets", scope, Limits.NONE, Optional.empty(), Optional.empty()),
                new TaskId("tsk_01KAW7Z5Q0E8XJ5N4M3C2B1A02"),
                NOW.plusSeconds(3600),
                "0".repeat(43),
                "apr_01KAW7Z5Q0E8XJ5N4M3C2B1A03",
                kind,
                Optional.of(new Delegation.Login(NOW.minusSeconds(60), Optional.of("phr"), List.of("hwk"))),
                new Binding.Unbound(),
                NOW.minusSeconds(10),
                Optional.empty(),
                NOW.plusSeconds(290),
                Optional.empty());
    }

    private static List<String> permitted(Decision decision) {
        return switch (decision) {
            case Decision.Permit(var rules) -> rules;
            case Decision.Denied(var refusal) -> throw new AssertionError("denied: " + refusal);
        };
    }

    private static Refusal denied(Decision decision) {
        return switch (decision) {
            case Decision.Permit permit -> throw new AssertionError("permitted: " + permit);
            case Decision.Denied(var refusal) -> refusal;
        };
    }
}

package io.behalf.policy;

import dev.cel.bundle.Cel;
import dev.cel.bundle.CelFactory;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.types.SimpleType;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelRuntime.Program;
import dev.cel.runtime.CelVariableResolver;
import io.behalf.core.delegation.Permission;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The configured rules, compiled and found by service and action: a decision looks at the rules that can apply and at no
 * other, so that its cost does not grow with the policy. Rules that name no service, or no action, stand apart.
 * Immutable, thread-safe.
 */
final class RuleIndex {
    /** Bounds of one expression; what exceeds them is a problem of the policy, or an error of the evaluation. */
    private static final CelOptions OPTIONS = CelOptions.current()
            .enableHeterogeneousNumericComparisons(true)
            .maxExpressionCodePointSize(8_192)
            .maxParseRecursionDepth(64)
            .comprehensionMaxIterations(10_000)
            .maxRegexProgramSize(1_000)
            .build();

    static final int MAX_RULES = 50_000;

    private static final Pattern ID = Pattern.compile("[a-z0-9-]{1,64}");
    private static final Set<String> BUILT_IN = Set.of(Policy.WITHIN_SCOPE, Policy.REGULATED_NEEDS_APPROVAL);

    private final Map<String, ByAction> byService = new HashMap<>();
    private final ByAction anyService = new ByAction();

    /** @throws PolicyProblems with all of them */
    static RuleIndex compile(List<Rule> rules, Set<String> knownServices) throws PolicyProblems {
        RuleIndex index = new RuleIndex();
        List<PolicyProblems.Problem> problems = new ArrayList<>();
        Set<String> ids = new HashSet<>();
        @Nullable Cel cel = null; // making one costs a tenth of a second, so a policy without expressions makes none
        if (rules.size() > MAX_RULES) {
            problems.add(new PolicyProblems.Problem("policy", "more than " + MAX_RULES + " rules"));
        }
        for (Rule rule : rules) {
            Consumer<String> problem = message -> problems.add(new PolicyProblems.Problem(rule.id(), message));
            checkNames(rule, ids, knownServices, problem);
            if (rule.when().strip().equals("true")) {
                index.add(rule, null);
                continue;
            }
            cel = cel == null ? cel() : cel;
            try {
                CelAbstractSyntaxTree ast = cel.compile(rule.when()).getAst();
                index.add(rule, cel.createProgram(ast));
            } catch (CelValidationException | CelEvaluationException | RuntimeException e) {
                problem.accept(String.valueOf(e.getMessage()));
            }
        }
        if (!problems.isEmpty()) {
            throw new PolicyProblems(problems);
        }
        return index;
    }

    /** Hands all rules that apply to this service and action to {@code each}, in no particular order. */
    void applicable(String service, String action, Consumer<Compiled> each) {
        ByAction here = byService.get(service);
        if (here != null) {
            here.applicable(action, each);
        }
        anyService.applicable(action, each);
    }

    private void add(Rule rule, @Nullable Program program) {
        Compiled compiled = new Compiled(rule.id(), rule.effect(), program);
        if (rule.services().isEmpty()) {
            anyService.add(rule.actions(), compiled);
        }
        for (String service : rule.services()) {
            byService.computeIfAbsent(service, s -> new ByAction()).add(rule.actions(), compiled);
        }
    }

    private static void checkNames(Rule rule, Set<String> ids, Set<String> known, Consumer<String> problem) {
        if (!ID.matcher(rule.id()).matches()) {
            problem.accept("an id is [a-z0-9-]+, at most 64 long");
        }
        if (BUILT_IN.contains(rule.id())) {
            problem.accept("this is the id of a built-in rule");
        }
        if (!ids.add(rule.id())) {
            problem.accept("another rule has the same id");
        }
        for (String service : rule.services()) {
            try {
                Permission.of(service, List.of("*"));
            } catch (IllegalArgumentException e) {
                problem.accept("service \"" + service + "\": " + e.getMessage());
                continue;
            }
            if (!known.isEmpty() && !known.contains(service)) {
                problem.accept("there is no service \"" + service + "\""); // a forbid with a typo would never fire
            }
        }
        for (String action : rule.actions()) {
            if (action.isBlank() || action.indexOf('*') >= 0) {
                problem.accept("an action is named exactly; leave actions out for all of them");
            }
        }
    }

    private static Cel cel() {
        var builder = CelFactory.plannerCelBuilder()
                .setOptions(OPTIONS)
                .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
                .setResultType(SimpleType.BOOL);
        RuleVariables.declare(builder::addVar);
        return builder.build();
    }

    private static final class ByAction {
        private final Map<String, List<Compiled>> byAction = new HashMap<>();
        private final List<Compiled> anyAction = new ArrayList<>();

        void add(SortedSet<String> actions, Compiled rule) {
            if (actions.isEmpty()) {
                anyAction.add(rule);
            }
            for (String action : actions) {
                byAction.computeIfAbsent(action, a -> new ArrayList<>()).add(rule);
            }
        }

        void applicable(String action, Consumer<Compiled> each) {
            byAction.getOrDefault(action, List.of()).forEach(each);
            anyAction.forEach(each);
        }
    }

    /** One rule, ready to run. {@code program} is null where the rule holds whenever it applies. */
    record Compiled(String id, Rule.Effect effect, @Nullable Program program) {
        /** @throws CelEvaluationException when the expression has no answer, for example where a fact is not there */
        boolean holds(CelVariableResolver variables) throws CelEvaluationException {
            return program == null || Boolean.TRUE.equals(program.eval(variables));
        }
    }
}

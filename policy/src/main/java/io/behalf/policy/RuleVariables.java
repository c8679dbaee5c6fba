package io.behalf.policy;

import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.SimpleType;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.OnBehalfOf;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/**
 * What a rule's expression may speak of, by name. Each is computed only when an expression asks for it. Every one always
 * has a value: an empty string, list or map where there is nothing to say.
 */
final class RuleVariables {
    static final String RESOURCES = "resources";

    private static final CelType STRINGS = ListType.create(SimpleType.STRING);

    private static final List<Variable> ALL = List.of(
            new Variable("service", SimpleType.STRING, (q, listing) -> q.ask().service()),
            new Variable("action", SimpleType.STRING, (q, listing) -> q.ask().action()),
            new Variable(RESOURCES, STRINGS, (q, listing) -> q.ask().resources()),
            new Variable("attributes", MapType.create(SimpleType.STRING, SimpleType.STRING), (q, listing) -> q.ask()
                    .attributes()),
            // llm, mcp, http, downstream or local
            new Variable("surface", SimpleType.STRING, (q, listing) -> q.surface()
                    .name()
                    .toLowerCase(Locale.ROOT)),
            // true while a list is filtered: then no resource is named yet
            new Variable("listing", SimpleType.BOOL, (q, listing) -> listing),
            // the person, provider:id; empty where there is none
            new Variable("subject", SimpleType.STRING, (q, listing) -> q.delegation()
                    .onBehalfOf()
                    .fold(OnBehalfOf.Subject::id, none -> "")),
            // the category of a task without a person; empty where there is one
            new Variable("no_subject", SimpleType.STRING, (q, listing) -> q.delegation()
                    .onBehalfOf()
                    .fold(person -> "", OnBehalfOf.NoSubject::category)),
            // the agent that acts, and all it came through, the present one first
            new Variable(
                    "agent", SimpleType.STRING, (q, listing) -> q.delegation().actor()),
            new Variable("agents", STRINGS, (q, listing) -> q.delegation().actors()),
            new Variable("approval", SimpleType.STRING, (q, listing) -> q.delegation()
                    .approvalKind()
                    .code()),
            // how the person had logged in (OpenID Connect Core §2)
            new Variable("acr", SimpleType.STRING, (q, listing) -> q.delegation()
                    .login()
                    .flatMap(Delegation.Login::acr)
                    .orElse("")),
            new Variable("amr", STRINGS, (q, listing) -> q.delegation()
                    .login()
                    .map(Delegation.Login::amr)
                    .orElse(List.of())),
            new Variable("task", SimpleType.STRING, (q, listing) -> q.delegation()
                    .taskId()
                    .value()),
            new Variable("task_end", SimpleType.TIMESTAMP, (q, listing) -> q.delegation()
                    .taskEnd()),
            new Variable("facts", MapType.create(SimpleType.STRING, SimpleType.DYN), (q, listing) -> q.facts()),
            new Variable("now", SimpleType.TIMESTAMP, (q, listing) -> q.now()));

    private static final Map<String, Variable> BY_NAME =
            ALL.stream().collect(Collectors.toUnmodifiableMap(Variable::name, variable -> variable));

    private RuleVariables() {}

    static void declare(BiConsumer<String, CelType> declaration) {
        ALL.forEach(variable -> declaration.accept(variable.name, variable.type));
    }

    static Optional<Object> find(String name, Question q, boolean listing) {
        return Optional.ofNullable(BY_NAME.get(name)).map(variable -> variable.value.apply(q, listing));
    }

    private record Variable(String name, CelType type, BiFunction<Question, Boolean, Object> value) {}
}

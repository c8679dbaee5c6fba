package io.behalf.it;

import java.lang.reflect.Executable;
import java.lang.reflect.Parameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Starts the real part that a test asks for by a parameter. Keycloak takes seconds, so there is one in a run, and a
 * test makes its own realm in it; the others are started for each class. A part that is not installed skips the test,
 * with one printed line in a run.
 */
final class RealParts implements ParameterResolver, ExecutionCondition {
    private static final Namespace PARTS = Namespace.create(RealParts.class);
    private static final Set<String> SAID = ConcurrentHashMap.newKeySet();
    private static final Map<Class<?>, Part<?>> KNOWN = Map.of(
            Keycloak.class, new Part<>("Keycloak", Keycloak.HOME, Keycloak::start),
            ScriptedModel.class, new Part<>("aimock (npm)", ScriptedModel.PROGRAM, ScriptedModel::start),
            ToolServer.class, new Part<>("server-everything (npm)", ToolServer.PROGRAM, ToolServer::start),
            TileVerifier.class, new Part<>("tile verifier (Go)", TileVerifier.PROGRAM, TileVerifier::start),
            Chromium.class, new Part<>("Chromium", Chromium.PROGRAM, Chromium::start));

    record Part<T extends AutoCloseable>(String name, Path installedAt, Starter<T> starter) {}

    interface Starter<T> {
        T start();
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return asked(context)
                .map(parameter -> Optional.ofNullable(KNOWN.get(parameter.getType())))
                .flatMap(Optional::stream)
                .filter(part -> !Files.exists(part.installedAt()))
                .findFirst()
                .map(RealParts::skip)
                .orElse(ConditionEvaluationResult.enabled("every part is here"));
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return KNOWN.containsKey(parameter.getParameter().getType());
    }

    /** The store closes what is in it when its context ends. */
    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        var type = parameter.getParameter().getType();
        var part = Objects.requireNonNull(KNOWN.get(type));
        var owner = type == Keycloak.class ? context.getRoot() : ofClass(context);
        return owner.getStore(PARTS)
                .computeIfAbsent(type, ignored -> part.starter().start(), AutoCloseable.class);
    }

    /** What the test method asks for; at the class, what every test of it asks for. */
    private static Stream<Parameter> asked(ExtensionContext context) {
        var executables = context.getTestMethod()
                .map(method -> Stream.<Executable>of(method))
                .orElseGet(() -> context.getTestClass().stream().flatMap(RealParts::beforeEveryTest));
        return executables.flatMap(executable -> Arrays.stream(executable.getParameters()));
    }

    private static Stream<Executable> beforeEveryTest(Class<?> test) {
        var methods = Arrays.stream(test.getDeclaredMethods())
                .filter(method ->
                        method.isAnnotationPresent(BeforeAll.class) || method.isAnnotationPresent(BeforeEach.class));
        return Stream.concat(Arrays.stream(test.getDeclaredConstructors()), methods);
    }

    private static ConditionEvaluationResult skip(Part<?> part) {
        if (SAID.add(part.name())) {
            System.out.println("it: no " + part.name() + " here, so its tests are skipped (.ci/setup installs it)");
        }
        return ConditionEvaluationResult.disabled("no " + part.name());
    }

    private static ExtensionContext ofClass(ExtensionContext context) {
        return context.getTestMethod().isEmpty()
                ? context
                : ofClass(context.getParent().orElseThrow());
    }
}

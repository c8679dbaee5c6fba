package io.behalf.it;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The module table: who may import whom, and the habits that hold everywhere. */
class ArchitectureTest {
    private static final JavaClasses BEHALF = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.behalf");

    /** One line of the table. Every module may use the JDK and JSpecify besides. */
    record Module(String name, List<String> modules, List<List<String>> libraries) {
        String[] allowed() {
            var allowed = new ArrayList<>(
                    List.of("java..", "javax.crypto..", "javax.net.ssl..", "org.jspecify..", packages(name)));
            modules.forEach(module -> allowed.add(packages(module)));
            libraries.forEach(allowed::addAll);
            return allowed.toArray(String[]::new);
        }

        static String packages(String module) {
            return "io.behalf." + module + "..";
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<String> JOSE = List.of("com.nimbusds.jose..", "com.nimbusds.jwt..");
    private static final List<String> JSON =
            List.of("com.fasterxml.jackson.core..", "com.fasterxml.jackson.databind..");
    private static final List<String> HTTP = List.of("io.vertx..", "io.netty..");
    private static final List<String> OPERATION = List.of("org.slf4j..", "io.micrometer..");

    static Stream<Module> modules() {
        return Stream.of(
                new Module("core", List.of(), List.of(JOSE, JSON)),
                new Module("verifier", List.of("core"), List.of(JOSE)),
                new Module("policy", List.of("core"), List.of(List.of("dev.cel..", "com.google.common.."))),
                new Module("ledger", List.of("core"), List.of(List.of("org.slf4j.."))),
                new Module(
                        "authority",
                        List.of("core", "verifier", "policy", "ledger"),
                        List.of(
                                List.of(
                                        "com.nimbusds..",
                                        "net.minidev.json..",
                                        "javax.sql..",
                                        "org.jdbi..",
                                        "gg.jte.."),
                                List.of("org.flywaydb..", "org.sqlite..", "com.zaxxer.hikari.."),
                                List.of("com.github.benmanes.caffeine.."),
                                JSON,
                                HTTP,
                                OPERATION)),
                new Module(
                        "gateway",
                        List.of("core", "verifier", "policy", "ledger"),
                        List.of(List.of("com.github.benmanes.caffeine.."), JOSE, JSON, HTTP, OPERATION)),
                new Module("sdk", List.of("core"), List.of(JOSE, JSON)));
    }

    @ParameterizedTest
    @MethodSource("modules")
    void importsOnlyWhatTheModuleTableAllows(Module module) {
        var rule = classes()
                .that()
                .resideInAPackage(Module.packages(module.name()))
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(module.allowed()));
        rule.check(BEHALF);
    }

    @Test
    void nothingKnowsTheServer() {
        noClasses()
                .that()
                .resideOutsideOfPackage("io.behalf.server..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.behalf.server..")
                .check(BEHALF);
    }

    @Test
    void codecsNeitherDecideNorWrite() {
        noClasses()
                .that()
                .resideInAnyPackage("io.behalf.gateway.llm..", "io.behalf.gateway.mcp..", "io.behalf.gateway.http..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.behalf.policy..", "io.behalf.ledger..")
                .check(BEHALF);
    }

    /** Time is passed in, so that a check can be repeated later with the same answer. */
    @Test
    void checksAskNoClock() {
        ArchRule rule = noClasses()
                .that()
                .resideInAnyPackage("io.behalf.core..", "io.behalf.verifier..", "io.behalf.policy..")
                .should()
                .callMethod(Instant.class, "now")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Clock.class, "systemUTC")
                .orShould()
                .callMethod(Clock.class, "systemDefaultZone");
        rule.check(BEHALF);
    }

    @Test
    void coreTouchesNoFileAndNoSocket() {
        noClasses()
                .that()
                .resideInAPackage("io.behalf.core..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.nio.file..", "java.nio.channels..", "java.net.http..")
                .check(BEHALF);
    }

    @Test
    void namesSayTheRole() {
        classes()
                .should()
                .haveNameNotMatching(".*(Manager|Helper|Impl|Utils?)(\\$.*)?")
                .check(BEHALF);
        noClasses()
                .should()
                .resideInAnyPackage("..util..", "..utils..", "..common..")
                .check(BEHALF);
    }

    @Test
    void onlyTheCommandLinePrints() {
        NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(BEHALF.that(not(resideInAnyPackage("io.behalf.server.."))));
        NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(BEHALF);
    }

    /** A rule over nothing holds always: every module must have been read. */
    @Test
    void everyModuleWasRead() {
        assertThat(BEHALF.stream().map(type -> type.getPackageName().split("\\.")[2]))
                .contains("core", "verifier", "policy", "ledger", "authority", "gateway", "sdk", "server");
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDir;

/** After each test, every log in the temporary folders of its class is sound, whatever the test did. */
final class LedgerInvariants implements AfterEachCallback {
    /** The test leaves a log behind that is not: it had to be refused. */
    @Target(ElementType.METHOD)
    @Retention(RetentionPolicy.RUNTIME)
    @interface Broken {}

    @Override
    public void afterEach(ExtensionContext context) throws IOException, IllegalAccessException {
        if (context.getRequiredTestMethod().isAnnotationPresent(Broken.class)) {
            return;
        }
        for (Field field : context.getRequiredTestClass().getDeclaredFields()) {
            if (field.isAnnotationPresent(TempDir.class)) {
                field.setAccessible(true);
                allSound((Path) field.get(context.getRequiredTestInstance()));
            }
        }
    }

    private static void allSound(Path folder) throws IOException {
        List<Path> logs;
        try (var files = Files.walk(folder)) {
            logs = files.filter(file -> Files.exists(file.resolve(Integrator.CHECKPOINT)))
                    .toList();
        }
        for (Path log : logs) {
            assertThat(Verification.verify(log, Optional.empty()).finding())
                    .as("the log %s", folder.relativize(log))
                    .isEmpty();
        }
    }
}

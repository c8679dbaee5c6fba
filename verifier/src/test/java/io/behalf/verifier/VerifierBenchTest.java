package io.behalf.verifier;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

final class VerifierBenchTest {
    @Test
    void runsAndReportsFigures() {
        VerifierBench.Figures figures = VerifierBench.run(200, Instant.now());

        assertThat(figures.rawCheck()).isPositive();
        assertThat(figures.knownToken()).isPositive().isLessThan(figures.newToken()); // by a factor of thirty
    }
}

package io.behalf.policy;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

final class PolicyBenchTest {
    @Test
    void runsAndReportsFigures() {
        PolicyBench.Figures figures = PolicyBench.run(100, Instant.now());

        assertThat(figures.median()).isPositive().isLessThanOrEqualTo(figures.p99());
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(LedgerInvariants.class)
class LedgerBenchTest {
    @TempDir
    Path data;

    @Test
    void measuresRecordsThatAreThereAndVerify() throws Exception {
        LedgerSettings settings = LedgerSettings.in(data).withSegmentBytes(4 << 20);
        LedgerBench.Result result;
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            result = LedgerBench.run(ledger, 5_000, 1_000, Duration.ofMillis(300));

            assertThat(result.records()).isEqualTo(5_000);
            assertThat(result.durablePerSecond()).isGreaterThanOrEqualTo(result.integratedPerSecond());
            // Far below any disk's speed: what this would notice is a force for each record or an append that waits for
            // a checkpoint.
            assertThat(result.integratedPerSecond()).isGreaterThan(1_000);
            assertThat(result.p50Micros()).isPositive().isLessThanOrEqualTo(result.p99Micros());
        }
        assertThat(new LedgerReader(settings.directory()).size()).isEqualTo(10_300);
    }
}

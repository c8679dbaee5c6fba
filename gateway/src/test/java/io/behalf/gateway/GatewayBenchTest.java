package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.behalf.gateway.GatewayBench.Compared;
import io.behalf.gateway.GatewayBench.Figure;
import io.behalf.gateway.GatewayBench.Way;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

@Tag("bench")
@Isolated
class GatewayBenchTest {
    @Test
    void readsWhatWrkTells() throws Exception {
        Figure figure = GatewayBench.figure(Way.DPOP, 32, """
                  Latency Distribution
                     50%  443.00us
                     75%  600.00us
                     99%    1.07ms
                  500000 requests in 8.03s, 256.00MB read
                Non-2xx or 3xx responses: 7
                Requests/sec:  62285.12
                """, Duration.ofSeconds(10));
        assertThat(figure.perSecond()).isEqualTo(62_285.12);
        assertThat(figure.p50Micros()).isEqualTo(443);
        assertThat(figure.p99Micros()).isCloseTo(1_070, within(0.1));
        assertThat(figure.cpuMicros()).isCloseTo(20, within(1e-9));
        assertThat(figure.failed()).isEqualTo(7);
    }

    @Test
    void comparesWithinARoundAndTellsTheMedian() {
        var settings = new GatewayBench.Settings(
                Path.of("unused"), List.of(8), 3, Duration.ofSeconds(1), Duration.ofSeconds(1));
        List<Compared> compared = GatewayBench.compared(
                settings,
                List.of(
                        new Figure(Way.NGINX, 8, 1_000, 10, 20, 50, 0),
                        new Figure(Way.BEARER, 8, 500, 30, 60, 50, 0),
                        new Figure(Way.DPOP, 8, 100, 90, 99, 50, 0),
                        new Figure(Way.NGINX, 8, 4_000, 10, 20, 50, 0),
                        new Figure(Way.BEARER, 8, 400, 40, 70, 50, 1),
                        new Figure(Way.DPOP, 8, 100, 90, 99, 50, 0),
                        new Figure(Way.NGINX, 8, 2_000, 10, 20, 50, 0),
                        new Figure(Way.BEARER, 8, 600, 20, 50, 50, 2),
                        new Figure(Way.DPOP, 8, 100, 90, 99, 50, 0)));

        assertThat(compared).hasSize(3);
        Compared bearer = compared.get(1);
        assertThat(bearer.figure()).isEqualTo(new Figure(Way.BEARER, 8, 500, 30, 60, 50, 3));
        assertThat(bearer.timesNginx()).isCloseTo(0.3, within(1e-9));
        assertThat(bearer.addedP50Micros()).isCloseTo(20, within(1e-9));
        assertThat(bearer.addedP99Micros()).isCloseTo(40, within(1e-9));
    }

    @Test
    void measuresEveryWayWithoutAFailedAnswer(@TempDir Path folder) throws Exception {
        assumeTrue(GatewayBench.missing().isEmpty(), "nginx and wrk are not installed: no benchmark of the gateway");
        List<Compared> compared = GatewayBench.run(
                new GatewayBench.Settings(folder, List.of(8), 1, Duration.ofSeconds(2), Duration.ofSeconds(3)));

        assertThat(compared).extracting(each -> each.figure().way()).containsExactly(Way.NGINX, Way.BEARER, Way.DPOP);
        assertThat(compared).allSatisfy(each -> {
            assertThat(each.figure().perSecond()).isPositive();
            assertThat(each.figure().failed()).isZero();
        });
        assertThat(compared.getFirst().timesNginx()).isEqualTo(1);
    }
}

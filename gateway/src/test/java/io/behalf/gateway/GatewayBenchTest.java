package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.behalf.gateway.GatewayBench.Figure;
import io.behalf.gateway.GatewayBench.Way;
import java.io.File;
import java.nio.file.Files;
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
                Non-2xx or 3xx responses: 7
                Requests/sec:  62285.12
                """);
        assertThat(figure.perSecond()).isEqualTo(62_285.12);
        assertThat(figure.p50Micros()).isEqualTo(443);
        assertThat(figure.p99Micros()).isCloseTo(1_070, within(0.1));
        assertThat(figure.failed()).isEqualTo(7);
    }

    @Test
    void measuresEveryWayWithoutAFailedAnswer(@TempDir Path folder) throws Exception {
        assumeTrue(onPath("nginx") && onPath("wrk"), "nginx and wrk are not installed: no benchmark of the gateway");
        List<Figure> figures = GatewayBench.run(
                new GatewayBench.Settings(folder, List.of(8), Duration.ofSeconds(1), Duration.ofSeconds(1)));

        assertThat(figures).extracting(Figure::way).containsExactly(Way.NGINX, Way.BEARER, Way.DPOP);
        assertThat(figures).allSatisfy(figure -> {
            assertThat(figure.perSecond()).isPositive();
            assertThat(figure.failed()).isZero();
        });
    }

    private static boolean onPath(String program) {
        for (String folder : (System.getenv("PATH") + ":/usr/sbin").split(File.pathSeparator, -1)) {
            if (Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }
}

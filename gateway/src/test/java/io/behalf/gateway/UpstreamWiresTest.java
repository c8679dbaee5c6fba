package io.behalf.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.gateway.LyingUpstreamTest.Surface;
import io.behalf.policy.PolicySource;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What the connections to upstreams cost, whatever is at their other end. */
class UpstreamWiresTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final Duration LONG = Duration.ofMinutes(5);
    private static final String ANSWER =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nKeep-Alive: timeout=600\r\nContent-Length: 2\r\n\r\n{}";
    /** More than the kernel takes for a peer that reads nothing. */
    private static final int MORE_THAN_IS_BUFFERED = 6 << 20;

    @Test
    void anUpstreamThatReadsNothingIsLetGo() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        try (RawUpstream upstream = new RawUpstream()) {
            upstream.serves((exchange, _) -> {
                try {
                    while (true) {
                        exchange.send("\r\n"); // what may stand before an answer (RFC 9112 §2.2)
                        Thread.sleep(50);
                    }
                } catch (IOException reset) {
                    gone.countDown();
                }
            });
            try (World world = new World(route -> upstream.behind(route).withTimeouts(Duration.ofSeconds(2), LONG))) {
                String body = "{\"model\":\"small\",\"pad\":\"" + "x".repeat(MORE_THAN_IS_BUFFERED) + "\"}";
                assertThat(world.post(world.delegation(), CHAT, body).status()).isEqualTo(504);
                assertThat(world.outcome().outcome().end()).isEqualTo(End.TIMEOUT);
                assertThat(gone.await(20, TimeUnit.SECONDS)).isTrue();
            }
        }
    }

    /** Each upstream may have many, and there may be many upstreams, which say how long they would like to be kept. */
    @Test
    void ofAllUpstreamsTogetherNoMoreConnectionsAreKeptThanTheBound() throws Exception {
        Map<String, RawUpstream> upstreams = new HashMap<>();
        AtomicInteger open = new AtomicInteger();
        for (String route : List.of("openai", "anthropic", "tools", "tickets")) {
            RawUpstream upstream = new RawUpstream();
            upstream.serves((exchange, _) -> {
                open.incrementAndGet();
                try {
                    while (exchange.request()) {
                        exchange.send(ANSWER);
                    }
                } finally {
                    open.decrementAndGet();
                }
            });
            upstreams.put(route, upstream);
        }
        Connections.Limits one = new Connections.Limits(1, LONG, LONG, LONG);
        try (World world = new World(
                        route -> requireNonNull(upstreams.get(route.name())).behind(route),
                        PolicySource.BUILT_IN,
                        one);
                Wire wire = world.connect()) {
            Delegation d = world.delegation();
            for (Surface surface : Surface.values()) {
                String request = surface.body.isEmpty()
                        ? world.request("GET", surface.path, world.credentials(d, "GET", surface.path), "")
                        : world.jsonRequest(d, surface.path, surface.body);
                assertThat(wire.send(request).receive().body()).isEqualTo("{}");
            }
            long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
            while (open.get() > 1) {
                assertThat(System.nanoTime()).isLessThan(deadline);
                Thread.sleep(20);
            }
            assertThat(upstreams.values())
                    .allSatisfy(upstream -> assertThat(upstream.received()).hasSize(1));
        } finally {
            for (RawUpstream upstream : upstreams.values()) {
                upstream.close();
            }
        }
    }
}

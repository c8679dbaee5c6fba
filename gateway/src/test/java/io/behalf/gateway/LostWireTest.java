package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Outcome;
import io.vertx.core.http.HttpServerResponse;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A session's call whose wire is lost may be answered on another; when it is not, whoever was lost first has cut it. */
class LostWireTest {
    private static final String MCP = "/mcp/tools";
    /** Long enough that a wire which breaks is missed before, however busy the machine. */
    private static final Duration BRIEF = Duration.ofMillis(2_500);

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World(route -> route.withTimeouts(Duration.ofMinutes(5), BRIEF));
        delegation = world.delegation();
        world.upstream.answers((_, response) -> response.putHeader("content-type", "application/json")
                .putHeader("mcp-session-id", "s1")
                .end("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}"));
        assertThat(world.post(delegation, MCP, message(0, "initialize")).status())
                .isEqualTo(200);
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void theAgentWhenItWentAway() throws Exception {
        world.upstream.answers((_, response) -> begun(response));
        try (Wire wire = world.connect()) {
            wire.send(call());
            wire.head();
            wire.chunk();
        }
        world.upstream.awaitBroken(); // which comes of it
        assertThat(ending()).isEqualTo(End.CUT_BY_CLIENT);
    }

    @Test
    void theUpstreamWhenItBrokeOff() throws Exception {
        world.upstream.answers((_, response) -> {
            begun(response);
            world.vertx.setTimer(50, _ -> response.reset());
        });
        try (Wire wire = world.connect()) {
            wire.send(call());
            wire.head();
            assertThat(wire.untilEnd()).isEqualTo(": here\n\n");
        }
        assertThat(ending()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    private End ending() throws InterruptedException {
        String intent = world.await(Intent.class, it -> it.call().action().equals("echo"))
                .header()
                .id();
        End end = world.await(Outcome.class, it -> it.of().equals(intent))
                .outcome()
                .end();
        assertThat(world.records(Outcome.class)).hasSameSizeAs(world.records(Intent.class));
        return end;
    }

    private String call() {
        return world.request(
                "POST",
                MCP,
                world.credentials(delegation, "POST", MCP) + "Content-Type: application/json\r\nMcp-Session-Id: s1\r\n",
                message(1, "tools/call"));
    }

    private static String message(int id, String method) {
        return "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"method\":\"" + method + "\",\"params\":{\"name\":\"echo\"}}";
    }

    private static void begun(HttpServerResponse response) {
        response.putHeader("content-type", "text/event-stream").setChunked(true).write(": here\n\n");
    }
}

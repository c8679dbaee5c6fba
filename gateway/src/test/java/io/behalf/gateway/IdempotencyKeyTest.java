package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.record.AuditRecord.Mode;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An upstream keeps answers under an agent's key: never for another task that comes under the same credential. */
class IdempotencyKeyTest {
    private static final String KEY = "order-1";

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "POST|/llm/openai/v1/chat/completions|{\"model\":\"small\"}",
                "POST|/llm/anthropic/v1/messages|{\"model\":\"small\"}",
                "GET|/http/tickets/tickets/4711|``"
            })
    void isOneOfItsTaskAndTheSameForTheSameKey(String method, String path, String body) throws Exception {
        try (World world = new World()) {
            world.upstream.answersJson("{}");
            Delegation one = world.delegation();
            Delegation other = world.delegation();
            ask(world, one, method, path, body, KEY);
            ask(world, one, method, path, body, KEY);
            ask(world, one, method, path, body, "order-2");
            ask(world, other, method, path, body, KEY);

            List<String> seen = seen(world);
            assertThat(seen).hasSize(4).allMatch(value -> value.matches("[0-9a-f]{64}"));
            assertThat(seen.get(1)).as("a retry").isEqualTo(seen.get(0));
            assertThat(seen.get(2)).as("another key").isNotEqualTo(seen.get(0));
            assertThat(seen.get(3)).as("another task").isNotIn(seen.subList(0, 3));
            // what another task's agent saw of it at the upstream brings it nothing either
            ask(world, other, method, path, body, seen.get(0));
            assertThat(seen(world).get(4)).isNotIn(seen);
        }
    }

    @Test
    void hasOneLengthHoweverLongTheAgentsIs() throws Exception {
        try (World world = new World()) {
            world.upstream.answersJson("{}");
            ask(world, world.delegation(), "GET", "/http/tickets/tickets/1", "", "k".repeat(4_000));
            assertThat(seen(world)).singleElement().satisfies(value -> assertThat(value)
                    .hasSize(64));
        }
    }

    @Test
    void isAnotherForASubAgentOfTheTask() throws Exception {
        try (World world = new World()) {
            world.upstream.answersJson("{}");
            Delegation parent = world.delegation();
            ask(world, parent, "GET", "/http/tickets/tickets/1", "", KEY);
            ask(
                    world,
                    Delegations.by(parent, List.of("sub-agent", parent.actor())),
                    "GET",
                    "/http/tickets/tickets/1",
                    "",
                    KEY);
            assertThat(seen(world)).hasSize(2).doesNotHaveDuplicates();
        }
    }

    @Test
    void staysWhereTheUpstreamSeesTheCallersCredential() throws Exception {
        try (World world = new World(route -> Route.of(
                route.name(), route.kind(), route.service(), route.upstream(), new Route.Credential.Caller()))) {
            world.upstream.answersJson("{}");
            ask(world, world.delegation(), "GET", "/http/tickets/tickets/1", "", KEY);
            assertThat(seen(world)).containsExactly(KEY);
        }
    }

    @Test
    void staysWhereARouteIsOnlyObserved() throws Exception {
        try (World world = new World(route -> route.withMode(Mode.OBSERVE))) {
            world.upstream.answersJson("{}");
            String request = "Authorization: Bearer " + World.CALLER_KEY + "\r\nIdempotency-Key: " + KEY + "\r\n";
            assertThat(world.send(world.request("GET", "/http/tickets/tickets/1", request, ""))
                            .status())
                    .isEqualTo(200);
            assertThat(seen(world)).containsExactly(KEY);
        }
    }

    private static void ask(World world, Delegation whose, String method, String path, String body, String key)
            throws IOException {
        String type = body.isEmpty() ? "" : "Content-Type: application/json\r\n";
        String headers = world.credentials(whose, method, path) + type + "Idempotency-Key: " + key + "\r\n";
        assertThat(world.send(world.request(method, path, headers, body)).status())
                .isEqualTo(200);
    }

    private static List<String> seen(World world) {
        return world.upstream.received().stream()
                .flatMap(request -> request.headers().getAll("idempotency-key").stream())
                .toList();
    }
}

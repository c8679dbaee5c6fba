package io.behalf.authority;

import static io.behalf.authority.AgentSide.details;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** New tokens under the same task: bound to key and task, never wider, never longer. */
class RenewalTest {
    private static final String HOUR =
            "[{\"type\":\"behalf_task\",\"description\":\"One hour\",\"duration\":\"PT1H\",\"permissions\":"
                    + "[{\"service\":\"tickets\",\"actions\":[\"search\",\"read\"]}]}]";

    @TempDir
    Path data;

    private World world;
    private AgentSide agent;

    @BeforeEach
    void start() {
        world = new World(data);
        agent = world.agent("tickets");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void worksAfterThePersonHasLoggedOutAndTheProviderIsGone() {
        AgentSide.Got first = agent.exchange("alice", Map.of("authorization_details", HOUR));
        world.provider.signOut("alice");
        world.clock.pass(Duration.ofMinutes(30));

        AgentSide.Got renewed = agent.renew(first.text("refresh_token"), Map.of());

        assertThat(renewed.status()).as("%s", renewed.json()).isEqualTo(200);
        assertThat(renewed.claims().get("task_id")).isEqualTo(first.claims().get("task_id"));
        assertThat(renewed.claims().get("task_exp")).isEqualTo(first.claims().get("task_exp"));
        assertThat(renewed.claims().get("jti")).isNotEqualTo(first.claims().get("jti"));
        assertThat(world.records.events(first.text("task_id")))
                .containsExactly(Event.APPROVED, Event.ISSUED, Event.LOGOUT_SEEN, Event.RENEWED);
    }

    @Test
    void keyBoundTokenDoesNotRotate() {
        AgentSide.Got first = agent.exchange("alice", Map.of());

        AgentSide.Got renewed = agent.renew(first.text("refresh_token"), Map.of());

        assertThat(renewed.text("refresh_token")).isEqualTo(first.text("refresh_token"));
        assertThat(agent.renew(first.text("refresh_token"), Map.of()).status()).isEqualTo(200);
    }

    @Test
    void survivesRestart() {
        AgentSide.Got first = agent.exchange("alice", Map.of());
        world.restart();

        assertThat(agent.renew(first.text("refresh_token"), Map.of()).status()).isEqualTo(200);
    }

    @Test
    void neverOutlivesTheTask() {
        AgentSide.Got first = agent.exchange("alice", Map.of("authorization_details", HOUR));
        world.clock.pass(Duration.ofMinutes(58));

        AgentSide.Got late = agent.renew(first.text("refresh_token"), Map.of());
        assertThat(late.claims().get("exp")).isEqualTo(first.claims().get("task_exp"));

        world.clock.pass(Duration.ofMinutes(3));
        assertRefused(agent.renew(first.text("refresh_token"), Map.of()), "invalid_grant");
    }

    @Test
    void refusesAnotherKeyAndNoKey() {
        AgentSide.Got first = agent.exchange("alice", Map.of());

        assertRefused(
                world.agent("tickets").withKey(SigningKey.generate()).renew(first.text("refresh_token"), Map.of()),
                "invalid_grant");
        assertRefused(
                world.agent("tickets").withoutProof().renew(first.text("refresh_token"), Map.of()), "invalid_grant");
    }

    @Test
    void refusesAnotherAgentWithTheSameKey() {
        AgentSide.Got first = agent.exchange("alice", Map.of());

        assertRefused(
                world.agent("summarizer").withKey(agent.key()).renew(first.text("refresh_token"), Map.of()),
                "invalid_grant");
    }

    @Test
    void refusesMoreThanWasGivenAndGivesLess() {
        AgentSide.Got first = agent.exchange("alice", Map.of("authorization_details", HOUR));

        assertRefused(agent.renew(first.text("refresh_token"), Map.of("scope", "customers:get")), "invalid_scope");
        assertRefused(
                agent.renew(
                        first.text("refresh_token"),
                        Map.of(
                                "authorization_details",
                                details("More", "[{\"service\":\"tickets\",\"actions\":[\"delete\"]}]"))),
                "invalid_scope");
        assertRefused(agent.renew(first.text("refresh_token"), Map.of("scope", "tickets:*")), "invalid_scope");
        assertThat(agent.renew(first.text("refresh_token"), Map.of("scope", "tickets:read"))
                        .text("scope"))
                .isEqualTo("tickets:read");
        assertThat(agent.renew(first.text("refresh_token"), Map.of()).text("scope"))
                .isEqualTo("tickets:read tickets:search");
    }

    @Test
    void checksThePersonsRightsAnew() {
        AgentSide.Got first = agent.exchange("alice", Map.of("scope", "tickets:search"));
        world.rightsByGroup("nobody-has-this");

        assertRefused(agent.renew(first.text("refresh_token"), Map.of()), "invalid_grant");
    }

    @Test
    void refusesUnknownToken() {
        assertRefused(agent.renew("made-up", Map.of()), "invalid_grant");
    }

    @Test
    void unboundTokenRotatesAndPreviousOneAnswersTheSameWhileSuccessorIsUnused() {
        AgentSide unbound = world.agent("tickets").withoutProof();
        AgentSide.Got first = unbound.exchange("alice", Map.of());

        AgentSide.Got second = unbound.renew(first.text("refresh_token"), Map.of());
        AgentSide.Got lost = unbound.renew(first.text("refresh_token"), Map.of());

        assertThat(second.text("refresh_token")).isNotEqualTo(first.text("refresh_token"));
        assertThat(lost.status()).isEqualTo(200);
        assertThat(lost.text("refresh_token")).isEqualTo(second.text("refresh_token"));
    }

    @Test
    void reuseAfterSuccessorWasUsedEndsTheTask() {
        AgentSide unbound = world.agent("tickets").withoutProof();
        AgentSide.Got first = unbound.exchange("alice", Map.of());
        AgentSide.Got second = unbound.renew(first.text("refresh_token"), Map.of());
        AgentSide.Got third = unbound.renew(second.text("refresh_token"), Map.of());
        assertThat(third.status()).isEqualTo(200);

        assertRefused(unbound.renew(first.text("refresh_token"), Map.of()), "invalid_grant");

        assertRefused(unbound.renew(third.text("refresh_token"), Map.of()), "invalid_grant");
        assertThat(world.records.events(first.text("task_id"))).contains(Event.REVOKED);
    }

    private static void assertRefused(AgentSide.Got got, String error) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo(error);
        assertThat(got.json()).doesNotContainKey("access_token");
    }
}

package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.RevokeRequest.What;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Early ends: what falls, what stays, and that nothing revives it. */
class StopTest {
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
    void stopsTaskWithAllItsTokens() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        List<Stop> told = new CopyOnWriteArrayList<>();
        world.authority.onStopped(told::add);

        Stopped stopped = revoke(new What.Task(task(got)));

        assertThat(stopped.tasks()).containsExactly(task(got));
        assertThat(told).hasSize(1);
        assertThat(told.getFirst().affects(delegation(got))).isTrue();
        assertThat(world.authority.revocations().stopped(delegation(got))).contains(Reason.DELEGATION_REVOKED);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(world.authority.tasks().open(task(got))).isInstanceOf(Checked.Refused.class);
    }

    @Test
    void closesChainAfterStop() {
        AgentSide.Got got = agent.exchange("alice", Map.of());

        revoke(new What.Task(task(got)));

        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
    }

    @Test
    void waitsForOpenCallsBeforeClosing() throws Exception {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        CompletableFuture<Void> openCall = new CompletableFuture<>();
        world.openCalls.put(got.text("task_id"), openCall);

        revoke(new What.Task(task(got)));
        Thread.sleep(Closer.PERIOD.multipliedBy(3));
        assertThat(events(got)).doesNotContain(Event.ENDED);

        openCall.complete(null);
        assertSoon(() -> events(got).contains(Event.ENDED));
    }

    @Test
    void closesBeforeItsOwnEndTheChainOfATaskThatIsOver() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        agent.post("/oauth/revoke", Map.of("token", got.text("refresh_token")));

        world.stopAuthority();

        assertThat(events(got)).endsWith(Event.ENDED);
    }

    @Test
    void userStopTakesAllTasksOfThatUserOnly() {
        AgentSide.Got one = agent.exchange("alice", Map.of());
        AgentSide.Got two = world.agent("summarizer").exchange("alice", Map.of());
        AgentSide.Got bob = agent.exchange("bob", Map.of());

        assertThat(revoke(new What.User("dev:" + world.provider.sub("alice"))).tasks())
                .containsExactlyInAnyOrder(task(one), task(two));
        assertThat(agent.renew(bob.text("refresh_token"), Map.of()).status()).isEqualTo(200);
    }

    @Test
    void stopsByAgentApprovalServiceAndAll() {
        AgentSide.Got tickets = agent.exchange("alice", Map.of("scope", "tickets:search"));
        AgentSide.Got customers = agent.exchange("alice", Map.of("scope", "customers:get"));
        AgentSide.Got other = world.agent("other").exchange("alice", Map.of("scope", "openai:chat"));

        assertThat(revoke(new What.Service("customers")).tasks()).containsExactly(task(customers));
        assertThat(revoke(new What.Approval(tickets.text("approval_id"))).tasks())
                .containsExactly(task(tickets));
        assertThat(revoke(new What.Agent("other")).tasks()).containsExactly(task(other));
        AgentSide.Got last = agent.exchange("bob", Map.of());
        assertThat(revoke(new What.All()).tasks()).containsExactly(task(last));
        assertThat(revoke(new What.All()).nothing()).isTrue();
    }

    /** Its answer is under way and its records wait for the ledger: it stands in the store before that, where a stop looks. */
    @Test
    void aTaskThatIsJustBeginningFallsWithTheOthersOfItsPerson() {
        What user = new What.User("dev:" + world.provider.sub("alice"));
        CompletableFuture<Void> slow = world.records.beSlow();
        var beginning = CompletableFuture.supplyAsync(() -> agent.exchange("alice", Map.of()));
        assertSoon(() -> !world.authority
                .revoke(new RevokeRequest(user, "operator", "test", true))
                .nothing());
        world.records.beSlow().complete(null); // the stop's own record waits for nothing

        Stopped stopped = revoke(user);
        slow.complete(null);

        AgentSide.Got got = beginning.join();
        assertThat(stopped.tasks()).containsExactly(task(got));
        assertThat(world.authority.revocations().stopped(delegation(got))).contains(Reason.DELEGATION_REVOKED);
        assertThat(world.authority.tasks().open(task(got))).isInstanceOf(Checked.Refused.class);
    }

    @Test
    void whatIsBegunAfterAStopIsNotTouched() {
        revoke(new What.Agent("tickets"));

        assertThat(agent.exchange("alice", Map.of()).status()).isEqualTo(200);
    }

    @Test
    void dryRunOnlySaysWhatWouldFall() {
        AgentSide.Got got = agent.exchange("alice", Map.of());

        Stopped would = world.authority.revoke(new RevokeRequest(new What.All(), "operator", "try", true));

        assertThat(would.tasks()).containsExactly(task(got));
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).status()).isEqualTo(200);
        assertThat(events(got)).doesNotContain(Event.REVOKED);
    }

    @Test
    void survivesRestart() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        revoke(new What.Task(task(got)));

        world.restart();

        assertThat(world.authority.revocations().stopped(delegation(got))).contains(Reason.DELEGATION_REVOKED);
    }

    @Test
    void agentEndsItsTaskByGivingItsRenewalTokenBack() {
        AgentSide.Got got = agent.exchange("alice", Map.of());

        assertThat(agent.post("/oauth/revoke", Map.of("token", got.text("refresh_token")))
                        .status())
                .isEqualTo(200);

        assertThat(world.authority.revocations().stopped(delegation(got))).contains(Reason.TASK_ENDED);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).doesNotContain(Event.REVOKED);
    }

    @Test
    void givingBackAnAccessTokenStopsThatTokenOnly() {
        AgentSide.Got got = agent.exchange("alice", Map.of());

        agent.post("/oauth/revoke", Map.of("token", got.text("access_token")));

        assertThat(world.authority.revocations().stopped(delegation(got))).contains(Reason.DELEGATION_REVOKED);
        AgentSide.Got renewed = agent.renew(got.text("refresh_token"), Map.of());
        assertThat(world.authority.revocations().stopped(delegation(renewed))).isEmpty();
    }

    /** For another audience, and for a service: both were made from it, the second from the first. */
    @Test
    void whatWasMadeFromATokenFallsWithItAlsoAfterARestart() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        List<Stop> told = new CopyOnWriteArrayList<>();
        world.authority.onStopped(told::add);
        AgentSide.Got there =
                agent.exchangeToken(got.text("access_token"), Map.of("resource", world.base + "/http/tickets"));
        Delegation behind = minted(there);
        AgentSide.Got renewed =
                agent.renew(got.text("refresh_token"), Map.of("resource", world.base + "/http/tickets"));

        agent.post("/oauth/revoke", Map.of("token", got.text("access_token")));

        assertThat(told).singleElement().satisfies(stop -> {
            assertThat(stop.affects(delegation(there))).isTrue();
            assertThat(stop.affects(behind)).isTrue();
            assertThat(stop.affects(delegation(renewed))).isFalse();
        });
        for (int start = 0; start < 2; start++) {
            assertThat(world.authority.revocations().stopped(delegation(there))).contains(Reason.DELEGATION_REVOKED);
            assertThat(world.authority.revocations().stopped(behind)).contains(Reason.DELEGATION_REVOKED);
            assertThat(world.authority.revocations().stopped(delegation(renewed)))
                    .isEmpty(); // that stands on the renewal token
            world.restart();
        }
        assertThat(agent.exchangeToken(there.text("access_token"), Map.of()).error())
                .isEqualTo("invalid_request");
        assertThat(agent.post("/oauth/revoke", Map.of("token", renewed.text("refresh_token")))
                        .status())
                .isEqualTo(200);
        assertThat(world.authority.revocations().stopped(delegation(renewed))).contains(Reason.TASK_ENDED);
    }

    @Test
    void whatATokenWasMadeFromOutlivesIt() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        AgentSide.Got there =
                agent.exchangeToken(got.text("access_token"), Map.of("resource", world.base + "/http/tickets"));

        agent.post("/oauth/revoke", Map.of("token", there.text("access_token")));

        assertThat(world.authority.revocations().stopped(delegation(there))).isPresent();
        assertThat(world.authority.revocations().stopped(delegation(got))).isEmpty();
    }

    private Delegation minted(AgentSide.Got from) {
        Binding.Key gateway = new Binding.Key(SigningKey.generate().thumbprint());
        return switch (world.authority.mint(delegation(from), World.MINTED, gateway)) {
            case Checked.Passed<MintedToken>(var made) -> made.delegation();
            case Checked.Refused<MintedToken>(var no) -> throw new AssertionError(no);
        };
    }

    @Test
    void leavesTokensOfOthersAlone() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        AgentSide other = world.agent("other");

        assertThat(other.post("/oauth/revoke", Map.of("token", got.text("refresh_token")))
                        .status())
                .isEqualTo(200);
        assertThat(other.post("/oauth/revoke", Map.of("token", got.text("access_token")))
                        .status())
                .isEqualTo(200);

        assertThat(world.authority.revocations().stopped(delegation(got))).isEmpty();
    }

    @Test
    void taskEndsByTimeAndItsChainIsClosed() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        List<Stop> told = new CopyOnWriteArrayList<>();
        world.authority.onStopped(told::add);

        world.clock.pass(Duration.ofHours(9));

        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(told).hasSize(1);
        assertThat(told.getFirst().reason()).isEqualTo(Reason.TASK_EXPIRED);
    }

    @Test
    void introspectionAnswersToTheTokensAgentOnly() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        Map<String, String> token = Map.of("token", got.text("access_token"));

        assertThat(agent.post("/oauth/introspect", token).json())
                .containsEntry("active", true)
                .containsEntry("task_id", got.text("task_id"));
        assertThat(world.agent("other").post("/oauth/introspect", token).json())
                .containsExactly(Map.entry("active", false));
        revoke(new What.Task(task(got)));
        assertThat(agent.post("/oauth/introspect", token).json()).containsExactly(Map.entry("active", false));
    }

    private Stopped revoke(What what) {
        return world.authority.revoke(new RevokeRequest(what, "operator", "test", false));
    }

    private List<Event> events(AgentSide.Got got) {
        return world.records.events(got.text("task_id"));
    }

    private static TaskId task(AgentSide.Got got) {
        return new TaskId(got.text("task_id"));
    }

    private static Delegation delegation(AgentSide.Got got) {
        return switch (DelegationClaims.fromJson(got.claims())) {
            case Checked.Passed<Delegation>(var d) -> d;
            case Checked.Refused<Delegation>(var refusal) -> throw new AssertionError(refusal);
        };
    }

    private static void assertSoon(BooleanSupplier holds) {
        for (int i = 0; i < 200 && !holds.getAsBoolean(); i++) {
            try {
                Thread.sleep(25);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        assertThat(holds.getAsBoolean()).isTrue();
    }
}

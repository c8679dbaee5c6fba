package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.authority.RevokeRequest.What;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Stops while the store or the ledger cannot take them: in force at once, kept where there is room, and in both in the end. */
class OwedStopsTest {
    private static final Duration SOON = Duration.ofSeconds(30);

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
    void stopThatTheStoreCannotTakeIsInForceAndRecorded() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        List<Stop> told = new CopyOnWriteArrayList<>();
        world.authority.onStopped(told::add);
        world.storeTakesNoStops();

        Stopped stopped = revoke(new What.Task(task(got)));

        assertThat(stopped).isEqualTo(new Stopped(List.of(task(got)), List.of(), false, true));
        assertThat(told).hasSize(1);
        assertThat(stopped(got)).contains(Reason.DELEGATION_REVOKED);
        assertThat(world.authority.tasks().open(task(got))).isInstanceOf(Checked.Refused.class);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED);
    }

    @Test
    void stopThatOnlyTheLedgerHasHoldsAfterARestartAndCostsOthersNothing() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        AgentSide.Got other = agent.exchange("bob", Map.of());
        world.storeTakesNoStops();
        revoke(new What.Task(task(got)));
        world.stopAuthority();
        world.storeTakesStopsAgain();

        world.startAuthority();

        assertThat(stopped(got)).contains(Reason.DELEGATION_REVOKED);
        assertThat(agent.renew(got.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(agent.renew(other.text("refresh_token"), Map.of()).status()).isEqualTo(200);
        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
    }

    @Test
    void nothingIsServedByAStoreThatCannotTakeTheLedgersStops() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.storeTakesNoStops();
        revoke(new What.Task(task(got)));
        world.stopAuthority();

        assertThatThrownBy(() -> world.startAuthority()).hasStackTraceContaining("no space");

        world.storeTakesStopsAgain();
        world.startAuthority();
        assertThat(stopped(got)).isPresent();
    }

    @Test
    void storeGetsTheStopAsSoonAsItTakesIt() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.storeTakesNoStops();
        revoke(new What.Task(task(got)));

        world.storeTakesStopsAgain();

        assertSoon(() -> revoke(new What.Task(task(got))).nothing()); // the store has nothing of it that goes on
        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
        world.restart();
        assertThat(stopped(got)).contains(Reason.DELEGATION_REVOKED);
    }

    @Test
    void ledgerGetsTheRecordAsSoonAsItTakesIt() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.records.goAway();

        Stopped stopped = revoke(new What.Task(task(got)));

        assertThat(stopped).isEqualTo(new Stopped(List.of(task(got)), List.of(), true, false));
        assertThat(stopped(got)).isPresent();
        world.records.comeBack();
        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
    }

    @Test
    void recordIsAppendedAtTheNextStartWhenTheLedgerStaysAway() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.records.goAway();
        revoke(new What.Task(task(got)));
        world.stopAuthority();
        world.records.comeBack();

        world.startAuthority();

        assertThat(events(got)).startsWith(Event.APPROVED, Event.ISSUED, Event.REVOKED);
        assertThat(stopped(got)).isPresent();
    }

    /** Its append failed by waiting too long, and the disk had it all the same. */
    @Test
    void recordThatWasStoredAfterAllIsNotAppendedAgain() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.records.keepButFail();
        revoke(new What.Task(task(got)));

        world.records.comeBack();

        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
    }

    @Test
    void stopThatNeitherCanTakeIsInForceAndSaysThatItWouldNotSurvive() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.storeTakesNoStops();
        world.records.goAway();

        Stopped stopped = revoke(new What.All());

        assertThat(stopped).isEqualTo(new Stopped(List.of(task(got)), List.of(), false, false));
        assertThat(stopped(got)).isPresent();
        // whoever repeats it sees what has become of it, and stops nothing twice
        assertThat(revoke(new What.Task(task(got)))).isEqualTo(stopped);
        world.storeTakesStopsAgain();
        world.records.comeBack();
        assertSoon(() -> events(got).contains(Event.ENDED));
        assertThat(events(got)).containsExactly(Event.APPROVED, Event.ISSUED, Event.REVOKED, Event.ENDED);
    }

    @Test
    void subAgentThatLostItsPartIsNotRenewedWhileTheStoreCannotTakeTheStop() {
        AgentSide.Got parent = agent.exchange("alice", Map.of());
        AgentSide child = world.agent("summarizer");
        AgentSide.Got handed = agent.exchangeToken(
                parent.text("access_token"),
                Map.of("requested_token_type", AgentSide.HANDOVER, "audience", "summarizer"));
        AgentSide.Got part =
                child.exchangeToken(handed.text("access_token"), Map.of("subject_token_type", AgentSide.HANDOVER));
        world.storeTakesNoStops();

        assertThat(revoke(new What.Agent("summarizer")).parts()).containsExactly(task(parent));

        assertThat(child.renew(part.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(stopped(parent)).isEmpty();
        world.storeTakesStopsAgain();
        assertSoon(() -> count("select count(*) from stop where kind = 'agent'") == 1);
        assertThat(child.renew(part.text("refresh_token"), Map.of()).error()).isEqualTo("invalid_grant");
        assertThat(agent.renew(parent.text("refresh_token"), Map.of()).status()).isEqualTo(200);
    }

    @Test
    void agentIsToldToAskAgainWhereItsEndWouldNotSurvive() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.storeTakesNoStops();

        AgentSide.Got answer = agent.post("/oauth/revoke", Map.of("token", got.text("refresh_token")));

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.error()).isEqualTo("temporarily_unavailable");
        assertThat(stopped(got)).contains(Reason.TASK_ENDED);
        world.storeTakesStopsAgain();
        assertSoon(() -> agent.post("/oauth/revoke", Map.of("token", got.text("refresh_token")))
                        .status()
                == 200);
    }

    /** Its assertion cannot be remembered by the store, and is good once all the same. */
    @Test
    void agentEndsItsTaskByAnAssertionThatTheStoreCannotRemember() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        AgentSide.Got other = agent.exchange("bob", Map.of());
        world.storeTakesNothing();
        Map<String, String> once = Map.of(
                "token",
                got.text("refresh_token"),
                "client_assertion",
                agent.assertion(world.key("tickets"), Map.of()));

        assertThat(agent.post("/oauth/revoke", once).error()).isEqualTo("temporarily_unavailable");

        assertThat(stopped(got)).contains(Reason.TASK_ENDED);
        assertThat(agent.post("/oauth/revoke", once).error()).isEqualTo("invalid_client");
        world.storeTakesEverythingAgain();
        String shown = once.get("client_assertion");
        assertThat(agent.renew(other.text("refresh_token"), Map.of("client_assertion", shown))
                        .error())
                .isEqualTo("invalid_client");
        assertThat(stopped(other)).isEmpty();
        assertSoon(() -> agent.post("/oauth/revoke", Map.of("token", got.text("refresh_token")))
                        .status()
                == 200);
    }

    @Test
    void anAssertionThatEndedATaskIsGoodForNothingElse() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        AgentSide.Got other = agent.exchange("bob", Map.of());
        Map<String, String> shown = Map.of("client_assertion", agent.assertion(world.key("tickets"), Map.of()));
        Map<String, String> end = new HashMap<>(shown);
        end.put("token", got.text("refresh_token"));
        assertThat(agent.post("/oauth/revoke", end).status()).isEqualTo(200);

        assertThat(agent.renew(other.text("refresh_token"), shown).error()).isEqualTo("invalid_client");
        assertSoon(() -> count("select count(*) from seen") >= 3);
        world.restart();
        assertThat(agent.renew(other.text("refresh_token"), shown).error()).isEqualTo("invalid_client");
    }

    /** The ledger has it, which is enough. */
    @Test
    void tokenIsGivenBackWhileTheStoreCannotTakeIt() {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        world.storeTakesNoStops();

        assertThat(agent.post("/oauth/revoke", Map.of("token", got.text("access_token")))
                        .status())
                .isEqualTo(200);

        assertThat(stopped(got)).contains(Reason.DELEGATION_REVOKED);
        assertThat(events(got)).endsWith(Event.REVOKED);
    }

    /** A store that another process holds, like one on a disk that answers nothing, does not hold up the stop. */
    @Test
    void stopIsInForceBeforeTheStoreAnswers() throws Exception {
        AgentSide.Got got = agent.exchange("alice", Map.of());
        try (Connection held = DriverManager.getConnection("jdbc:sqlite:" + data.resolve("behalf.db"));
                Statement sql = held.createStatement()) {
            sql.execute("begin immediate");
            CompletableFuture<Stopped> stopping = CompletableFuture.supplyAsync(() -> revoke(new What.Task(task(got))));

            assertSoon(() -> stopped(got).isPresent());

            assertThat(count("select count(*) from stop")).isZero();
            sql.execute("rollback");
            assertThat(stopping.get(SOON.toSeconds(), TimeUnit.SECONDS).survives())
                    .isTrue();
        }
        assertSoon(() -> count("select count(*) from stop") == 1);
    }

    private Stopped revoke(What what) {
        return world.authority.revoke(new RevokeRequest(what, "operator", "test", false));
    }

    private Optional<Reason> stopped(AgentSide.Got got) {
        return switch (DelegationClaims.fromJson(got.claims())) {
            case Checked.Passed<Delegation>(var d) ->
                world.authority.revocations().stopped(d);
            case Checked.Refused<Delegation>(var refusal) -> throw new AssertionError(refusal);
        };
    }

    private List<Event> events(AgentSide.Got got) {
        return world.records.events(got.text("task_id"));
    }

    private static TaskId task(AgentSide.Got got) {
        return new TaskId(got.text("task_id"));
    }

    private int count(String query) {
        try (Handle sql = Jdbi.open("jdbc:sqlite:" + data.resolve("behalf.db"))) {
            return sql.createQuery(query).mapTo(Integer.class).one();
        }
    }

    private static void assertSoon(BooleanSupplier holds) {
        long deadline = System.nanoTime() + SOON.toNanos();
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            try {
                TimeUnit.MILLISECONDS.sleep(25);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}

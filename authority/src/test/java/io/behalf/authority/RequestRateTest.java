package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.SigningKey;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An agent that may act and asks without end: it fills no disk, keeps nobody else waiting, and can still be stopped. */
class RequestRateTest {
    private static final Map<String, String> CRON = Map.of("grant_type", "client_credentials");

    @TempDir
    Path data;

    private World world;
    private AgentSide tickets;
    private AgentSide nightly;

    @BeforeEach
    void start() {
        world = new World(data);
        tickets = world.agent("tickets");
        nightly = world.agent("nightly");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void leavesNothingOnceTheBurstIsUsedUp() throws SQLException {
        AgentSide.Got held = tickets.exchange("alice", Map.of());
        AgentSide summarizer = world.agent("summarizer");
        AgentSide.Got handed = tickets.token(handOver(held));
        List<Map<String, String>> all = List.of(
                renewal(held),
                task(),
                handOver(held),
                exchange(held.text("access_token"), Map.of("resource", world.base + "/http/tickets")),
                CRON,
                Map.of("grant_type", "authorization_code", "code", "any"),
                Map.of("grant_type", "password"),
                Map.of());
        world.asking(1, 2);
        summarizer.token(CRON);
        summarizer.token(CRON);
        try (Connection store = DriverManager.getConnection("jdbc:sqlite:" + data.resolve("behalf.db"))) {
            long untouched = version(store);
            assertThat(tickets.token(renewal(held)).status()).isEqualTo(200);
            assertThat(tickets.post("/oauth/par", ApprovalTest.request()).status())
                    .isEqualTo(201);
            long before = version(store);
            assertThat(before).isGreaterThan(untouched);
            int recorded = world.records.size();

            for (Map<String, String> form : all) {
                assertSlowedDown(tickets.token(form));
            }
            assertSlowedDown(tickets.post("/oauth/par", ApprovalTest.request()));
            assertSlowedDown(tickets.withoutProof().token(renewal(held)));
            assertSlowedDown(summarizer.token(taking(handed)));

            assertThat(world.records.size()).isEqualTo(recorded);
            assertThat(version(store)).as("something was written").isEqualTo(before);
        }
    }

    @Test
    void letsThroughAsManyAsTimeAllowsAndNeverMoreThanTheBurst() {
        world.asking(4, 3);
        assertThat(granted(5)).isEqualTo(3);

        world.clock.pass(Duration.ofMillis(249));
        assertThat(granted(1)).isZero();
        world.clock.pass(Duration.ofMillis(1));
        assertThat(granted(2)).isEqualTo(1);
        world.clock.pass(Duration.ofDays(1));
        assertThat(granted(5)).isEqualTo(3);
    }

    @Test
    void doesNotTouchAnotherAgent() {
        world.asking(1, 1);
        assertThat(granted(2)).isEqualTo(1);

        assertThat(tickets.exchange("alice", Map.of()).status()).isEqualTo(200);
    }

    @Test
    void stopsAndAnswersQuestionsAllTheSame() {
        AgentSide.Got first = tickets.exchange("alice", Map.of());
        AgentSide.Got second = tickets.exchange("alice", Map.of());
        world.asking(1, 1);
        tickets.token(renewal(first));
        assertSlowedDown(tickets.token(renewal(first)));

        assertThat(introspect(first).json()).containsEntry("active", true);
        assertThat(tickets.post("/oauth/revoke", Map.of("token", first.text("refresh_token")))
                        .status())
                .isEqualTo(200);
        assertThat(tickets.post("/oauth/revoke", Map.of("token", second.text("access_token")))
                        .status())
                .isEqualTo(200);
        assertThat(introspect(first).json()).containsEntry("active", false);
        assertThat(introspect(second).json()).containsEntry("active", false);
        world.stopAuthority();
        assertThat(world.records.events(first.text("task_id"))).endsWith(Event.ENDED);
    }

    /** As that is not limited, it must not be a way to records without end. */
    @Test
    void whatIsGivenBackAgainAndAgainLeavesOneRecord() {
        AgentSide.Got held = tickets.exchange("alice", Map.of());
        String task = held.text("task_id");
        AgentSide summarizer = world.agent("summarizer");
        AgentSide.Got part = summarizer.token(taking(tickets.token(handOver(held))));
        AgentSide.Got renewed = tickets.token(renewal(held));

        for (int i = 0; i < 3; i++) {
            summarizer.post("/oauth/revoke", Map.of("token", part.text("refresh_token")));
        }
        assertThat(world.records.events(task)).containsOnlyOnce(Event.REVOKED);
        for (int i = 0; i < 3; i++) {
            summarizer.post("/oauth/revoke", Map.of("token", part.text("access_token")));
            tickets.post("/oauth/revoke", Map.of("token", renewed.text("access_token")));
        }
        assertThat(world.records.events(task)).filteredOn(Event.REVOKED::equals).hasSize(2);
        int before = world.records.size();
        for (int i = 0; i < 3; i++) {
            tickets.post("/oauth/revoke", Map.of("token", held.text("refresh_token")));
        }
        world.stopAuthority();
        assertThat(world.records.size()).isEqualTo(before + 1);
    }

    @Test
    void whoIsNotTheAgentUsesUpNothingOfIt() {
        String used = tickets.assertion(world.key("tickets"), Map.of());
        world.asking(1, 1);
        assertThat(tickets.post("/oauth/introspect", Map.of("token", "x", "client_assertion", used))
                        .status())
                .isEqualTo(200);

        for (int i = 0; i < 3; i++) {
            assertRefused(send(tickets, with(task(), used), Optional.empty()), "invalid_client");
            String forged = tickets.assertion(SigningKey.generate(), Map.of());
            assertRefused(send(tickets, with(task(), forged), Optional.empty()), "invalid_client");
            assertRefused(
                    nightly.send("/oauth/token", CRON, Optional.empty(), Optional.of(nightly.basic("guess"))),
                    "invalid_client");
        }

        assertThat(tickets.exchange("alice", Map.of()).status()).isEqualTo(200);
        assertThat(nightly.token(CRON).status()).isEqualTo(200);
    }

    @Test
    void theSameRequestMayBeSentAgainOnceThereIsRoom() {
        world.asking(1, 1);
        tickets.exchange("alice", Map.of());
        Map<String, String> again = with(task(), tickets.assertion(world.key("tickets"), Map.of()));
        Optional<String> proof = proof();
        assertSlowedDown(send(tickets, again, proof));

        world.clock.pass(Duration.ofSeconds(1));

        assertThat(send(tickets, again, proof).status()).isEqualTo(200);
        assertRefused(send(tickets, again, proof), "slow_down");
    }

    /** Those that came too late lost nothing: each may be sent again. */
    @Test
    void parallelRequestsBeyondItUseUpNoAssertion() throws Exception {
        world.asking(1, 3);
        List<Map<String, String>> forms = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            forms.add(with(task(), tickets.assertion(world.key("tickets"), Map.of())));
        }
        Set<Map<String, String>> late = new HashSet<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            Map<Map<String, String>, Future<AgentSide.Got>> asked = new LinkedHashMap<>();
            forms.forEach(form -> asked.put(form, threads.submit(() -> send(tickets, form, proof()))));
            for (var one : asked.entrySet()) {
                if (one.getValue().get().status() == 429) {
                    late.add(one.getKey());
                }
            }
        }
        assertThat(late).hasSize(9);
        for (Map<String, String> form : late) {
            world.clock.pass(Duration.ofSeconds(1));
            assertThat(send(tickets, form, proof()).status()).isEqualTo(200);
        }
    }

    private Optional<String> proof() {
        return Optional.of(tickets.proof(tickets.key(), "/oauth/token"));
    }

    @Test
    void isNoFailedAuthentication() {
        world.asking(1, 1);
        granted(FailedTries.MOST + 2);

        assertRefused(
                nightly.send("/oauth/token", CRON, Optional.empty(), Optional.of(nightly.basic("guess"))),
                "invalid_client");
    }

    @Test
    void parallelRequestsGetNoMoreThanTheBucketHolds() throws Exception {
        world.asking(1, 7);
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<AgentSide.Got>> asked = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                asked.add(threads.submit(() -> nightly.token(CRON)));
            }
            int granted = 0;
            for (Future<AgentSide.Got> each : asked) {
                AgentSide.Got got = each.get();
                if (got.status() == 200) {
                    granted++;
                } else {
                    assertSlowedDown(got);
                }
            }
            assertThat(granted).isEqualTo(7);
        }
    }

    @Test
    void aClockThatIsSetBackShutsNobodyOut() {
        world.asking(2, 4);
        assertThat(granted(5)).isEqualTo(4);

        world.clock.pass(Duration.ofHours(-3));
        assertThat(granted(1)).isZero();
        world.clock.pass(Duration.ofSeconds(1));
        assertThat(granted(3)).isEqualTo(2);
    }

    private int granted(int asked) {
        int granted = 0;
        for (int i = 0; i < asked; i++) {
            AgentSide.Got got = nightly.token(CRON);
            if (got.status() == 200) {
                granted++;
            } else {
                assertSlowedDown(got);
            }
        }
        return granted;
    }

    private AgentSide.Got introspect(AgentSide.Got held) {
        return tickets.post("/oauth/introspect", Map.of("token", held.text("access_token")));
    }

    private AgentSide.Got send(AgentSide agent, Map<String, String> form, Optional<String> proof) {
        return agent.send("/oauth/token", form, proof, Optional.empty());
    }

    private Map<String, String> task() {
        return exchange(world.provider.signIn("alice", "app").accessToken(), Map.of());
    }

    private static Map<String, String> renewal(AgentSide.Got held) {
        return Map.of("grant_type", "refresh_token", "refresh_token", held.text("refresh_token"));
    }

    private static Map<String, String> handOver(AgentSide.Got held) {
        return exchange(
                held.text("access_token"),
                Map.of("requested_token_type", AgentSide.HANDOVER, "audience", "summarizer", "scope", "tickets:read"));
    }

    private static Map<String, String> taking(AgentSide.Got handed) {
        return exchange(handed.text("access_token"), Map.of("subject_token_type", AgentSide.HANDOVER));
    }

    private static Map<String, String> exchange(String token, Map<String, String> more) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", AgentSide.EXCHANGE);
        form.put("subject_token", token);
        form.put("subject_token_type", AgentSide.ACCESS_TOKEN);
        form.putAll(more);
        return form;
    }

    private static Map<String, String> with(Map<String, String> form, String assertion) {
        Map<String, String> out = new LinkedHashMap<>(form);
        out.put("client_assertion_type", Agents.ASSERTION_TYPE);
        out.put("client_assertion", assertion);
        return out;
    }

    /** Changes with whatever another connection commits. */
    private static long version(Connection store) throws SQLException {
        try (var sql = store.createStatement();
                var row = sql.executeQuery("pragma data_version")) {
            return row.getLong(1);
        }
    }

    private static void assertSlowedDown(AgentSide.Got got) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo("slow_down");
        assertThat(got.text("error_description")).contains("more often than it may");
        assertThat(got.status()).isEqualTo(429);
        assertThat(got.raw().headers().firstValue("Retry-After")).contains("5");
    }

    private static void assertRefused(AgentSide.Got got, String error) {
        assertThat(got.error()).as("%s", got.json()).isEqualTo(error);
    }
}

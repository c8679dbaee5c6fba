package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.record.AuditRecord.Basis;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tasks that nobody started: said so everywhere, and ended like any other. */
class NoSubjectTest {
    private static final Map<String, String> CRON = Map.of("grant_type", "client_credentials");

    @TempDir
    Path data;

    private World world;
    private AgentSide nightly;

    @BeforeEach
    void start() {
        world = new World(data);
        nightly = world.agent("nightly");
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @Test
    void tokenAndRecordsSayThatNobodyStandsBehindIt() {
        AgentSide.Got got = nightly.token(CRON);

        assertThat(got.status()).as("%s", got.json()).isEqualTo(200);
        assertThat(got.claims())
                .containsEntry("sub", "agent:nightly")
                .containsEntry("approval_kind", "none")
                .containsEntry("no_subject", Map.of("category", "scheduled", "reason_code", "nightly-report"))
                .doesNotContainKeys("idp", "sbj");
        List<Lifecycle> records = world.records.of(got.text("task_id"));
        assertThat(records).extracting(Lifecycle::event).containsExactly(Event.ISSUED);
        assertThat(records.getFirst().header().basis()).contains(new Basis.Nobody("scheduled", "nightly-report"));
    }

    @Test
    void isRenewedWithinItsTask() {
        AgentSide.Got got = nightly.token(CRON);

        AgentSide.Got renewed = nightly.renew(got.text("refresh_token"), Map.of());

        assertThat(renewed.claims().get("task_id")).isEqualTo(got.claims().get("task_id"));
    }

    @Test
    void refusesAgentThatIsNotRegisteredForIt() {
        assertThat(world.agent("tickets").token(CRON).error()).isEqualTo("unauthorized_client");
    }

    @Test
    void refusesScopeOutsideTheRegistration() {
        assertThat(nightly.token(Map.of("grant_type", "client_credentials", "scope", "customers:get"))
                        .error())
                .isEqualTo("invalid_scope");
    }
}

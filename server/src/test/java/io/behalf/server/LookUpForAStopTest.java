package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever stops a person by a name learns something of them: that is recorded, and holds up no stop where it cannot be. */
class LookUpForAStopTest {
    private static final String ALICE = "Alice Doe";

    private Wiring wiring;
    private EmbeddedLedger ledger;
    private OwnersApi api;
    private TaskId task;

    @BeforeEach
    void start(@TempDir Path folder) throws Exception {
        wiring = new Wiring(folder.resolve("people"));
        ledger = EmbeddedLedger.open(LedgerSettings.in(folder.resolve("data")).withOrigin("behalf.test/looks"));
        api = new OwnersApi(wiring.authority(), ledger, wiring.clock);
        task = wiring.task("alice").delegation().taskId();
    }

    @AfterEach
    void close() {
        api.close();
        ledger.close();
        wiring.close();
    }

    @Test
    void aStopAndADryRunLeaveRecordsOfWhoLookedAndOfWhatTheyWereTold() throws Exception {
        assertThat(revoke(ALICE, true).statusCode()).isEqualTo(200);
        assertThat(revoke(ALICE, false).statusCode()).isEqualTo(200);

        assertThat(looks()).containsExactly(lookedUp(1), opened(task), lookedUp(1), opened(task));
    }

    @Test
    void namesThatNobodyHasWereComparedAllTheSame() throws Exception {
        assertThat(revoke("Nobody", false).statusCode()).isEqualTo(404);

        assertThat(looks()).containsExactly(lookedUp(0));
    }

    @Test
    void whoeverNamesATaskOrAnIdOfAProviderLooksNobodyUp() throws Exception {
        assertThat(revoke("corp:u-1001", false).statusCode()).isEqualTo(200);
        assertThat(api.revoke(Map.of("task", task.value(), "reason", "test")).statusCode())
                .isEqualTo(200);

        assertThat(looks()).isEmpty();
    }

    @Test
    void whatCannotBeDoneForWhoeverAsksIsSaidBeforeAnybodyIsLookedUp() throws Exception {
        assertThat(api.revoke(Map.of("user", ALICE)).statusCode()).isEqualTo(400);
        assertThat(api.revoke(Map.of("user", ALICE, "reason", "test", "dry_run", "yes"))
                        .statusCode())
                .isEqualTo(400);

        assertThat(looks()).isEmpty();
        assertThat(runs()).isTrue();
    }

    @Test
    void aStopThatCannotBeRecordedAsALookIsInForceAndTellsNoTask() throws Exception {
        ledger.close();

        HttpResponse<String> answer = revoke(ALICE, false);

        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(detail(answer))
                .isEqualTo("Tasks stopped: 1. The stop is in force and survives a restart. Which tasks they are is not"
                        + " told, because that somebody looked cannot be recorded now.");
        assertThat(runs()).isFalse();
    }

    @Test
    void nothingIsToldOfALookThatCannotBeRecorded() throws Exception {
        ledger.close();

        for (HttpResponse<String> answer : List.of(revoke(ALICE, true), revoke("Nobody", true))) {
            assertThat(answer.statusCode()).isEqualTo(503);
            assertThat(detail(answer)).isEqualTo("That it was looked at cannot be recorded now, so it is not shown.");
        }
        HttpResponse<String> nobody = revoke("Nobody", false);
        assertThat(nobody.statusCode()).isEqualTo(503);
        assertThat(detail(nobody)).isEqualTo(StopAnswer.NOBODY_STOPPED).startsWith("Nothing was stopped");
        assertThat(runs()).isTrue();
    }

    private HttpResponse<String> revoke(String user, boolean dryRun) throws Exception {
        return api.revoke(Map.of("user", user, "reason", "test", "dry_run", dryRun));
    }

    private boolean runs() {
        return wiring.authority().tasks().open(task) instanceof Checked.Passed;
    }

    private static String detail(HttpResponse<String> answer) throws Json.Malformed {
        return String.valueOf(
                Json.readObject(answer.body().getBytes(StandardCharsets.UTF_8)).get("detail"));
    }

    /** An event with what it says, all of them by the operator. */
    private record Look(Event event, Map<String, @Nullable Object> data) {}

    private static Look lookedUp(long tasks) {
        return new Look(Event.LOOKED_UP, Map.of("tasks", tasks));
    }

    private static Look opened(TaskId task) {
        return new Look(Event.OPENED, Map.of("tasks", List.of(task.value()), "count", 1L));
    }

    private List<Look> looks() throws InterruptedException {
        assertThat(ledger.awaitIntegrated(Stories.VISIBLE_WITHIN)).isTrue();
        List<Lifecycle> records = new ArrayList<>();
        new LedgerRecords(ledger).lifecycle(records::add);
        assertThat(records).extracting(Lifecycle::by).allMatch("operator"::equals);
        return records.stream()
                .map(record -> new Look(record.event(), record.data()))
                .toList();
    }
}

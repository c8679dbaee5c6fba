package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.IndexKey;
import io.behalf.ledger.LedgerSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An agent makes a task longer than a server holds in memory: whoever looks learns that, and everything else. */
class LongTaskTest {
    private static final TaskFilter ALL = TaskFilter.ALL;

    private Wiring wiring;
    private EmbeddedLedger ledger;
    private WrittenTask shorter;
    private WrittenTask longer;
    private Stories stories;

    @BeforeEach
    void write(@TempDir Path folder) throws Exception {
        wiring = new Wiring(folder.resolve("people"));
        ledger = EmbeddedLedger.open(LedgerSettings.in(folder.resolve("data")).withOrigin("behalf.test/long"));
        shorter = new WrittenTask(ledger, 1);
        shorter.issued();
        longer = new WrittenTask(ledger, 2);
        longer.whole();
        int between = longer.ids().size() - 2;
        stories = new Stories(ledger, wiring.authority().identities(), "test-node", wiring.clock, between);
    }

    @AfterEach
    void close() {
        ledger.close();
        wiring.close();
    }

    @Test
    void itIsListedByItsBeginningAndTheNumberOfItsRecords() {
        List<TaskLine> lines = stories.list(ALL, "somebody");

        assertThat(lines).extracting(TaskLine::task).containsExactly(longer.task, shorter.task);
        assertThat(lines.getFirst().text())
                .contains("long")
                .contains(" records")
                .doesNotContain("calls");
        assertThat(lines.getFirst().toJson()).containsEntry("state", "long").containsKey("records");
        assertThat(lines.getLast().text()).contains("0 calls, 0 refused");
    }

    @Test
    void itIsNotToldWholeAndWhoeverAsksLearnsHow() {
        assertThatThrownBy(() -> stories.find(IndexKey.TASK, longer.task.value(), "somebody"))
                .isInstanceOf(Stories.Unavailable.class)
                .hasMessageContaining("ask the copy");
        assertThatThrownBy(() -> stories.find(IndexKey.RECORD, longer.id(6), "somebody"))
                .isInstanceOf(Stories.Unavailable.class);
        assertThat(told(shorter.task)).isPresent();
    }

    private Optional<TaskId> told(TaskId task) {
        return stories.find(IndexKey.TASK, task.value(), "somebody")
                .getFirst()
                .story()
                .task();
    }
}

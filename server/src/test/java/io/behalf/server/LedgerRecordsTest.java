package io.behalf.server;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.Ids;
import io.behalf.core.record.AuditRecord.Downstream;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Header;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerRecordsTest {
    private static final Instant NOW = Instant.parse("2026-03-01T09:00:00Z");

    private final Random random = new Random(1);
    private EmbeddedLedger ledger;

    @BeforeEach
    void open(@TempDir Path data) {
        ledger = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin("behalf.test/records"));
    }

    @AfterEach
    void close() {
        ledger.close();
    }

    @Test
    void tellsTheLifecycleOfEverythingInOrderAndNothingElse() {
        WrittenTask task = new WrittenTask(ledger, 2);
        task.whole();
        task.show();
        List<Event> told = events();
        assertThat(told)
                .containsExactly(
                        Event.APPROVED,
                        Event.ISSUED,
                        Event.LOGOUT_SEEN,
                        Event.RENEWED,
                        Event.NARROWED,
                        Event.NARROWED,
                        Event.REVOKED,
                        Event.ENDED,
                        Event.CONFIGURATION);
    }

    /** Records are told apart by bytes that stand in them, and some of what stands in them comes from outside. */
    @Test
    void isNotMisledByWhatRecordsQuote() {
        new LedgerRecords(ledger)
                .append(changed(Event.TOOL, Map.of("said", "\"kind\":\"downstream\"", "kind", "downstream")))
                .toCompletableFuture()
                .orTimeout(10, SECONDS)
                .join();
        new WrittenTask(ledger, 2).show();
        List<Long> services = new ArrayList<>();
        LedgerRecords.visit(ledger.reader(), "downstream", Downstream.class, (entry, _) -> services.add(entry));
        assertThat(services).isEmpty();
        assertThat(events()).containsExactly(Event.TOOL, Event.CONFIGURATION);
    }

    @Test
    void failsWhereTheLedgerTakesNoRecord() {
        ledger.close();
        assertThat(new LedgerRecords(ledger)
                        .append(changed(Event.TOOL, Map.of()))
                        .toCompletableFuture())
                .failsWithin(Duration.ofSeconds(10));
    }

    /** Nothing may be served on top of a ledger that holds something else than records. */
    @Test
    void refusesAnEntryThatIsNoRecord() {
        assertThatThrownBy(() -> LedgerRecords.decode(17, "{}".getBytes(StandardCharsets.UTF_8)))
                .hasMessageContaining("entry 17 of the ledger is no record");
    }

    private List<Event> events() {
        List<Event> told = new ArrayList<>();
        new LedgerRecords(ledger).lifecycle(change -> told.add(change.event()));
        return told;
    }

    private Lifecycle changed(Event event, Map<String, ? extends @Nullable Object> data) {
        Header header = new Header(
                Ids.next("rec", NOW, random),
                NOW,
                "test",
                Optional.empty(),
                Optional.empty(),
                List.of(),
                Optional.empty(),
                Optional.empty(),
                false);
        return new Lifecycle(header, event, "operator", new LinkedHashMap<>(data));
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.ServiceSigned;
import io.behalf.core.record.RecordDecoder;
import io.behalf.core.record.StoredRecord;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerReader;
import io.behalf.ledger.LedgerSettings;
import io.behalf.server.TaskReader.Entry;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskStoryTest {
    @TempDir
    private Path data;

    private WrittenTask task;
    private final List<Entry> entries = new ArrayList<>();

    @BeforeEach
    void write() throws Json.Malformed {
        LedgerSettings settings = LedgerSettings.in(data).withOrigin("behalf.test/story");
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            task = new WrittenTask(ledger, 1);
            task.whole();
        }
        List<byte[]> all =
                new LedgerReader(settings.directory()).entries(0, task.ids().size());
        for (byte[] bytes : all) {
            entries.add(new Entry(entries.size(), new TreeHasher().leaf(bytes), RecordDecoder.decode(bytes)));
        }
    }

    @Test
    void findsTheChainWhole() {
        TaskStory story = story();
        assertThat(story.chain().whole()).isTrue();
        assertThat(story.ended()).isTrue();
        assertThat(story.stopped()).isTrue();
        assertThat(story.chain().closing().orElseThrow().counted())
                .hasValue(story.chain().records() - 1);
    }

    @Test
    void linksEachToolCallToTheReplyThatPlannedIt() {
        List<TaskStory.Called> calls = calls();
        assertThat(calls.get(1).plannedBy().orElseThrow().number()).hasValue(1);
        assertThat(calls.get(2).plannedBy().orElseThrow().record())
                .isEqualTo(calls.get(0).record());
        assertThat(calls.get(2).said()).hasSize(1);
        assertThat(calls.get(3).plannedBy()).isEmpty();
    }

    /** The same token and service, and a call that it was not made for: another service's, another delegation's, none. */
    @Test
    void joinsAServicesRecordOnlyToACallThatTheGatewayMadeWithThatToken() throws Json.Malformed {
        TaskStory.Said joined = calls().get(2).said().getFirst();
        for (TaskStory.Called other : calls()) {
            if (!other.record().equals(calls().get(2).record())) {
                assertStandsAlone(joined, joined.signed(), other.record());
            }
        }
        String held = calls().get(2).delegation().orElseThrow().jti();
        ServiceSigned agents = signed(joined, held); // what the agent itself may show the service
        assertStandsAlone(joined, agents, calls().get(2).record());
    }

    private void assertStandsAlone(TaskStory.Said joined, ServiceSigned signed, String of) {
        List<Entry> told = new ArrayList<>();
        for (Entry entry : entries) {
            told.add(
                    entry.record() instanceof AuditRecord.Downstream d
                            ? new Entry(
                                    entry.index(),
                                    entry.leaf(),
                                    new StoredRecord(
                                            new AuditRecord.Downstream(
                                                    d.header(), Optional.of(of), d.call(), d.decision(), signed),
                                            entry.stored().taskSeq(),
                                            entry.stored().prev()))
                            : entry);
        }
        TaskStory story = TaskStory.of(Optional.of(task.task), told);
        assertThat(calls(story)).allSatisfy(call -> assertThat(call.said()).isEmpty());
        assertThat(story.steps())
                .filteredOn(TaskStory.Said.class::isInstance)
                .singleElement()
                .satisfies(said -> assertThat(said.record()).isEqualTo(joined.record()));
    }

    private static ServiceSigned signed(TaskStory.Said of, String seenJti) {
        ServiceSigned s = of.signed();
        return new ServiceSigned(s.service(), s.seq(), s.prev(), s.kid(), s.sig(), seenJti);
    }

    private List<TaskStory.Called> calls() {
        return calls(story());
    }

    private static List<TaskStory.Called> calls(TaskStory story) {
        return story.steps().stream()
                .filter(TaskStory.Called.class::isInstance)
                .map(TaskStory.Called.class::cast)
                .toList();
    }

    @Test
    void tellsASubAgentWithItsNarrowerScope() {
        assertThat(story().agents()).hasSize(2).last().satisfies(agent -> {
            assertThat(agent.id()).isEqualTo(WrittenTask.SUB_AGENT);
            assertThat(agent.above()).containsExactly(WrittenTask.AGENT);
            assertThat(agent.narrower()).isTrue();
        });
    }

    @Test
    void noticesAnyRecordThatIsMissing() {
        for (int missing = 0; missing < entries.size() - 1; missing++) {
            if (entries.get(missing).stored().taskSeq() == 0) {
                continue; // a service's own is missed in that service's chain
            }
            List<Entry> left = new ArrayList<>(entries);
            left.remove(missing);
            assertThat(TaskStory.of(Optional.of(task.task), left).chain().whole())
                    .as("without entry " + missing)
                    .isFalse();
        }
    }

    @Test
    void noticesRecordsThatChangedPlaces() {
        List<Entry> swapped = new ArrayList<>(entries);
        swapped.set(2, entries.get(3));
        swapped.set(3, entries.get(2));
        assertThat(TaskStory.of(Optional.of(task.task), swapped)
                        .chain()
                        .broken()
                        .orElseThrow()
                        .record())
                .isEqualTo(task.id(3));
    }

    private TaskStory story() {
        return TaskStory.of(Optional.of(task.task), entries);
    }
}

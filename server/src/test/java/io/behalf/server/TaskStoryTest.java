package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.TreeHasher;
import io.behalf.core.record.RecordDecoder;
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
        List<TaskStory.Called> calls = story().steps().stream()
                .filter(TaskStory.Called.class::isInstance)
                .map(TaskStory.Called.class::cast)
                .toList();
        assertThat(calls.get(1).plannedBy().orElseThrow().number()).hasValue(1);
        assertThat(calls.get(2).plannedBy().orElseThrow().record())
                .isEqualTo(calls.get(0).record());
        assertThat(calls.get(2).said()).hasSize(1);
        assertThat(calls.get(3).plannedBy()).isEmpty();
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

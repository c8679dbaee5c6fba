package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.AuditRecord.Event;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LedgerReaderTest {
    private static final int SIZE = TilePath.FULL + 20;

    @Test
    void goesToPlacesInAnyOrder(@TempDir Path data) {
        LedgerSettings settings = LedgerSettings.in(data).withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES);
        var records = new Records(9);
        TaskId task = records.task();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings)) {
            ledger.append(records.lifecycle(task, Event.ISSUED))
                    .toCompletableFuture()
                    .join();
            IntStream.range(1, SIZE)
                    .mapToObj(_ -> ledger.append(records.refusal(task)).toCompletableFuture())
                    .toList()
                    .forEach(CompletableFuture::join);
        }
        var reader = new LedgerReader(settings.directory());
        long[] places = {3, 4, 9, 0, 0, TilePath.FULL - 1, TilePath.FULL, SIZE - 1, TilePath.FULL + 1, 2};
        List<byte[]> found = new ArrayList<>();

        reader.visitAt(
                places, (_, bundle, offset, length) -> found.add(Arrays.copyOfRange(bundle, offset, offset + length)));

        assertThat(found)
                .usingElementComparator(Arrays::compare)
                .isEqualTo(Arrays.stream(places).mapToObj(reader::entry).toList());
        assertThatThrownBy(() -> reader.visitAt(new long[] {SIZE}, (_, _, _, _) -> {}))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}

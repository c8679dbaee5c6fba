package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.record.AuditRecord;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * What a start found, by the way that every start goes: the ledger took another record, no call is left open in it, and its verification
 * finds nothing.
 *
 * @param records ids of all that is there
 */
record Recovered(Set<String> records) {
    private static final Duration SOON = Duration.ofSeconds(10);

    /**
     * @param another written after what was recovered, so that this place is used too
     * @param what says in a failure what had happened to the disk
     */
    static Recovered start(LedgerSettings settings, AuditRecord another, String what) throws Exception {
        Map<String, String> kinds = new HashMap<>();
        Set<String> closed = new HashSet<>();
        try (EmbeddedLedger again = EmbeddedLedger.open(settings, Recovered::disk)) {
            long last = again.append(another)
                    .toCompletableFuture()
                    .get(SOON.toSeconds(), TimeUnit.SECONDS)
                    .index()
                    .orElseThrow();
            assertThat(again.awaitIntegrated(last, SOON)).as(what).isTrue();
            var scan = new RecordScan();
            for (byte[] entry : again.reader().entries(0, last + 1)) {
                assertThat(scan.scan(entry, 0, entry.length)).as(what).isNull();
                kinds.put(scan.id(), scan.kind());
                if (scan.of() != null) {
                    closed.add(scan.of());
                }
            }
        } catch (LedgerFault fault) {
            throw new AssertionError(what, fault);
        }
        kinds.forEach((id, kind) -> {
            if (kind.equals("intent")) {
                assertThat(closed).as(what).contains(id);
            }
        });
        assertThat(Verification.verify(settings.directory(), Optional.empty()).finding())
                .as(what)
                .isEmpty();
        return new Recovered(Set.copyOf(kinds.keySet()));
    }

    /** One without faults, that spares the machine's own disk. */
    private static Disk disk(Path folder) {
        try {
            return new FaultDisk(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

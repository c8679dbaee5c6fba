package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordDecoder;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A process that appends is killed without warning: what it had confirmed is there. */
@ExtendWith(LedgerInvariants.class)
class KillTest {
    @TempDir
    Path data;

    @Test
    void whatAKilledProcessHadConfirmedIsThereAndItsRunningCallsAreClosed() throws Exception {
        long seed = System.nanoTime();
        var random = new Random(seed);
        Set<String> confirmed = new HashSet<>();
        for (int round = 0; round < 3; round++) {
            confirmed.addAll(appendUntilKilled(200 + random.nextInt(300)));
            // What it had written and not yet signed is no stranger there.
            assertThat(Verification.verify(settings(data).directory(), Optional.empty())
                            .finding())
                    .as("seed %d, round %d", seed, round)
                    .isEmpty();
        }
        assertThat(confirmed).hasSizeGreaterThan(300);

        Set<String> found = new HashSet<>();
        Set<String> open = new HashSet<>();
        try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(data))) {
            for (byte[] entry : ledger.reader().entries(0, ledger.checkpoint().size())) {
                AuditRecord record = RecordDecoder.decode(entry).record();
                found.add(record.header().id());
                switch (record) {
                    case AuditRecord.Intent intent -> open.add(intent.header().id());
                    case AuditRecord.Outcome outcome -> open.remove(outcome.of());
                    case AuditRecord.Unknown unknown -> open.remove(unknown.of());
                    case AuditRecord.Check _,
                            AuditRecord.Refused _,
                            AuditRecord.Downstream _,
                            AuditRecord.Lifecycle _ -> {}
                }
            }
        }
        assertThat(found).as("seed %d", seed).containsAll(confirmed);
        assertThat(open).as("seed %d", seed).isEmpty();
    }

    /** Ids that the child had confirmed before it was killed, {@code confirmations} of them at least. */
    private List<String> appendUntilKilled(int confirmations) throws Exception {
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Child.class.getName(),
                        data.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        var confirmed = new ArrayList<String>();
        try (var lines = new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.US_ASCII))) {
            while (confirmed.size() < confirmations) {
                String line = lines.readLine();
                assertThat(line).as("the child ended by itself").isNotNull();
                confirmed.add(line);
            }
            child.toHandle().destroyForcibly(); // by its handle, which leaves the pipe open
            // Said before it died, and not yet read.
            lines.lines().filter(line -> line.length() == "rec_".length() + 26).forEach(confirmed::add);
        } finally {
            child.destroyForcibly();
            assertThat(child.waitFor(10, TimeUnit.SECONDS)).isTrue();
        }
        return confirmed;
    }

    private static LedgerSettings settings(Path data) {
        return LedgerSettings.in(data).withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES);
    }

    /** Appends intents and some of their outcomes, and says each id when it is confirmed. */
    static final class Child {
        private Child() {}

        public static void main(String[] args) throws Exception {
            var records = new Records(System.nanoTime());
            TaskId task = records.task();
            var out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
            try (EmbeddedLedger ledger = EmbeddedLedger.open(settings(Path.of(args[0])))) {
                while (true) {
                    AuditRecord.Intent intent = records.intent(task);
                    out.println(
                            ledger.append(intent).toCompletableFuture().get().recordId());
                    var outcome = ledger.append(records.outcome(intent)).toCompletableFuture();
                    for (int i = 0; i < 5; i++) {
                        out.println(ledger.append(records.refusal(task))
                                .toCompletableFuture()
                                .get()
                                .recordId());
                    }
                    out.println(outcome.get().recordId());
                }
            }
        }
    }
}

package io.behalf.ledger;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.TaskId;
import io.behalf.ledger.FaultDisk.Fault;
import io.behalf.ledger.FaultStory.Told;
import io.behalf.ledger.FaultTable.Seen;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every operation of the ledger on its disk fails, each kind of it the first time, in the middle and the last time, and is lost or stored
 * all the same. Then the process is killed or the power goes, and the ledger is started as always: whatever had been confirmed is there.
 *
 * <p>{@code docs/durability.md} shows what is seen, and must show what is seen here: {@code -Dbehalf.pages=write} writes it.
 */
@Tag("slow")
class FaultTableTest {
    private static final int SIDE_BY_SIDE = 4;

    /** @param before how often the operation goes well before it fails */
    private record Case(FaultOperation operation, int before, Fault fault) {}

    @TempDir(factory = InMemory.class)
    Path folder;

    private final AtomicInteger runs = new AtomicInteger();

    /** What was recovered from a disk that looked like this: the same start from the same bytes needs no second look. */
    private final Map<ByteBuffer, Recovered> known = new ConcurrentHashMap<>();

    @ParameterizedTest
    @EnumSource
    void whatWasConfirmedIsThereWhateverFailed(FaultStory story) throws Exception {
        LedgerSettings base = settings("base");
        story.prepare(base);
        LedgerSettings settings = copyOf(base);
        var undisturbed = new FaultDisk(settings.directory());
        Told told = story.tell(settings, undisturbed::below);
        assertThat(told.refused()).isEmpty();
        assertThat(told.stopped()).isFalse();

        var table = new FaultTable(story.title());
        var cases = new ArrayList<Callable<Runnable>>();
        undisturbed.seen().forEach((operation, times) -> {
            for (int before : new TreeSet<>(List.of(0, times / 2, times - 1))) {
                for (Fault fault : Fault.values()) {
                    cases.add(() -> {
                        Seen seen = see(story, base, new Case(operation, before, fault));
                        return () -> table.add(operation, before, times, fault, seen);
                    });
                }
            }
        });
        try (var sideBySide = Executors.newFixedThreadPool(SIDE_BY_SIDE)) {
            for (Future<Runnable> row : sideBySide.invokeAll(cases)) {
                row.get().run();
            }
        }
        table.assertIsOnThePage();
    }

    private Seen see(FaultStory story, LedgerSettings base, Case fails) throws Exception {
        LedgerSettings settings = copyOf(base);
        FaultDisk disk = new FaultDisk(settings.directory())
                .failing(fails.operation(), fails.before(), fails.fault(), () -> FaultStory.awaitAnswers(settings));
        Told told = story.tell(settings, disk::below);
        String what = story + ", " + fails + ", " + told;
        assertThat(disk.failed()).as(what).isPresent();
        Recovered killed = recovered(settings, disk.remains(() -> true), told, what + ", killed");
        Recovered powerLost = recovered(settings, disk.remains(() -> false), told, what + ", power lost");
        if (fails.fault() == Fault.LOST) {
            var chance = new Random(fails.hashCode());
            recovered(settings, disk.remains(chance::nextBoolean), told, what + ", power lost, by chance");
        }
        FaultStory.remove(settings.data());
        return Seen.of(told, killed, powerLost);
    }

    private Recovered recovered(LedgerSettings settings, Map<String, byte[]> remains, Told told, String what)
            throws Exception {
        ByteBuffer digest = digest(remains);
        Recovered recovered = known.get(digest);
        if (recovered == null) {
            recovered = recovered(settings, remains, what);
            known.put(digest, recovered);
        }
        assertThat(recovered.records()).as(what).containsAll(told.confirmed());
        return recovered;
    }

    private static Recovered recovered(LedgerSettings settings, Map<String, byte[]> remains, String what)
            throws Exception {
        LedgerSettings left = settings(settings.log(), settings.data().resolve("left"));
        FaultStory.copy(settings.data().resolve("keys"), left.data().resolve("keys"));
        FaultDisk.write(remains, left.directory());
        var records = new Records(99);
        TaskId task = records.task();
        Recovered recovered = Recovered.start(left, records.refusal(task), what);
        FaultStory.remove(left.data());
        return recovered;
    }

    // ---- the pin file

    @Test
    void aPinFileThatCannotBeWrittenStopsNothing() throws Exception {
        LedgerSettings base = settings("base");
        FaultStory.NEW_LOG.prepare(base);
        var table = new FaultTable("The pin file");
        for (String kind : List.of("create", "write", "force", "rename", "force folder")) {
            FaultOperation operation = kind.equals("force folder")
                    ? FaultOperation.onFolder("", Optional.of(FaultOperation.on("rename", "pin")))
                    : FaultOperation.on(kind, "pin");
            for (int before : List.of(0, 1)) {
                for (Fault fault : Fault.values()) {
                    table.add(operation, before, 2, fault, seeFailingPin(base, new Case(operation, before, fault)));
                }
            }
        }
        table.assertIsOnThePage();
    }

    /** It is written when the ledger opens and when it closes. An older one is still true, so the next start is none the worse. */
    private Seen seeFailingPin(LedgerSettings base, Case fails) throws Exception {
        LedgerSettings copy = copyOf(base);
        Path pins = Files.createDirectories(copy.data().resolve("pins"));
        LedgerSettings settings = copy.withPin(pins.resolve("pin"));
        var log = new FaultDisk(settings.directory());
        var pin = new FaultDisk(pins).failing(fails.operation(), fails.before(), fails.fault());

        Told told = FaultStory.NEW_LOG.tell(settings, below -> below.equals(pins) ? pin : log.below(below));

        String what = fails + ", " + told;
        assertThat(pin.failed()).as(what).isPresent();
        assertThat(told.refused()).as(what).isEmpty();
        Map<String, byte[]> left = log.remains(() -> false);
        FaultStory.remove(settings.directory());
        FaultDisk.write(left, settings.directory());
        var records = new Records(99);
        Recovered recovered = Recovered.start(settings, records.refusal(records.task()), what);
        assertThat(recovered.records()).as(what).containsAll(told.confirmed());
        assertThat(new PinFile(pins.resolve("pin")).read().orElseThrow().seen())
                .as(what)
                .hasValueSatisfying(seen -> assertThat(seen.size()).isGreaterThan(2));
        return Seen.of(told, recovered, recovered);
    }

    // ---- folders

    private LedgerSettings copyOf(LedgerSettings base) throws Exception {
        LedgerSettings settings = settings("f" + runs.incrementAndGet());
        FaultStory.copy(base.directory(), settings.directory());
        Path keys = Files.createDirectories(settings.data().resolve("keys"));
        Files.copy(base.data().resolve("keys/base.pem"), keys.resolve(settings.log() + ".pem"));
        return settings;
    }

    /** A log's name is in the names of its threads, so each run has its own. */
    private LedgerSettings settings(String log) {
        return settings(log, folder.resolve(log));
    }

    private static LedgerSettings settings(String log, Path data) {
        return LedgerSettings.in(data)
                .withLog(log)
                .withSegmentBytes(LedgerSettings.MIN_SEGMENT_BYTES)
                .withCheckpointInterval(Duration.ZERO)
                .withAppendTimeout(Duration.ofSeconds(TimeUnit.MINUTES.toSeconds(1)))
                .withOrigin("test.example/log");
    }

    private static ByteBuffer digest(Map<String, byte[]> remains) throws NoSuchAlgorithmException {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        remains.forEach((name, bytes) -> {
            sha256.update((name + " " + bytes.length + "\n").getBytes(StandardCharsets.UTF_8));
            sha256.update(bytes);
        });
        return ByteBuffer.wrap(sha256.digest());
    }
}

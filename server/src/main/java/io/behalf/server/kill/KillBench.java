package io.behalf.server.kill;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.ledger.LedgerReader;
import io.behalf.ledger.Pin;
import io.behalf.ledger.Verification;
import io.behalf.server.kill.Told.Arrived;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * Round by round: a real server under mixed load is killed at a moment of chance, sometimes once more while it starts, and
 * started on what it left. Then everything that anybody had been told, and everything that had come to an upstream, is held
 * against what it knows. The first round with a violation is the last.
 */
public final class KillBench implements AutoCloseable {
    /** Once every program has had some answers, for which a slow machine gets time. */
    private static final int LONGEST_LOAD_MILLIS = 800;

    private static final Duration BEGINS_WITHIN = Duration.ofSeconds(30);
    /** One round in so many does not wait for the programs. */
    private static final int ROUNDS_PER_EARLY_KILL = 5;
    /** One start in so many is killed too. */
    private static final int STARTS_PER_KILLED_START = 4;
    /** What was acknowledged is durable, and under a checkpoint well within this time. */
    private static final Duration CHECKPOINT_WITHIN = Duration.ofSeconds(30);

    private static final Duration LOOK_AGAIN_AFTER = Duration.ofMillis(20);

    private final Settings settings;
    private final Meanwhile meanwhile;
    private final Random random;
    private final ServerProcess server;
    private final PretendParts parts;
    private final List<Work> works = new ArrayList<>();
    private final ExecutorService threads;
    private final LedgerFacts ledger = new LedgerFacts();
    private final List<Violation> violations = new ArrayList<>();
    private final List<Duration> starts = new ArrayList<>();
    private Optional<Pin> pin = Optional.empty();
    private int rounds;
    private int kills;
    private long acknowledged;
    private long arrived;
    private long verified;

    /**
     * @param folder an empty one, on the disk whose forces count
     * @param programs that work at once
     * @param seed of every choice; the moment at which a request is under way is the machine's
     * @param progress told each round that is over
     */
    public record Settings(Path folder, int rounds, int programs, long seed, IntConsumer progress) {
        public Settings {
            if (rounds < 1 || programs < 1) {
                throw new IllegalArgumentException("rounds and programs are positive");
            }
        }
    }

    /**
     * What came of it.
     *
     * @param kills one a round, and those of starting servers
     * @param done how often each thing that the programs do was answered whole
     * @param cut answers that did not come, or not to their end
     * @param acknowledged things that somebody was told, each of which was held against the ledger
     * @param arrived requests that came to an upstream
     * @param unknown calls that a start found open, and closed as {@code unknown}
     * @param entries of the ledger, all of them verified
     * @param starts from the start of the process until it took calls, after each kill
     */
    public record Result(
            int rounds,
            int kills,
            Map<Deed, Integer> done,
            long cut,
            long acknowledged,
            long arrived,
            long unknown,
            long entries,
            List<Duration> starts,
            List<Violation> violations) {
        public Result {
            done = Map.copyOf(done);
            starts = starts.stream().sorted().toList();
            violations = List.copyOf(violations);
        }

        public long answered(Deed... deeds) {
            return Stream.of(deeds)
                    .mapToLong(deed -> done.getOrDefault(deed, 0))
                    .sum();
        }

        public long calls() {
            return answered(Deed.CALLS.toArray(Deed[]::new));
        }

        public Duration medianStart() {
            return starts.isEmpty() ? Duration.ZERO : starts.get(starts.size() / 2);
        }

        public Duration longestStart() {
            return starts.isEmpty() ? Duration.ZERO : starts.getLast();
        }
    }

    /** What each program does, all at once. */
    private interface Step {
        void take(Work work) throws InterruptedException;
    }

    /** For those who hold this bench itself to account: what is done to the data while no server runs. */
    @FunctionalInterface
    interface Meanwhile {
        void done(int round, Path folder) throws IOException;
    }

    public static Result run(Settings settings) throws IOException, InterruptedException {
        return run(settings, (_, _) -> {});
    }

    static Result run(Settings settings, Meanwhile meanwhile) throws IOException, InterruptedException {
        try (var bench = new KillBench(settings, meanwhile)) {
            bench.rounds();
            return bench.result();
        }
    }

    private KillBench(Settings settings, Meanwhile meanwhile) throws IOException {
        this.settings = settings;
        this.meanwhile = meanwhile;
        this.random = new Random(settings.seed());
        this.server = ServerProcess.in(settings.folder());
        this.parts = new PretendParts(server.base());
        this.threads = Executors.newFixedThreadPool(settings.programs());
        for (int program = 0; program < settings.programs(); program++) {
            works.add(new Work(server.base(), parts, new Random(random.nextLong())));
        }
    }

    private void rounds() throws IOException, InterruptedException {
        server.configure(parts.configuration(settings.folder()));
        server.start();
        all(work -> new Load(work).everything());
        if (server.sharesClasses()) {
            server.close();
            server.start();
        }
        while (rounds < settings.rounds() && violations.isEmpty()) {
            loadAndKill();
            meanwhile.done(rounds, settings.folder());
            if (startsAgain()) {
                check();
            }
            rounds++;
            settings.progress().accept(rounds);
        }
    }

    private void loadAndKill() throws InterruptedException {
        var killed = new AtomicBoolean();
        var begun = new CountDownLatch(works.size());
        List<Future<?>> loads = begun(work -> new Load(work).run(killed::get, begun::countDown));
        if (rounds == 0 || random.nextInt(ROUNDS_PER_EARLY_KILL) > 0) {
            var _ = begun.await(BEGINS_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
        }
        Thread.sleep(random.nextInt(LONGEST_LOAD_MILLIS));
        killed.set(true);
        kill();
        loads.forEach(KillBench::finished);
    }

    private void kill() throws InterruptedException {
        if (!server.isAlive()) {
            violations.add(new Violation("a server runs until it is stopped", "it ended by itself"));
        }
        server.kill();
        kills++;
    }

    private boolean startsAgain() throws IOException, InterruptedException {
        if (!starts.isEmpty() && random.nextInt(STARTS_PER_KILLED_START) == 0) {
            server.spawn();
            Thread.sleep(random.nextInt(1 + (int) starts.getLast().toMillis()));
            server.kill();
            kills++;
        }
        try {
            starts.add(server.start());
            return true;
        } catch (IOException doesNot) {
            violations.add(new Violation("what it leaves it starts on", String.valueOf(doesNot.getMessage())));
            return false;
        }
    }

    private void check() throws IOException, InterruptedException {
        all(work -> new AfterStart(work).check());
        readLedger();
        List<Told> told = new ArrayList<>(parts.kept());
        works.forEach(work -> told.addAll(work.takeTold()));
        List<Arrived> came = parts.arrived();
        acknowledged += told.size();
        arrived += came.size();
        works.forEach(work -> violations.addAll(work.violations()));
        violations.addAll(Promises.broken(told, came, ledger));
        verify();
    }

    /** Up to the last call of each program: all that was told before it was durable before it. */
    private void readLedger() throws IOException, InterruptedException {
        var reader = new LedgerReader(server.ledger());
        long deadline = System.nanoTime() + CHECKPOINT_WITHIN.toNanos();
        try {
            do {
                Thread.sleep(LOOK_AGAIN_AFTER);
                ledger.readOn(reader);
            } while (!hasLastCalls() && System.nanoTime() < deadline);
        } catch (Json.Malformed e) {
            throw new IOException("an entry of the ledger is no record", e);
        }
    }

    private boolean hasLastCalls() {
        return works.stream().flatMap(work -> work.lastAnswered().stream()).allMatch(intent -> ledger.end(intent)
                .isPresent());
    }

    /** As {@code behalf verify} does, with the key and the checkpoint of the round before. */
    private void verify() throws IOException {
        Verification.Report report = Verification.verify(server.ledger(), pin);
        report.finding().ifPresent(finding -> violations.add(new Violation("the ledger verifies", finding.toString())));
        if (report.checkpoint().isPresent()) {
            pin = Optional.of(new Pin(key(), report.checkpoint()));
            verified = report.checkpoint().map(Checkpoint::size).orElse(0L);
        }
    }

    private VerifierKey key() throws IOException {
        if (pin.isPresent()) {
            return pin.get().key();
        }
        String vkeys = Files.readString(server.ledger().resolve("vkey"), StandardCharsets.UTF_8);
        return VerifierKey.parse(vkeys.lines().findFirst().orElse("")).fold(key -> key, problem -> {
            throw new IllegalStateException("the ledger's key: " + problem);
        });
    }

    private void all(Step step) {
        begun(step).forEach(KillBench::finished);
    }

    private List<Future<?>> begun(Step step) {
        List<Future<?>> all = new ArrayList<>();
        for (Work work : works) {
            all.add(threads.submit(() -> {
                step.take(work);
                return null;
            }));
        }
        return all;
    }

    private static void finished(Future<?> work) {
        try {
            work.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } catch (ExecutionException e) {
            throw new IllegalStateException("the load failed", e.getCause());
        }
    }

    private Result result() {
        Map<Deed, Integer> done = new EnumMap<>(Deed.class);
        works.forEach(work -> work.done().forEach((deed, times) -> done.merge(deed, times, Integer::sum)));
        return new Result(
                rounds,
                kills,
                done,
                works.stream().mapToLong(Work::cut).sum(),
                acknowledged,
                arrived,
                ledger.unknown(),
                verified,
                starts,
                violations);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        server.close();
        works.forEach(Work::close);
        parts.close();
    }
}

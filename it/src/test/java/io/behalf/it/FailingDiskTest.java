package io.behalf.it;

import static io.behalf.it.PretendDeployment.READ_TICKETS;
import static io.behalf.it.PretendDeployment.TICKET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.behalf.core.delegation.Reason;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The disk below a running server gets full, hangs or fails: no call without its record, and no record that was told is lost. */
@Tag("slow")
class FailingDiskTest {
    private static final String HELD = "/http/tickets/tickets/held";
    private static final Path STRACE = Path.of("/usr/bin/strace");

    /** Small files, so that few calls fill one. */
    private static final String SMALL_FILES = "  segment-size: 256KiB\n";

    /** It says all it has to say. */
    private static final String TALKATIVE = "observability: {log-level: debug}\n";

    private static final Duration APPEND_TIMEOUT = Duration.ofSeconds(2);

    /** From a call to its refusal on a disk that hangs, on a machine that is busy. */
    private static final Duration REFUSES_WITHIN = APPEND_TIMEOUT.multipliedBy(5);

    private static final Duration HANGS = Duration.ofMinutes(10);
    private static final Duration SERVES_AGAIN_WITHIN = Duration.ofSeconds(30);
    private static final Duration ENDS_WITHIN = Duration.ofSeconds(30);
    private static final int CALLS_AT_MOST = 3_000;

    @TempDir
    Path folder;

    @Test
    void onAFullDiskRunningCallsEndWellAndNewOnesAreRefusedUntilThereIsSpace() throws Exception {
        var data = Files.createDirectory(folder.resolve("data"));
        var disk = SmallDisk.over(data);
        assumeThat(disk).as("a small file system can be mounted here").isPresent();
        try (var deployment = PretendDeployment.start(
                        folder, SMALL_FILES, disk.orElseThrow().around(16));
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            var onDisk = disk.orElseThrow().seenFromOutside(server.pid());
            var running = CompletableFuture.supplyAsync(() -> agent.get(HELD));
            awaitHeld(deployment.upstream());

            SmallDisk.fill(onDisk.resolve("filler"));
            var refused = callUntilRefused(agent, deployment.upstream());

            RefusalAssert.problem(server, refused, Reason.RECORD_UNAVAILABLE).onlyCounted();
            assertThat(status(server, "/health/live")).isEqualTo(200);
            deployment.upstream().release();
            var ended = running.get(ENDS_WITHIN.toSeconds(), TimeUnit.SECONDS);
            assertThat(ended.statusCode()).isEqualTo(200);
            assertThat(ended.body()).contains("import stops");

            SmallDisk.giveBack(onDisk.resolve("filler"));
            awaitServed(agent);
            var record = ended.headers().firstValue("behalf-record").orElseThrow();
            assertThat(server.step(record).path("ending").path("end").asText()).isEqualTo("complete");
            assertSound(server, onDisk);
        }
    }

    @Test
    void aDiskThatHangsRefusesWithinABoundAndGoesOnWhenItComesBack() throws Exception {
        assumeThat(STRACE).exists();
        var options = SMALL_FILES + "  append-timeout: " + APPEND_TIMEOUT.toSeconds() + "s\n";
        try (var deployment = PretendDeployment.start(folder, options);
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(200);
            deployment.upstream().taken();
            try (var hanging = server.withHangingDisk(STRACE, HANGS)) {
                for (int i = 0; i < 3; i++) {
                    var asked = System.nanoTime();
                    RefusalAssert.problem(server, agent.get(TICKET), Reason.RECORD_UNAVAILABLE);
                    assertThat(Duration.ofNanos(System.nanoTime() - asked)).isLessThan(REFUSES_WITHIN);
                }
                assertThat(deployment.upstream().taken()).isEmpty();
                assertThat(status(server, "/health/live")).isEqualTo(200);
                var look = server.command(List.of("task", agent.task()));
                assertThat(look.exit()).as(look.said()).isEqualTo(3);
                assertThat(look.err()).contains("cannot be recorded now");
                assertThat(hanging.isAlive()).isTrue();
            }

            awaitServed(agent);
            // The first one's intent may have been stored after all; the others had not begun.
            assertThat(server.api("/tasks/" + agent.task()).path("unknown").asInt())
                    .isLessThan(2);
            server.stop();
            assertSound(server, server.data());
        }
    }

    @Test
    void aDiskThatFailsStopsTheServerWhichRecoversAtItsNextStart() throws Exception {
        assumeThat(STRACE).exists();
        try (var deployment = PretendDeployment.start(folder, SMALL_FILES + TALKATIVE);
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            var before = agent.get(TICKET).headers().firstValue("behalf-record").orElseThrow();
            var running = CompletableFuture.supplyAsync(() -> agent.get(HELD));
            awaitHeld(deployment.upstream());
            try (var _ = server.withFailingDisk(STRACE)) {
                RefusalAssert.problem(server, agent.get(TICKET), Reason.RECORD_UNAVAILABLE);
                assertThat(server.exitsWithin(ENDS_WITHIN)).isEqualTo(3);
            }
            assertThat(server.output()).contains("The ledger stopped", "Start the server again");
            assertTellsNothing(server, agent);
            assertSound(server, server.data());
            deployment.upstream().release();
            // Its outcome could not be written: it never ended well for its agent.
            assertThat(running).failsWithin(ENDS_WITHIN);

            server.startAgain();

            assertThat(agent.get(TICKET).statusCode()).isEqualTo(200);
            // The one that ran, and the one that was refused, where the disk had stored its intent all the same.
            assertThat(server.api("/tasks/" + agent.task()).path("unknown").asInt())
                    .isBetween(1, 2);
            assertThat(server.step(before).path("ending").path("end").asText()).isEqualTo("complete");
            server.stop();
            assertSound(server, server.data());
        }
    }

    /** What it said while it failed, and every file that it left but its keys. */
    private void assertTellsNothing(BehalfServer server, HandMadeAgent agent) throws IOException {
        var leaks = new Leaks();
        leaks.secret("a delegation", agent.token());
        leaks.secret("a renewal token", agent.renewal());
        leaks.secret("an agent's secret", PretendDeployment.SECRET);
        leaks.secret("the API token", server.apiToken());
        leaks.confidence("the task's text", PretendDeployment.TASK);
        leaks.confidence("what the service answered", PretendUpstream.TOLD);
        assertThat(leaks.in(Leaks.bytes(server.output()))).isEmpty();
        try (var all = Files.walk(folder)) {
            var files = all.filter(Files::isRegularFile)
                    .filter(file -> !file.startsWith(server.data().resolve("keys")))
                    .toList();
            assertThat(files.stream().map(Path::toString))
                    .anyMatch(name -> name.contains("/wal/"))
                    .anyMatch(name -> name.endsWith("behalf.db"));
            for (var file : files) {
                assertThat(leaks.in(Files.readString(file, StandardCharsets.ISO_8859_1)))
                        .as("%s", file)
                        .isEmpty();
            }
        }
    }

    // ---- what is waited for

    private static void awaitHeld(PretendUpstream upstream) throws InterruptedException {
        var deadline = System.nanoTime() + SERVES_AGAIN_WITHIN.toNanos();
        while (!upstream.taken().contains("GET /tickets/held")) {
            assertThat(System.nanoTime()).as("the call reaches its upstream").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    /** The first call that is not answered well, which has not reached its upstream. */
    private static HttpResponse<String> callUntilRefused(HandMadeAgent agent, PretendUpstream upstream) {
        for (int i = 0; i < CALLS_AT_MOST; i++) {
            upstream.taken();
            var answer = agent.get(TICKET);
            if (answer.statusCode() != 200) {
                assertThat(upstream.taken()).isEmpty();
                return answer;
            }
        }
        throw new AssertionError("nothing is refused");
    }

    private static void awaitServed(HandMadeAgent agent) throws InterruptedException {
        var deadline = System.nanoTime() + SERVES_AGAIN_WITHIN.toNanos();
        while (agent.get(TICKET).statusCode() != 200) {
            assertThat(System.nanoTime()).as("calls are served again").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    private static int status(BehalfServer server, String path) throws IOException, InterruptedException {
        try (var http = HttpClient.newHttpClient()) {
            var request = HttpRequest.newBuilder(server.base().resolve(path))
                    .timeout(REFUSES_WITHIN)
                    .build();
            return http.send(request, BodyHandlers.discarding()).statusCode();
        }
    }

    private static void assertSound(BehalfServer server, Path data) {
        assertThat(server.told("verify", data.resolve("ledger/main").toString()))
                .contains("none missing or altered");
    }
}

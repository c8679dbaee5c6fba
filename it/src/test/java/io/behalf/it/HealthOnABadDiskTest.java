package io.behalf.it;

import static io.behalf.it.PretendDeployment.READ_TICKETS;
import static io.behalf.it.PretendDeployment.TICKET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.behalf.core.delegation.Reason;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whoever asks whether calls can be made is told no for as long as they would be refused, and why. */
@Tag("slow")
class HealthOnABadDiskTest {
    private static final Path STRACE = Path.of("/usr/bin/strace");
    private static final String SMALL_FILES = "  segment-size: 256KiB\n";
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final Duration HANGS = Duration.ofMinutes(10);
    private static final int CALLS_AT_MOST = 3_000;

    @TempDir
    Path folder;

    @Test
    void isNotReadyOnAFullDiskUntilThereIsSpace() throws Exception {
        var disk = SmallDisk.over(Files.createDirectory(folder.resolve("data")));
        assumeThat(disk).as("a small file system can be mounted here").isPresent();
        try (var deployment = PretendDeployment.start(
                        folder, SMALL_FILES, disk.orElseThrow().around(16));
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            assertThat(ready(server).statusCode()).isEqualTo(200);
            var filler = disk.orElseThrow().seenFromOutside(server.pid()).resolve("filler");
            SmallDisk.fill(filler);
            callUntilRefused(agent);

            assertUnavailable(server, "make space");

            SmallDisk.giveBack(filler);
            // without a call in between: nobody sends one to a server that says that it is not ready
            awaitReady(server);
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void isNotReadyWhileTheDiskHangs() throws Exception {
        assumeThat(STRACE).exists();
        try (var deployment = PretendDeployment.start(folder, SMALL_FILES + "  append-timeout: 2s\n");
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            try (var _ = server.withHangingDisk(STRACE, HANGS)) {
                RefusalAssert.problem(server, agent.get(TICKET), Reason.RECORD_UNAVAILABLE);

                assertUnavailable(server, "the disk does not answer");
            }
            awaitReady(server);
        }
    }

    private static void callUntilRefused(HandMadeAgent agent) {
        for (int i = 0; i < CALLS_AT_MOST; i++) {
            if (agent.get(TICKET).statusCode() == Reason.RECORD_UNAVAILABLE.status()) {
                return;
            }
        }
        throw new AssertionError("nothing is refused");
    }

    private static void assertUnavailable(BehalfServer server, String why) throws Exception {
        var answer = ready(server);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
        assertThat(BehalfServer.parsed(answer.body()).path("status").asText()).isEqualTo("record_unavailable");
        assertThat(BehalfServer.parsed(answer.body()).path("detail").asText()).contains(why);
    }

    private static void awaitReady(BehalfServer server) throws Exception {
        var deadline = System.nanoTime() + SOON.toNanos();
        while (ready(server).statusCode() != 200) {
            assertThat(System.nanoTime()).as("it is ready again").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(200);
        }
    }

    private static HttpResponse<String> ready(BehalfServer server) throws Exception {
        try (var http = HttpClient.newHttpClient()) {
            var request = HttpRequest.newBuilder(server.base().resolve("/health/ready"))
                    .timeout(SOON)
                    .build();
            return http.send(request, BodyHandlers.ofString());
        }
    }
}

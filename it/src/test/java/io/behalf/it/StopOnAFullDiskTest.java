package io.behalf.it;

import static io.behalf.it.PretendDeployment.READ_TICKETS;
import static io.behalf.it.PretendDeployment.TICKET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.behalf.core.delegation.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** There is no space left, and somebody stops a task: that is when a stop matters most. */
@Tag("slow")
class StopOnAFullDiskTest {
    private static final String HELD = "/http/tickets/tickets/held";
    private static final int MEGABYTES = 16;
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    @Test
    void stopIsInForceAtOnceAndStoredOnceThereIsSpace() throws Exception {
        var disk = smallDisk();
        try (var deployment = start(disk);
                var agent = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            var filler = fill(disk, server);
            var running = CompletableFuture.supplyAsync(() -> agent.get(HELD));
            await(() -> deployment.upstream().taken().contains("GET /tickets/held"));

            assertStopped(server, agent);

            // what ran is cut: without its end, or refused where nothing of the answer had come yet
            assertThat(running.handle((answer, cut) -> cut != null || answer.statusCode() != 200))
                    .succeedsWithin(SOON)
                    .isEqualTo(true);
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(Reason.DELEGATION_REVOKED.status());
            assertThat(deployment.upstream().taken()).isEmpty();
            assertThat(agent.askRenewal().statusCode()).isEqualTo(400);

            SmallDisk.giveBack(filler);
            // once the store has it, nothing is left that could be stopped
            await(() -> server.command(revoke(agent)).exit() == 1);
            assertThat(agent.askRenewal().statusCode()).isEqualTo(400);
            await(() -> events(server, agent).contains("ended"));
            assertThat(events(server, agent)).containsOnlyOnce("revoked").endsWith("ended");
        }
    }

    @Test
    void stopHoldsAfterAKillBeforeThereWasSpace() throws Exception {
        var disk = smallDisk();
        try (var deployment = start(disk);
                var agent = deployment.agent(READ_TICKETS);
                var other = deployment.agent(READ_TICKETS)) {
            var server = deployment.server();
            fill(disk, server);
            assertStopped(server, agent);

            // as a kill leaves it: the disk itself goes with the process
            signal("-STOP", server.pid());
            var left = DataCopy.of(disk.seenFromOutside(server.pid()), folder.resolve("left"));
            server.kill();
            DataCopy.remove(left.kept().resolve("filler"));
            left.restoreTo(server.data());
            server.within(List.of()).startAgain();

            RefusalAssert.problem(server, agent.get(TICKET), Reason.DELEGATION_REVOKED)
                    .recordedIn(agent.task());
            assertThat(agent.askRenewal().statusCode()).isEqualTo(400);
            assertThat(other.askRenewal().statusCode()).isEqualTo(200);
            assertThat(events(server, agent)).containsOnlyOnce("revoked");
            server.stop();
            assertThat(server.told("verify", server.data().toString())).contains("none missing or altered");
        }
    }

    @Test
    void tokensAreNotGivenAndTheAgentIsToldToTryAgain() throws Exception {
        var disk = smallDisk();
        try (var deployment = start(disk);
                var agent = deployment.agent(READ_TICKETS)) {
            var filler = fill(disk, deployment.server());

            var answer = agent.askRenewal();

            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(503);
            assertThat(answer.headers().firstValue("retry-after")).isPresent();
            assertThat(BehalfServer.parsed(answer.body()).path("error").asText())
                    .isEqualTo("temporarily_unavailable");
            SmallDisk.giveBack(filler);
            assertThat(agent.askRenewal().statusCode()).isEqualTo(200);
        }
    }

    // ---- what is done

    private SmallDisk smallDisk() throws IOException {
        var disk = SmallDisk.over(Files.createDirectory(folder.resolve("data")));
        assumeThat(disk).as("a small file system can be mounted here").isPresent();
        return disk.orElseThrow();
    }

    private PretendDeployment start(SmallDisk disk) {
        return PretendDeployment.start(folder, "  segment-size: 256KiB\n", disk.around(MEGABYTES));
    }

    private static Path fill(SmallDisk disk, BehalfServer server) {
        var filler = disk.seenFromOutside(server.pid()).resolve("filler");
        SmallDisk.fill(filler);
        return filler;
    }

    private static List<String> revoke(HandMadeAgent agent) {
        return List.of("revoke", "--task", agent.task(), "--reason", "not wanted any more");
    }

    private static void assertStopped(BehalfServer server, HandMadeAgent agent) {
        var stop = server.command(revoke(agent));
        assertThat(stop.exit()).as(stop.said()).isZero();
        assertThat(stop.out()).contains("stopped  " + agent.task());
        assertThat(stop.err()).contains("in force and survives a restart", "The store cannot take it yet");
    }

    private static List<String> events(BehalfServer server, HandMadeAgent agent) {
        JsonNode steps = server.api("/tasks/" + agent.task()).path("steps");
        return StreamSupport.stream(steps.spliterator(), false)
                .map(step -> step.path("event").asText())
                .filter(event -> !event.isEmpty())
                .toList();
    }

    private void signal(String signal, long pid) {
        var sent = Command.run(List.of("kill", signal, Long.toString(pid)), folder, Map.of(), SOON);
        assertThat(sent.exit()).as(sent.said()).isZero();
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void await(Condition condition) throws Exception {
        var deadline = System.nanoTime() + SOON.toNanos();
        while (!condition.holds()) {
            assertThat(System.nanoTime()).as("it comes soon").isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }
}

package io.behalf.it;

import static io.behalf.it.PretendDeployment.READ_TICKETS;
import static io.behalf.it.PretendDeployment.TICKET;
import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Reason;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Somebody restores the wrong copy, cuts the end off or signs anew, and starts the server: it says no, what is wrong and what to do, and
 * leaves all as it was; or, where it can put the two stores together, does, so that nothing that was stopped runs again.
 */
@Tag("slow")
class OldCopiesTest {
    private static final String ORIGIN = "it.example/reasons";

    @TempDir
    static Path folder;

    private static PretendDeployment deployment;
    private static BehalfServer server;

    /** Its task is stopped since last week. */
    private static HandMadeAgent stopped;
    /** Its task goes on since last week. */
    private static HandMadeAgent running;
    /** Its task began after last week. */
    private static HandMadeAgent later;

    private static DataCopy lastWeek;
    private static DataCopy today;
    private static DataCopy pin;

    @BeforeAll
    static void liveOn() {
        deployment = PretendDeployment.start(folder, "  segment-size: 256KiB\n");
        server = deployment.server();
        stopped = deployment.agent(READ_TICKETS);
        running = deployment.agent(READ_TICKETS);
        assertThat(stopped.get(TICKET).statusCode()).isEqualTo(200);
        server.stop();
        lastWeek = DataCopy.of(server.data(), folder.resolve("last-week"));

        server.startAgain();
        server.told("revoke", "--task", stopped.task(), "--reason", "not wanted any more");
        later = deployment.agent(READ_TICKETS);
        assertThat(later.get(TICKET).statusCode()).isEqualTo(200);
        server.stop();
        today = DataCopy.of(server.data(), folder.resolve("today"));
        pin = DataCopy.of(pinFile(), folder.resolve("pin-of-today"));
    }

    @AfterEach
    void stop() {
        server.stop();
        today.restoreTo(server.data());
        pin.restoreTo(pinFile());
    }

    @AfterAll
    static void close() {
        Stream.of(stopped, running, later).forEach(HandMadeAgent::close);
        deployment.close();
    }

    @Test
    void refusesLastWeeksDataDirectory() {
        lastWeek.restoreTo(server.data());

        refuses("had been seen", "this is an older copy", "restore the newest copy");
    }

    @Test
    void refusesALedgerWhoseEndWasCutOffUnderItsOlderCheckpoint() {
        lastWeek.part("ledger").restoreTo(server.data().resolve("ledger"));

        refuses("had been seen", "its end was cut off", "restore the newest copy");
    }

    /** Without a pin file, the store is what remembers. */
    @Test
    void refusesAStoreThatKnowsMoreThanItsLedger() {
        lastWeek.part("ledger").restoreTo(server.data().resolve("ledger"));
        DataCopy.remove(pinFile());

        refuses(
                "the store knows a change that the ledger does not have",
                "Restore the ledger that belongs to this store");
    }

    @Test
    void refusesALedgerThatWasSignedAnewWithAnotherKey() throws IOException {
        var log = server.data().resolve("ledger/main");
        Stream.of(
                        log.resolve("vkey"),
                        log.resolve("checkpoint"),
                        log.resolve("wal/chains"),
                        server.data().resolve("keys/main.pem"))
                .forEach(DataCopy::remove);
        EmbeddedLedger.open(LedgerSettings.in(server.data()).withOrigin(ORIGIN)).close();
        assertThat(server.command(List.of("verify", log.toString())).exit()).isZero();

        refuses("remembers another key", "signed anew", "restore ledger/ and keys/ as they were");
    }

    @Test
    void refusesADamagedPinFile() throws IOException {
        Files.writeString(pinFile(), Files.readString(pinFile()).substring(1));

        refuses("the pin file", "is damaged", "restore it");
    }

    @Test
    void refusesThePinFileOfAnotherLog() throws IOException {
        DataCopy.remove(pinFile());
        EmbeddedLedger.open(LedgerSettings.in(folder.resolve("other-data"))
                        .withOrigin("it.example/other")
                        .withPin(pinFile()))
                .close();

        refuses("is of the log it.example/other", "this is " + ORIGIN, "name another ledger.pin-file");
    }

    @Test
    void saysThatThereIsNoPinFileAndMakesOne() {
        DataCopy.remove(pinFile());

        server.startAgain();

        assertThat(server.output()).contains("there is no pin file", "taken as it is, and remembered from now on");
        server.stop();
        assertThat(pinFile()).exists();
    }

    @Test
    void bringsAnOlderStoreUpToItsLedger() {
        lastWeek.part("behalf.db").restoreTo(server.data().resolve("behalf.db"));
        server.startAgain();

        // What was stopped since then stays stopped.
        RefusalAssert.problem(server, stopped.get(TICKET), Reason.DELEGATION_REVOKED)
                .recordedIn(stopped.task());
        assertThat(renewal(stopped)).contains("invalid_grant");
        // The store may be older than the renewal's last use: whoever holds one begins anew.
        assertThat(renewal(running)).contains("invalid_grant");
        assertThat(running.get(TICKET).statusCode()).isEqualTo(200);
        // The store knows nothing of this task: neither its end nor its key.
        RefusalAssert.problem(server, later.get(TICKET), Reason.DELEGATION_REVOKED);
        try (var fresh = deployment.agent(READ_TICKETS)) {
            assertThat(fresh.get(TICKET).statusCode()).isEqualTo(200);
        }
        assertThat(server.told("verify", server.data().toString())).contains("none missing or altered");
    }

    // ---- what is asked

    /** The start ends by itself, and every byte is as it was, but those of the index, which is made from the ledger. */
    private static void refuses(String... said) {
        var before = content();

        var start = server.command(
                List.of("serve", "--config", folder.resolve("behalf.yaml").toString()));

        assertThat(start.exit()).as(start.said()).isEqualTo(1);
        assertThat(start.err()).contains(said);
        assertThat(content()).isEqualTo(before);
    }

    private static Map<String, String> content() {
        var content = DataCopy.content(server.data());
        content.keySet().removeIf(name -> name.startsWith("index"));
        return content;
    }

    private static String renewal(HandMadeAgent agent) {
        var answer = agent.askRenewal();
        assertThat(answer.statusCode()).isEqualTo(400);
        return answer.body();
    }

    private static Path pinFile() {
        return folder.resolve("pin.json");
    }
}

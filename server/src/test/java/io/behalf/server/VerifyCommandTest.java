package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.json.Json;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class VerifyCommandTest {
    private static final String OTHER_KEY = "behalf.test/other+f1e2f93f+Ac0Wp9hYdyN8wjQgOAxWzdYw3sJAIL8jY4tGy6y/8XJX";

    private static final String ORIGIN = "behalf.test/verify";
    /** Places in each file, spread from its first byte to its last. */
    private static final int OFFSETS = 24;

    @TempDir
    private Path data;

    private Path ledger;
    private WrittenTask task;
    private String key;

    @BeforeEach
    void write() throws IOException {
        try (EmbeddedLedger open = EmbeddedLedger.open(LedgerSettings.in(data).withOrigin(ORIGIN))) {
            task = new WrittenTask(open, 1);
            task.whole();
            key = open.verifierKey().vkey();
        }
        ledger = data.resolve("ledger").resolve("main");
    }

    @Test
    void callsALedgerConsistentWhoseKeyIsItsOwn() {
        CommandRun run = CommandRun.of("verify", ledger);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains("consistent, size " + task.ids().size()).contains(ORIGIN);
    }

    @Test
    void callsALedgerAuthenticWhoseKeyWasKnownBefore() {
        CommandRun run = CommandRun.of("verify", ledger, "--key", key);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains("authentic, size " + task.ids().size());
    }

    @Test
    void callsALedgerAuthenticThatContinuesWhatAPinFileRemembers(@TempDir Path state) throws IOException {
        pinned(state);

        CommandRun run = verify(state, ledger);

        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out())
                .contains("authentic, size " + task.ids().size())
                .contains("continues the " + task.ids().size() + " entries that it remembers");
    }

    @Test
    void saysNoToAnOlderCopyThanAPinFileRemembers(@TempDir Path state, @TempDir Path older) throws IOException {
        copy(data, older);
        try (EmbeddedLedger open = EmbeddedLedger.open(LedgerSettings.in(data))) {
            new WrittenTask(open, 2).whole();
        }
        pinned(state);

        CommandRun run = verify(state, older);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("file     checkpoint").contains("older copy");
    }

    @Test
    void goesByTheNamedPinFile(@TempDir Path elsewhere, @TempDir Path older) throws IOException {
        copy(data, older);
        Path pin = elsewhere.resolve("pin");
        try (EmbeddedLedger open = EmbeddedLedger.open(LedgerSettings.in(data).withPin(pin))) {
            new WrittenTask(open, 2).whole();
        }

        CommandRun whole = CommandRun.of("verify", ledger, "--pin-file", pin);
        assertThat(whole.exit()).isEqualTo(Exit.FINE);
        assertThat(whole.out()).contains("authentic").contains("entries that it remembers");

        CommandRun cut = CommandRun.of("verify", older, "--pin-file", pin);
        assertThat(cut.exit()).isEqualTo(Exit.NO);
        assertThat(cut.out()).contains("file     checkpoint").contains("older copy");
    }

    @Test
    void saysThatTheNamedPinFileIsNotThere(@TempDir Path elsewhere) {
        CommandRun run = CommandRun.of("verify", ledger, "--pin-file", elsewhere.resolve("pin"));

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains("There is no pin file " + elsewhere.resolve("pin"));
    }

    @Test
    void saysNoToALedgerUnderAnotherKeyThanAPinFileRemembers(@TempDir Path state, @TempDir Path elsewhere)
            throws IOException {
        pinned(state);
        EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin(ORIGIN)).close();

        CommandRun run = verify(state, elsewhere);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("file     vkey");
    }

    @Test
    void theNamedKeyCountsWhereAPinFileRemembersAnother(@TempDir Path state, @TempDir Path elsewhere)
            throws IOException {
        pinned(state);
        String other;
        try (EmbeddedLedger open =
                EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin(ORIGIN))) {
            other = open.verifierKey().vkey();
        }

        assertThat(verify(state, elsewhere, "--key", other).out()).contains("authentic, size 0");
    }

    @Test
    void cannotGoByADamagedPinFile(@TempDir Path state) throws IOException {
        Path pin = pinned(state);
        Files.writeString(pin, Files.readString(pin).substring(1));

        CommandRun run = verify(state, ledger);

        assertThat(run.exit()).isEqualTo(Exit.USAGE);
        assertThat(run.err()).contains(pin.toString()).contains("damaged");
    }

    @Test
    void saysNoUnderAnotherKey(@TempDir Path elsewhere) {
        String other;
        try (EmbeddedLedger open =
                EmbeddedLedger.open(LedgerSettings.in(elsewhere).withOrigin(ORIGIN))) {
            other = open.verifierKey().vkey();
        }
        CommandRun run = CommandRun.of("verify", ledger, "--key", other);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("NOT AS SIGNED").contains("vkey");
    }

    @Test
    void verifiesEveryLedgerOfADataDirectory() {
        EmbeddedLedger.open(LedgerSettings.in(data).withLog("other").withOrigin("behalf.test/other"))
                .close();
        CommandRun run = CommandRun.of("verify", data);
        assertThat(run.exit()).isEqualTo(Exit.FINE);
        assertThat(run.out()).contains(ORIGIN).contains("behalf.test/other");
    }

    @Test
    void namesTheRecordThatWasChanged() throws IOException {
        alter("customers.get", "customers.cat");

        CommandRun run = CommandRun.of("verify", data);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out())
                .contains("NOT AS SIGNED")
                .contains("record   " + task.id(6))
                .contains("file     tile/entries/000.p/" + task.ids().size());
    }

    @Test
    void namesItInJsonToo() throws IOException, Json.Malformed {
        alter("customers.get", "customers.cat");

        CommandRun run = CommandRun.of("verify", data, "--json");

        assertThat(run.exit()).isEqualTo(Exit.NO);
        Map<String, ?> facts = Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8));
        assertThat(facts.get("sound")).isEqualTo(false);
        assertThat(facts.get("finding"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("record", task.id(6));
    }

    @Test
    void saysNoToOneChangedByteAnywhereAndNamesTheFile() throws IOException {
        for (Path file : filesOfLedger()) {
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 0; i < OFFSETS; i++) {
                byte[] changed = bytes.clone();
                int at = (int) ((long) i * (bytes.length - 1) / (OFFSETS - 1));
                changed[at] ^= (byte) (1 << i % 8);
                Files.write(file, changed);
                saysNoNaming(ledger.relativize(file).toString(), "byte " + at);
            }
            Files.write(file, bytes);
        }
        assertThat(CommandRun.of("verify", ledger).exit()).isEqualTo(Exit.FINE);
    }

    @Test
    void saysNoToAMissingFileAndNamesIt() throws IOException {
        for (Path file : filesOfLedger()) {
            byte[] bytes = Files.readAllBytes(file);
            Files.delete(file);
            saysNoNaming(ledger.relativize(file).toString(), "missing");
            Files.write(file, bytes);
        }
    }

    @Test
    void saysNoToEntriesRemovedSwappedOrCutOffAndNamesThem() throws IOException, Json.Malformed {
        entries(entries -> entries.remove(3), 3);
        entries(entries -> Collections.swap(entries, 5, 6), 5);
        entries(entries -> entries.set(4, entries.get(2)), 4);
        entries(List::removeLast, task.ids().size() - 1);
    }

    @Test
    void theTaskItselfShowsTheEdit() throws IOException {
        alter("customers.get", "customers.cat");
        CommandRun run = CommandRun.of("task", task.task, "--data", data);
        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(run.out()).contains("BROKEN at " + task.id(7));
    }

    @Test
    void wantsALedgerAndAProperKey() {
        assertThat(CommandRun.of("verify").exit()).isEqualTo(Exit.USAGE);
        assertThat(CommandRun.of("verify", data.resolve("nowhere")).exit()).isEqualTo(Exit.USAGE);
        CommandRun nonsense = CommandRun.of("verify", ledger, "--key", "nonsense");
        assertThat(nonsense.exit()).isEqualTo(Exit.USAGE);
        assertThat(nonsense.err()).contains("It is written name+id+key");
        assertThat(CommandRun.of("verify", ledger, "--key", OTHER_KEY).exit()).isEqualTo(Exit.USAGE);
    }

    /** With another place for pin files than this machine's own. */
    private static CommandRun verify(Path state, Object... arguments) {
        VerifyCommand command =
                new VerifyCommand(Map.of("XDG_STATE_HOME", state.toString()), LedgerDownload.Waits.USUAL);
        return CommandRun.of(new CommandLine(command).setExecutionExceptionHandler(Behalf::failed), arguments);
    }

    /** As a server leaves it behind. */
    private Path pinned(Path state) {
        Path pin = DataDirectory.pin(ORIGIN, Map.of("XDG_STATE_HOME", state.toString()));
        EmbeddedLedger.open(LedgerSettings.in(data).withPin(pin)).close();
        return pin;
    }

    private void saysNoNaming(String file, String as) {
        CommandRun run = CommandRun.of("verify", data);
        assertThat(run.exit()).as("%s of %s", as, file).isEqualTo(Exit.NO);
        assertThat(run.out()).as("%s of %s", as, file).contains("NOT AS SIGNED").contains("file     " + file + "\n");
    }

    /** Changes a bundle's entries for a moment; the first that is not as signed is named. */
    private void entries(Consumer<List<byte[]>> change, int first) throws IOException, Json.Malformed {
        byte[] bytes = Files.readAllBytes(bundle());
        List<byte[]> entries =
                new ArrayList<>(EntryBundle.decode(bytes, task.ids().size()).orElseThrow());
        change.accept(entries);
        Files.write(bundle(), EntryBundle.encode(entries));
        CommandRun run = CommandRun.of("verify", data, "--json");
        Files.write(bundle(), bytes);

        assertThat(run.exit()).isEqualTo(Exit.NO);
        assertThat(Json.readObject(run.out().strip().getBytes(StandardCharsets.UTF_8))
                        .get("finding"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("entry", (long) first);
    }

    /** Without what the server alone needs. */
    private List<Path> filesOfLedger() throws IOException {
        try (var files = Files.walk(ledger)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> !file.startsWith(ledger.resolve("wal")))
                    .toList();
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path copy = to.resolve(from.relativize(file).toString());
                Files.createDirectories(copy.resolveSibling(""));
                Files.copy(file, copy);
            }
        }
    }

    private Path bundle() {
        return ledger.resolve("tile/entries/000.p/" + task.ids().size());
    }

    /** An administrator edits a record on the disk. */
    private void alter(String from, String to) throws IOException {
        Path bundle = bundle();
        String bytes = Files.readString(bundle, StandardCharsets.ISO_8859_1);
        assertThat(bytes).contains(from);
        Files.write(bundle, bytes.replaceFirst(from, to).getBytes(StandardCharsets.ISO_8859_1));
    }
}

package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {
    private static final Map<String, String> NOTHING_SET = Map.of();
    /** An account that does not run the tests. */
    static final int SOMEBODY_ELSE = 54_321;

    @TempDir
    private Path folder;

    @Test
    void isNamedByTheOptionThenTheEnvironment() {
        Map<String, String> environment = Map.of("BEHALF_DATA", "/srv/behalf");
        assertThat(DataDirectory.of(Path.of("/srv/other/../option"), environment)
                        .path())
                .isEqualTo(Path.of("/srv/option"));
        assertThat(DataDirectory.of(null, environment).path()).isEqualTo(Path.of("/srv/behalf"));
        assertThat(DataDirectory.of(null, Map.of("BEHALF_DATA", "")).path())
                .isEqualTo(Path.of("behalf-data").toAbsolutePath());
        assertThat(DataDirectory.of(null, NOTHING_SET).path())
                .isEqualTo(Path.of("behalf-data").toAbsolutePath());
    }

    // ---- its owner alone

    @Test
    void isMadeForItsOwnerAlone() throws IOException {
        var data = new DataDirectory(folder.resolve("a").resolve("data"));
        data.prepare(false);
        assertThat(permissions(data.path())).isEqualTo("rwx------");
    }

    @Test
    void closesAnEmptyFolderThatWasMadeForIt() throws IOException {
        Path made = open(folder.resolve("data"));
        new DataDirectory(made).prepare(false);
        assertThat(permissions(made)).isEqualTo("rwx------");
    }

    @Test
    void refusesAFolderThatLetsOthersInAndLeavesItAsItIs() throws IOException {
        Path home = open(folder.resolve("home"));
        Files.writeString(home.resolve("letter.txt"), "Dear");
        assertUsage(() -> new DataDirectory(home).prepare(false), "chmod 700 " + home);
        assertThat(permissions(home)).isEqualTo("rwxr-xr-x");
        assertThat(home.resolve("development")).doesNotExist();
    }

    @Test
    void saysWhyItCannotBeMadeAndWhatToDo() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        assertUsage(() -> new DataDirectory(file.resolve("data")).prepare(true), "cannot be made");
        assertUsage(() -> new DataDirectory(file.resolve("data")).prepare(true), "Name another one with --data");
    }

    @Test
    void refusesAFile() throws IOException {
        Path file = Files.createFile(folder.resolve("data"));
        assertUsage(() -> new DataDirectory(file).prepare(true), "is no directory");
    }

    /** Closed to everybody but somebody else, it would be filled with keys for them. */
    @Test
    void refusesADirectoryThatBelongsToAnotherUser() throws IOException {
        Path theirs = closed(folder.resolve("data"));
        assumeThat(givenAway(theirs)).as("only root can give a folder away").isTrue();

        assertUsage(() -> new DataDirectory(theirs).prepare(false), theirs + " belongs to " + SOMEBODY_ELSE);
        assertUsage(() -> new DataDirectory(theirs).prepare(true), "chown -R ");
        assertThat(theirs).isEmptyDirectory();
    }

    // ---- the development mark

    @Test
    void refusesDevelopmentDataOutsideDevelopment() throws IOException {
        var data = new DataDirectory(folder.resolve("data"));
        data.prepare(true);
        Files.createDirectory(data.path().resolve("ledger"));
        data.prepare(true);
        assertUsage(() -> data.prepare(false), "was made in development mode");
    }

    @Test
    void doesNotLetAServerInDevelopmentClaimRealData() throws IOException {
        for (String part : new String[] {"ledger", "keys", "behalf.db"}) {
            var data = new DataDirectory(folder.resolve("data-" + part));
            data.prepare(false);
            Files.createDirectory(data.path().resolve(part));
            assertUsage(() -> data.prepare(true), "not in development mode");
            data.prepare(false);
        }
    }

    // ---- the socket

    @Test
    void putsTheSocketIntoTheRuntimeFolderOfItsUser() throws IOException {
        Path runtime = closed(folder.resolve("run"));
        var data = new DataDirectory(folder.resolve("data"));
        Path socket = data.socket(Map.of("XDG_RUNTIME_DIR", runtime.toString()), folder);
        assertThat(socket.getParent()).isEqualTo(runtime);
        assertThat(socket)
                .isNotEqualTo(new DataDirectory(folder.resolve("other"))
                        .socket(Map.of("XDG_RUNTIME_DIR", runtime.toString()), folder));
    }

    @Test
    void findsTheSameSocketHoweverTheDirectoryIsNamed() throws IOException {
        Path runtime = closed(folder.resolve("run"));
        Path real = closed(folder.resolve("data"));
        Path link = Files.createSymbolicLink(folder.resolve("link"), real);
        Map<String, String> environment = Map.of("XDG_RUNTIME_DIR", runtime.toString());
        assertThat(new DataDirectory(link).socket(environment, folder))
                .isEqualTo(new DataDirectory(real).socket(environment, folder));
    }

    @Test
    void trustsNoRuntimeFolderThatOthersCanEnter() throws IOException {
        var data = new DataDirectory(Path.of("/srv/data"));
        Path here = Path.of("/srv/data/behalf.sock");
        Path closed = closed(folder.resolve("closed"));
        for (String runtime : new String[] {
            open(folder.resolve("open")).toString(),
            Files.createSymbolicLink(folder.resolve("link"), closed).toString(),
            folder.resolve("missing").toString(),
            "relative",
            ""
        }) {
            assertThat(data.socket(Map.of("XDG_RUNTIME_DIR", runtime), folder))
                    .as(runtime)
                    .isEqualTo(here);
        }
        assertThat(data.socket(NOTHING_SET, folder)).isEqualTo(here);
    }

    @Test
    void findsAPlaceForTheSocketOfALongPath() throws IOException {
        Path shorter = Files.createTempDirectory("b");
        try {
            DataDirectory data = ofBytes(folder, DataDirectory.MAX_SOCKET_PATH - "/behalf.sock".length());
            assertThat(data.socket(NOTHING_SET, shorter))
                    .isEqualTo(data.path().resolve("behalf.sock"))
                    .satisfies(socket -> assertThat(socket.toString()).hasSize(DataDirectory.MAX_SOCKET_PATH));

            DataDirectory longer = ofBytes(folder, DataDirectory.MAX_SOCKET_PATH - "/behalf.sock".length() + 1);
            Path place = place(longer, shorter);
            assertThat(place.getParent()).isEqualTo(shorter);
            assertThat(permissions(place)).isEqualTo("rwx------");
            assertThat(place(longer, shorter)).isEqualTo(place);
            Files.delete(place);
        } finally {
            Files.delete(shorter);
        }
    }

    @Test
    void countsBytesAndNotCharacters() {
        Path data = Path.of("/srv/" + "ä".repeat(50));
        assertThat(data.toString().length()).isLessThan(DataDirectory.MAX_SOCKET_PATH);
        assertThat(new DataDirectory(data).socket(NOTHING_SET, folder).startsWith(data))
                .isFalse();
    }

    @Test
    void refusesASocketFolderThatSomebodyPreparedForIt() throws IOException {
        DataDirectory data = ofBytes(folder, 200);
        Path temporary = Files.createTempDirectory("b");
        try {
            Path place = place(data, temporary);

            Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxrwxrwx"));
            assertUsage(() -> data.socket(NOTHING_SET, temporary), "is not this user's alone");

            Files.delete(place);
            Files.createSymbolicLink(place, closed(folder.resolve("elsewhere")));
            assertUsage(() -> data.socket(NOTHING_SET, temporary), "is not this user's alone");

            Files.delete(place);
            Files.createFile(place, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            assertUsage(() -> data.socket(NOTHING_SET, temporary), "is not this user's alone");
            Files.delete(place);
        } finally {
            Files.delete(temporary);
        }
    }

    @Test
    void refusesFoldersOfAnotherUser() throws IOException {
        DataDirectory data = ofBytes(folder, 200);
        Path temporary = Files.createTempDirectory("b");
        try {
            Path place = place(data, temporary);
            assumeThat(givenAway(place)).as("only root can give a folder away").isTrue();
            assertUsage(() -> data.socket(NOTHING_SET, temporary), "is not this user's alone");
            Files.delete(place);

            Path runtime = closed(folder.resolve("run"));
            assertThat(givenAway(runtime)).isTrue();
            var small = new DataDirectory(Path.of("/srv/data"));
            assertThat(small.socket(Map.of("XDG_RUNTIME_DIR", runtime.toString()), temporary))
                    .isEqualTo(Path.of("/srv/data/behalf.sock"));
        } finally {
            try (var left = Files.list(temporary)) {
                for (Path file : left.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(temporary);
        }
    }

    @Test
    void saysSoWhenThereIsNoPlaceForTheSocket() {
        DataDirectory data = ofBytes(folder, 200);
        Path deep = folder.resolve("t".repeat(DataDirectory.MAX_SOCKET_PATH));
        assertUsage(() -> data.socket(NOTHING_SET, deep), "shorter path");
    }

    private static Path place(DataDirectory data, Path temporary) {
        return Objects.requireNonNull(data.socket(NOTHING_SET, temporary).getParent());
    }

    private static void assertUsage(ThrowingCallable code, String message) {
        assertThatExceptionOfType(CommandFailed.class)
                .isThrownBy(code)
                .withMessageContaining(message)
                .satisfies(failed -> assertThat(failed.exit()).isEqualTo(Exit.USAGE));
    }

    /** With a path of so many bytes; it does not exist. */
    private static DataDirectory ofBytes(Path folder, int bytes) {
        int missing = bytes - folder.toString().length() - 1;
        return new DataDirectory(folder.resolve("d".repeat(missing)));
    }

    static boolean givenAway(Path folder) throws IOException {
        try {
            Files.setAttribute(folder, "unix:uid", SOMEBODY_ELSE, LinkOption.NOFOLLOW_LINKS);
            return true;
        } catch (FileSystemException notAllowed) {
            return false;
        }
    }

    private static Path open(Path folder) throws IOException {
        Files.createDirectory(folder);
        return Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static Path closed(Path folder) throws IOException {
        return Files.createDirectory(
                folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private static String permissions(Path folder) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(folder));
    }
}

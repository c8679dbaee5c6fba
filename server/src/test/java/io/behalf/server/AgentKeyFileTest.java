package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AgentKeyFileTest {
    @TempDir
    private Path folder;

    @Test
    void isMadeOnceForItsOwnerAlone() throws IOException {
        AgentKeyFile first = of("local");
        AgentKeyFile second = of("local");

        assertThat(first.made()).isTrue();
        assertThat(second.made()).isFalse();
        assertThat(second.key().thumbprint()).isEqualTo(first.key().thumbprint());
        assertThat(permissions(folder.resolve("keys/agents/local"))).isEqualTo("rw-------");
        assertThat(permissions(folder.resolve("keys/agents"))).isEqualTo("rwx------");
        try (var files = Files.list(folder.resolve("keys/agents"))) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void isOneForRunsThatBeginAtTheSameTime() {
        List<String> thumbprints = IntStream.range(0, 8)
                .parallel()
                .mapToObj(_ -> of("local").key().thumbprint())
                .toList();

        assertThat(thumbprints).allMatch(thumbprints.getFirst()::equals);
    }

    @Test
    void staysInItsFolderWhateverTheAgentIsCalled() {
        of("team/../../../agent:1");

        assertThat(folder.resolve("keys/agents/team%2F..%2F..%2F..%2Fagent%3A1"))
                .exists();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "an agent", "agent\n"})
    void isForAgentsOnly(String id) {
        assertThatThrownBy(() -> of(id))
                .isInstanceOfSatisfying(
                        CommandFailed.class, failed -> assertThat(failed.exit()).isEqualTo(Exit.USAGE))
                .hasMessageStartingWith("--agent");
    }

    @Test
    void isNotUsedWhenOthersCanReadIt() throws IOException {
        Path file = of("local").file();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));

        assertThatThrownBy(() -> of("local")).isInstanceOf(CommandFailed.class).hasMessageContaining("chmod 600");
    }

    @Test
    void isNotReplacedWhenItCannotBeRead() throws IOException {
        Path file = of("local").file();
        Files.writeString(file, "{\"kty\":\"EC\"}");

        assertThatThrownBy(() -> of("local")).isInstanceOf(CommandFailed.class).hasMessageContaining("private key");
        assertThat(file).hasContent("{\"kty\":\"EC\"}");
    }

    @Test
    void tellsTheAuthorityItsPublicPartOnly() {
        AgentKeyFile file = of("local");

        assertThat(JsonText.of(file.registration("http://127.0.0.1/callback")))
                .contains("\"redirect_uris\":[\"http://127.0.0.1/callback\"]")
                .contains("\"kid\":\"" + file.key().thumbprint() + "\"")
                .doesNotContain("\"d\":");
    }

    private AgentKeyFile of(String agent) {
        return AgentKeyFile.of(new DataDirectory(folder), agent);
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}

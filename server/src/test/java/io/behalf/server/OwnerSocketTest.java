package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OwnerSocketTest {
    @TempDir
    private Path folder;

    @Test
    void isAbsentWhereNoServerRuns() {
        assertThat(OwnerSocket.at(new DataDirectory(folder))).isEmpty();
    }

    @Test
    void isAbsentWhereAServerWasKilled() throws IOException {
        listen(new DataDirectory(folder)).close(); // the file stays
        assertThat(OwnerSocket.at(new DataDirectory(folder))).isEmpty();
    }

    /** Reading the disk instead would tell an answer that the server might contradict. */
    @Test
    void saysSoWhereAServerIsThereAndDoesNotAnswer() throws IOException {
        try (ServerSocketChannel _ = listen(new DataDirectory(folder))) {
            assertThatThrownBy(() -> OwnerSocket.at(new DataDirectory(folder)))
                    .isInstanceOf(CommandFailed.class)
                    .hasMessageContaining("does not answer")
                    .extracting(failed -> ((CommandFailed) failed).exit())
                    .isEqualTo(Exit.UNREACHABLE);
        }
    }

    /** Whoever made the socket would answer in the server's place. */
    @Test
    void isNotAskedWhereSomebodyElseMadeIt() throws IOException {
        var data = new DataDirectory(folder);
        try (ServerSocketChannel _ = listen(data)) {
            assumeThat(DataDirectoryTest.givenAway(data.socket(System.getenv())))
                    .as("only root can give a socket away")
                    .isTrue();
            assertThatThrownBy(() -> OwnerSocket.at(data))
                    .isInstanceOf(CommandFailed.class)
                    .hasMessageContaining("belongs to " + DataDirectoryTest.SOMEBODY_ELSE)
                    .extracting(failed -> ((CommandFailed) failed).exit())
                    .isEqualTo(Exit.USAGE);
        }
    }

    private static ServerSocketChannel listen(DataDirectory data) throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(data.socket(System.getenv())));
    }
}

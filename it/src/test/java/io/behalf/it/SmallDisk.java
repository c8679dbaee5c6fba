package io.behalf.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A file system of a few megabytes in the place of a folder, for one process: it alone sees it there, and when it ends the file system
 * is gone, whatever became of the test. Made by {@code unshare} (util-linux), where this machine lets us.
 *
 * @param namespace how a process comes to a name space of its own
 */
record SmallDisk(List<String> namespace, Path folder) {
    private static final List<List<String>> WAYS =
            List.of(List.of("unshare", "--mount"), List.of("unshare", "--user", "--map-root-user", "--mount"));
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(10);
    private static final int CHUNK = 4096;

    /** @param folder exists, and will be seen empty */
    static Optional<SmallDisk> over(Path folder) {
        return WAYS.stream()
                .map(way -> new SmallDisk(way, folder))
                .filter(SmallDisk::canBeMade)
                .findFirst();
    }

    private boolean canBeMade() {
        var command = new ArrayList<>(around(1));
        command.add("true");
        try {
            return Command.run(command, folder, Map.of(), ANSWERS_WITHIN).exit() == 0;
        } catch (UncheckedIOException notInstalled) {
            return false;
        }
    }

    /** The command that runs another with this disk, of so many megabytes, in the folder's place. */
    List<String> around(int megabytes) {
        var command = new ArrayList<>(namespace);
        var mount = "mount -t tmpfs -o size=" + megabytes + "m,mode=700 tmpfs \"$0\" && exec \"$@\"";
        command.addAll(List.of("sh", "-c", mount, folder.toString()));
        return command;
    }

    /** Where the disk is to be found from the outside while the process runs. */
    Path seenFromOutside(long pid) {
        return Path.of("/proc/" + pid + "/root").resolve(folder.toString().substring(1));
    }

    /** Takes all that is left. */
    static void fill(Path file) {
        try (var channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            while (true) {
                channel.write(ByteBuffer.allocate(CHUNK));
            }
        } catch (IOException full) {
            if (!String.valueOf(full.getMessage()).contains("No space left")) {
                throw new UncheckedIOException(full);
            }
        }
    }

    static void giveBack(Path file) {
        try {
            Files.delete(file);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

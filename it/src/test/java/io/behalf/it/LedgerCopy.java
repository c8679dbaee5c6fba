package io.behalf.it;

import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.TilePath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What an auditor takes away: a log's folder without its write-ahead files. Somebody may change it on the way. */
record LedgerCopy(Path folder) {
    static final String LOG = "main";

    /** @param target does not exist yet */
    static LedgerCopy of(Path data, Path target) {
        return copy(data.resolve("ledger").resolve(LOG), target);
    }

    LedgerCopy again(Path target) {
        return copy(folder, target);
    }

    private static LedgerCopy copy(Path source, Path target) {
        try (Stream<Path> files = Files.walk(source)) {
            for (var file : files.filter(file -> !source.relativize(file).startsWith("wal"))
                    .toList()) {
                var copy = target.resolve(source.relativize(file));
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copy);
                } else {
                    Files.copy(file, copy);
                }
            }
            return new LedgerCopy(target);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Everything in it: {@code checkpoint}, {@code vkey}, tiles and bundles, by their names within it. */
    List<String> files() {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> folder.relativize(file).toString())
                    .sorted()
                    .toList();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Changes one bit of the byte in the middle. */
    void changeOneByteOf(String file) {
        var bytes = read(file);
        bytes[bytes.length / 2] ^= 1;
        write(file, bytes);
    }

    /** The entries of one bundle, whose last part says how many there are. */
    List<byte[]> entries(String bundle) {
        var width = TilePath.parse(bundle).orElseThrow().width();
        return new ArrayList<>(EntryBundle.decode(read(bundle), width).orElseThrow());
    }

    void write(String bundle, List<byte[]> entries) {
        write(bundle, EntryBundle.encode(entries));
    }

    void delete(String file) {
        try {
            Files.delete(folder.resolve(file));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private byte[] read(String file) {
        try {
            return Files.readAllBytes(folder.resolve(file));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private void write(String file, byte[] bytes) {
        try {
            Files.write(folder.resolve(file), bytes);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}

package io.behalf.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A copy of a file or of a folder with all that is in it, as a backup keeps it: with the rights on it. */
record DataCopy(Path kept) {
    /** @param kept does not exist yet */
    static DataCopy of(Path original, Path kept) {
        copy(original, kept);
        return new DataCopy(kept);
    }

    /** A part of the copy. */
    DataCopy part(String name) {
        return new DataCopy(kept.resolve(name));
    }

    /** In the place of whatever is there. */
    void restoreTo(Path place) {
        remove(place);
        copy(kept, place);
    }

    /** Every file below with the digest of its bytes; a folder has none. */
    static Map<String, String> content(Path folder) {
        var content = new TreeMap<String, String>();
        try {
            var sha256 = MessageDigest.getInstance("SHA-256");
            for (var path : below(folder)) {
                var bytes = Files.isDirectory(path) ? new byte[0] : Files.readAllBytes(path);
                content.put(folder.relativize(path).toString(), HexFormat.of().formatHex(sha256.digest(bytes)));
            }
            return content;
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    static void remove(Path place) {
        try {
            if (Files.exists(place)) {
                for (var path :
                        below(place).stream().sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void copy(Path from, Path to) {
        try {
            for (var path : below(from)) {
                Files.copy(path, to.resolve(from.relativize(path).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static List<Path> below(Path place) throws IOException {
        try (Stream<Path> paths = Files.walk(place)) {
            return paths.toList();
        }
    }
}

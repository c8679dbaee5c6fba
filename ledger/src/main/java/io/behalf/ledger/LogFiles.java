package io.behalf.ledger;

import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.SignedNote;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * The files of a log's folder, read as a stranger's: whoever made the copy may have put anything in a file's place. Only regular files are
 * opened, since a pipe never answers, a device never ends and a link leads out of the copy; and none that is longer than what it stands for
 * can be, however little of the disk it takes. The folder itself may be reached by links.
 */
record LogFiles(Path directory) {
    /** Of {@code vkey}, which holds a key a line, one for each time it was changed. */
    static final int MAX_VKEY_BYTES = 64 << 10;

    /** What a tile or an entry bundle of this width has at most: hashes, or records with their lengths before them. */
    static int most(TilePath tile) {
        return tile.width() * (tile.level() == TilePath.ENTRIES ? 2 + RecordEncoder.MAX_RECORD_BYTES : Hash.BYTES);
    }

    byte[] vkey() throws IOException {
        return read(LogKey.VKEY, MAX_VKEY_BYTES);
    }

    byte[] checkpoint() throws IOException {
        return read(Integrator.CHECKPOINT, SignedNote.MAX_BYTES);
    }

    byte[] tile(TilePath tile) throws IOException {
        return read(tile.path(), most(tile));
    }

    private byte[] read(String file, int most) throws IOException {
        checkRegular(file, most);
        Path path = directory.resolve(file);
        try (InputStream in = Files.newInputStream(path, LinkOption.NOFOLLOW_LINKS)) {
            byte[] bytes = in.readNBytes(most + 1);
            if (bytes.length > most) { // it has grown
                throw tooLong(path, most);
            }
            return bytes;
        }
    }

    /** @throws FileSystemException naming the file, where it is something else or longer than {@code most} bytes */
    void checkRegular(String file, long most) throws IOException {
        Path path = directory.resolve(file);
        var found = Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!found.isRegularFile()) {
            String kind =
                    found.isSymbolicLink() ? "a symbolic link" : found.isDirectory() ? "a directory" : "a special file";
            throw new FileSystemException(path.toString(), null, "it is " + kind + " and no regular file");
        }
        if (found.size() > most) {
            throw tooLong(path, most);
        }
    }

    private static FileSystemException tooLong(Path path, long most) {
        return new FileSystemException(
                path.toString(), null, "it is longer than " + most + " bytes, which is all it can have");
    }
}

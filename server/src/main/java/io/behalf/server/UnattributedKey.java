package io.behalf.server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/** The key of the MACs in records of calls that no task is known of: one a log, made at its first start. */
record UnattributedKey(SecretKey hmac) {
    private static final int BYTES = 32;

    static UnattributedKey open(DataDirectory data) throws IOException {
        Path file = data.path().resolve("keys").resolve("unattributed.key");
        if (!Files.exists(file)) {
            make(file);
        }
        byte[] key = Files.readAllBytes(file);
        if (key.length != BYTES) {
            throw new IOException(file + " is damaged: it has " + key.length + " bytes, not " + BYTES
                    + ". Restore it, or remove it if nobody will check the MACs of unattributed calls.");
        }
        return new UnattributedKey(new SecretKeySpec(key, "HmacSHA256"));
    }

    /** Whole or not at all: the name appears only once the bytes are on the disk. */
    private static void make(Path file) throws IOException {
        byte[] key = new byte[BYTES];
        new SecureRandom().nextBytes(key);
        Path unnamed = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(unnamed);
        Files.createFile(unnamed, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(unnamed, key, StandardOpenOption.WRITE, StandardOpenOption.DSYNC);
        Files.move(unnamed, file, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public String toString() {
        return "UnattributedKey"; // a secret
    }
}

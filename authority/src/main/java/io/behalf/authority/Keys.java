package io.behalf.authority;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The authority's keys, in files that only their owner can read: signing keys {@code authority-<milliseconds>.jwk}, of
 * which the newest of the configured algorithm signs and all are published, and the store's key. Whoever can read them can make delegations, or
 * read who is behind which task.
 */
final class Keys {
    private static final String PREFIX = "authority-";
    private static final String SUFFIX = ".jwk";
    private static final int STORE_KEY_BYTES = 32;

    private final List<SigningKey> newestFirst;
    private final SigningKey signing;

    private Keys(List<SigningKey> newestFirst, SigningKey signing) {
        this.newestFirst = newestFirst;
        this.signing = signing;
    }

    /**
     * Opens the directory; makes it, and a key of this algorithm, where there is none. Those of another one stay published:
     * their tokens may still be out.
     */
    static Keys open(Path directory, SignatureAlgorithm algorithm, Instant now) {
        try {
            ownersOnly(directory);
            List<SigningKey> keys = load(directory);
            Optional<SigningKey> newest =
                    keys.stream().filter(key -> key.algorithm() == algorithm).findFirst();
            if (newest.isPresent()) {
                return new Keys(keys, newest.get());
            }
            SigningKey made = SigningKey.generate(algorithm);
            write(directory.resolve(PREFIX + now.toEpochMilli() + SUFFIX), Json.canonical(made.toPrivateJwk()));
            List<SigningKey> all = new ArrayList<>(keys);
            all.addFirst(made);
            return new Keys(List.copyOf(all), made);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot open the keys in " + directory, e);
        }
    }

    /** A signed JWT of this issuer. */
    String sign(String typ, Map<String, ? extends @Nullable Object> claims) {
        return CompactJws.sign(signing, typ, signing.thumbprint(), claims);
    }

    /** Public keys by {@code kid}, which is the thumbprint. */
    Map<String, VerificationKey> published() {
        Map<String, VerificationKey> keys = new LinkedHashMap<>();
        for (SigningKey key : newestFirst) {
            keys.put(key.thumbprint(), key.publicKey());
        }
        return keys;
    }

    Map<String, @Nullable Object> jwks() {
        List<@Nullable Object> keys = new ArrayList<>();
        published().forEach((kid, key) -> keys.add(key.toJwk(kid)));
        return Map.of("keys", keys);
    }

    /** The store's key, in a directory that was opened; made on first use. */
    static Sealer sealer(Path directory, SecureRandom random) {
        Path file = directory.resolve("store.key");
        try {
            if (!Files.exists(file)) {
                byte[] fresh = new byte[STORE_KEY_BYTES];
                random.nextBytes(fresh);
                write(file, fresh);
            }
            return sealer(file, Files.readAllBytes(file), random);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read or make " + file, e);
        }
    }

    /** The store's key, for readers who must not make one, and who do not know who put it there. */
    static Optional<Sealer> existingSealer(Path directory, SecureRandom random) {
        Path file = directory.resolve("store.key");
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        try {
            StoreCopy.checkRegular(file);
            try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
                return Optional.of(sealer(file, in.readNBytes(STORE_KEY_BYTES + 1), random));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }

    private static Sealer sealer(Path file, byte[] key, SecureRandom random) {
        if (key.length != STORE_KEY_BYTES) {
            throw new StoreFault(file + " is not a key of " + STORE_KEY_BYTES + " bytes", null);
        }
        return new Sealer(key, random);
    }

    private static List<SigningKey> load(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files = all.filter(p -> p.getFileName().toString().startsWith(PREFIX)
                            && p.getFileName().toString().endsWith(SUFFIX))
                    .sorted(Comparator.comparingLong(Keys::made).reversed())
                    .toList();
        }
        List<SigningKey> keys = new ArrayList<>();
        for (Path file : files) {
            try {
                keys.add(SigningKey.fromJwk(Json.readObject(Files.readAllBytes(file))));
            } catch (Json.Malformed e) {
                throw new StoreFault(file + " is not a signing key", e);
            }
        }
        return List.copyOf(keys);
    }

    private static long made(Path file) {
        String name = file.getFileName().toString();
        try {
            return Long.parseLong(name.substring(PREFIX.length(), name.length() - SUFFIX.length()));
        } catch (NumberFormatException e) {
            throw new StoreFault(file + " is named like a signing key, but without the time it was made", e);
        }
    }

    private static void ownersOnly(Path directory) throws IOException {
        Files.createDirectories(directory);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }

    /** Durable under its name or not there at all: a key that was used and then lost would strand its tokens. */
    private static void write(Path file, byte[] bytes) throws IOException {
        Path fresh = Files.createTempFile(
                file.getParent(),
                "new",
                null,
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (FileChannel channel = FileChannel.open(fresh, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(bytes));
            channel.force(true);
        }
        Files.move(fresh, file);
        try (FileChannel parent = FileChannel.open(file.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
            parent.force(true);
        }
    }
}

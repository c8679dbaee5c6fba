package io.behalf.server;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where a server keeps everything: {@code ledger/<log>/}, {@code behalf.db}, {@code keys/}. Whoever reads it can open
 * every identity and sign as the authority, so it belongs to its owner alone.
 */
record DataDirectory(Path path) {
    /** A socket's path ends at 107 characters on Linux. */
    static final int MAX_SOCKET_PATH = 107;

    private static final String DEVELOPMENT = "development";
    private static final int HASH_DIGITS = 16;

    /** {@code --data}, else {@code BEHALF_DATA}, else {@code ./behalf-data}. */
    static DataDirectory of(@Nullable Path option, Map<String, String> environment) {
        if (option != null) {
            return new DataDirectory(option.toAbsolutePath().normalize());
        }
        String named = environment.get("BEHALF_DATA");
        Path path = Path.of(named == null || named.isEmpty() ? "behalf-data" : named);
        return new DataDirectory(path.toAbsolutePath().normalize());
    }

    /** Makes it, if it is new, and claims it for this kind of server. */
    void prepare(boolean development) throws IOException {
        if (!Files.exists(path)) {
            Files.createDirectories(path);
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwx------"));
        }
        Path mark = path.resolve(DEVELOPMENT);
        if (development) {
            Files.writeString(mark, "Made by a server in development mode: anybody may have signed in as anybody.\n");
        } else if (Files.exists(mark)) {
            throw CommandFailed.usage(
                    path + " was made in development mode. Use another data directory, or set server.development.");
        }
    }

    Path log(String name) {
        return path.resolve("ledger").resolve(name);
    }

    Path agentKeys() {
        return path.resolve("keys").resolve("agents");
    }

    /** The socket that only the owner can open: its folder lets nobody else in. */
    Path socket(Map<String, String> environment) {
        String runtime = environment.get("XDG_RUNTIME_DIR");
        String name = "behalf-" + hash() + ".sock";
        if (runtime != null && !runtime.isEmpty() && Files.isDirectory(Path.of(runtime))) {
            Path socket = Path.of(runtime).resolve(name);
            if (fits(socket)) {
                return socket;
            }
        }
        Path here = path.resolve("behalf.sock");
        if (fits(here)) {
            return here;
        }
        return Path.of(System.getProperty("java.io.tmpdir"))
                .resolve("behalf-" + hash())
                .resolve("s");
    }

    /**
     * Where the log of this origin is remembered, unless the configuration says so: outside the data directory, so that an
     * older copy of it is noticed.
     */
    static Path pin(String origin, Map<String, String> environment) {
        String state = environment.get("XDG_STATE_HOME");
        Path home = state == null || state.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".local", "state")
                : Path.of(state);
        return home.resolve("behalf").resolve("pins").resolve(sha256(origin));
    }

    private static boolean fits(Path socket) {
        return socket.toString().getBytes(StandardCharsets.UTF_8).length <= MAX_SOCKET_PATH;
    }

    private String hash() {
        return sha256(path.toString()).substring(0, HASH_DIGITS);
    }

    private static String sha256(String text) {
        try {
            return HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

package io.behalf.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where a server keeps everything: {@code ledger/<log>/}, {@code behalf.db}, {@code keys/}. Whoever reads it can open
 * every identity and sign as the authority, so it belongs to its owner alone.
 */
record DataDirectory(Path path) {
    /** A socket's path ends at 107 bytes on Linux. */
    static final int MAX_SOCKET_PATH = 107;

    private static final String DEVELOPMENT = "development";
    private static final int HASH_DIGITS = 16;
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> FOR_OWNER =
            PosixFilePermissions.asFileAttribute(OWNER_ONLY);

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
        makeForOwner();
        Path mark = path.resolve(DEVELOPMENT);
        if (!development) {
            if (Files.exists(mark)) {
                throw CommandFailed.usage(
                        path + " was made in development mode. Use another data directory, or set server.development.");
            }
        } else if (!Files.exists(mark)) {
            if (holdsData()) { // the mark would lock the real server out, and let anybody sign in to its data
                throw CommandFailed.usage(path + " holds the data of a server that is not in development mode. Name"
                        + " another data directory with --data, or a configuration with --config.");
            }
            Files.writeString(mark, "Made by a server in development mode: anybody may have signed in as anybody.\n");
        }
    }

    private void makeForOwner() throws IOException {
        if (!Files.exists(path)) {
            make();
        } else if (!Files.isDirectory(path)) {
            throw CommandFailed.usage(path + " is no directory.");
        } else if (!Files.getOwner(path).equals(Me.OWNER)) { // closed to everybody else is not closed to them
            UserPrincipal owner = Files.getOwner(path);
            throw CommandFailed.usage(path + " belongs to " + owner.getName()
                    + ", who could read the keys and names that"
                    + " are kept there, and this is " + Me.OWNER.getName() + ". Run this as " + owner.getName()
                    + ", name another directory with --data, or make it this user's: chown -R " + Me.OWNER.getName()
                    + " " + path);
        } else if (!OWNER_ONLY.containsAll(Files.getPosixFilePermissions(path))) {
            if (!isEmpty()) { // it may be anything, a home directory too: not ours to close
                throw CommandFailed.usage(
                        path + " lets others in, and keys and names are kept there. Run: chmod 700 " + path);
            }
            Files.setPosixFilePermissions(path, OWNER_ONLY);
        }
    }

    private void make() {
        try {
            Path parent = path.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            Files.createDirectory(path, FOR_OWNER);
        } catch (IOException e) {
            throw CommandFailed.usage("The data directory " + path + " cannot be made. " + Behalf.why(e)
                    + " Name another one with --data or BEHALF_DATA.");
        }
    }

    private boolean isEmpty() throws IOException {
        try (var files = Files.list(path)) {
            return files.findAny().isEmpty();
        }
    }

    private boolean holdsData() {
        return List.of("ledger", "behalf.db", "keys").stream()
                .map(path::resolve)
                .anyMatch(Files::exists);
    }

    Path log(String name) {
        return path.resolve("ledger").resolve(name);
    }

    Path agentKeys() {
        return path.resolve("keys").resolve("agents");
    }

    /**
     * The socket that only the owner can open: its folder lets nobody else in. Server and commands come to the same path
     * from the same environment.
     *
     * @throws CommandFailed when somebody else holds the place
     */
    Path socket(Map<String, String> environment) {
        return socket(environment, Path.of(System.getProperty("java.io.tmpdir")));
    }

    /** @param temporary where everybody may write */
    Path socket(Map<String, String> environment, Path temporary) {
        String runtime = environment.get("XDG_RUNTIME_DIR");
        if (runtime != null && Path.of(runtime).isAbsolute() && isOwn(Path.of(runtime))) {
            Path socket = Path.of(runtime).resolve("behalf-" + hash() + ".sock");
            if (fits(socket)) {
                return socket;
            }
        }
        Path here = path.resolve("behalf.sock");
        if (fits(here)) {
            return here;
        }
        Path elsewhere = temporary.resolve("behalf-" + hash()).resolve("s");
        if (!fits(elsewhere)) {
            throw CommandFailed.usage("There is no place for the socket of " + path + ", whose path may have "
                    + MAX_SOCKET_PATH + " bytes. Use a data directory with a shorter path.");
        }
        claim(temporary.resolve("behalf-" + hash()));
        return elsewhere;
    }

    /** Anybody could have made this folder first, to answer in the server's place: it counts only if it is ours. */
    private static void claim(Path folder) {
        try {
            Files.createDirectory(folder, FOR_OWNER);
        } catch (FileAlreadyExistsException there) {
            if (!isOwn(folder)) {
                throw CommandFailed.usage(folder + " is not this user's alone, so the server's socket cannot be there."
                        + " Remove it, or use a data directory with a shorter path.");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot make " + folder, e);
        }
    }

    /** A real folder, of this process's user, closed to everybody else. */
    private static boolean isOwn(Path folder) {
        try {
            var found = Files.readAttributes(folder, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            return found.isDirectory()
                    && found.permissions().equals(OWNER_ONLY)
                    && found.owner().equals(Me.OWNER);
        } catch (IOException e) {
            return false;
        }
    }

    /** @throws CommandFailed where somebody else made the socket, and would be the one who answers */
    static void requireOwn(Path socket) throws IOException {
        UserPrincipal owner = Files.getOwner(socket, LinkOption.NOFOLLOW_LINKS);
        if (!owner.equals(Me.OWNER)) {
            throw CommandFailed.usage("The server's socket " + socket + " belongs to " + owner.getName()
                    + ", and this is " + Me.OWNER.getName() + ": who answers there is not known. Run the command as "
                    + owner.getName() + ".");
        }
    }

    /** The user that files made by this process belong to; found once, where it is asked for. */
    private static final class Me {
        static final UserPrincipal OWNER = owner();

        private static UserPrincipal owner() {
            try {
                Path made = Files.createTempFile("behalf", null);
                try {
                    return Files.getOwner(made, LinkOption.NOFOLLOW_LINKS);
                } finally {
                    Files.delete(made);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot write in the folder for temporary files", e);
            }
        }
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

    /** Of the directory, however it was named. */
    private String hash() {
        try {
            Path real = Files.exists(path) ? path.toRealPath() : path;
            return sha256(real.toString()).substring(0, HASH_DIGITS);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + path, e);
        }
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

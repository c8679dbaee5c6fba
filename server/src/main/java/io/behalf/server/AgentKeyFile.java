package io.behalf.server;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The key by which the programs of one agent are known at the authority: {@code keys/agents/<id>} in the data directory.
 * Whoever reads it can act as that agent, so nobody but its owner may.
 *
 * @param made whether there was none before
 */
record AgentKeyFile(String agent, Path file, SigningKey key, boolean made) {
    private static final Set<PosixFilePermission> OWNER_ONLY = PosixFilePermissions.fromString("rw-------");
    private static final Set<PosixFilePermission> OWNERS_FOLDER = PosixFilePermissions.fromString("rwx------");
    private static final Set<PosixFilePermission> OWNER =
            Set.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    /** Reads it; makes it first where there is none. */
    static AgentKeyFile of(DataDirectory data, String agent) {
        Path file = data.agentKeys().resolve(name(agent));
        try {
            boolean made = !Files.exists(file) && make(file);
            return new AgentKeyFile(agent, file, read(file), made);
        } catch (IOException e) {
            throw new UncheckedIOException("The key of the agent " + agent + " cannot be read or made: " + file, e);
        }
    }

    /** An id may hold a slash, a file's name may not; nor may it lead out of the folder. */
    private static String name(String agent) {
        try {
            Delegation.requireAgent(agent);
        } catch (IllegalArgumentException e) {
            throw CommandFailed.usage("--agent: " + e.getMessage() + ".");
        }
        if (agent.equals(".") || agent.equals("..")) {
            throw CommandFailed.usage("--agent: " + agent + " is no name for a key file. Choose another id.");
        }
        return URLEncoder.encode(agent, StandardCharsets.UTF_8);
    }

    /** @return false when another run was faster: then its key is everybody's */
    private static boolean make(Path file) throws IOException {
        Path folder = folder(file);
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(OWNERS_FOLDER));
        Path whole = Files.createTempFile(folder, "new", "", PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        try {
            Files.write(whole, Json.canonical(SigningKey.generate().toPrivateJwk()));
            Files.createLink(file, whole); // at once and whole, or not at all
            return true;
        } catch (FileAlreadyExistsException faster) {
            return false;
        } finally {
            Files.delete(whole);
        }
    }

    private static Path folder(Path file) {
        Path folder = file.getParent();
        if (folder == null) {
            throw new IllegalArgumentException(file + " is in no folder");
        }
        return folder;
    }

    private static SigningKey read(Path file) throws IOException {
        if (!OWNER.containsAll(Files.getPosixFilePermissions(file))) {
            throw CommandFailed.usage("Others than its owner can read the agent's key: chmod 600 " + file);
        }
        try {
            return SigningKey.fromJwk(Json.readObject(Files.readAllBytes(file)));
        } catch (Json.Malformed e) {
            throw CommandFailed.usage(file + " is not a private key (JWK): " + e.getMessage()
                    + ". Put the right one there, or remove it, and the next run makes a new one.");
        }
    }

    /** What the authority is told, so that it knows the agent by this key (RFC 7517 §5). */
    Map<String, @Nullable Object> registration(String redirect) {
        return Map.of(
                "name",
                agent,
                "jwks",
                Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint()))),
                "redirect_uris",
                List.of(redirect));
    }

    /** Takes back a key that nobody got to know. */
    void forget() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return "AgentKeyFile[" + agent + "]";
    }
}

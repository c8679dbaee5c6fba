package io.behalf.it;

import io.behalf.core.json.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A running server that vectors are shown to. It and its pretend provider sign with the keys of {@code vectors/keys.json},
 * so that what only they can sign can be shown too.
 */
record VectorServer(BehalfServer server, PretendProvider people, PretendUpstream upstream)
        implements VectorSteps.Asked, AutoCloseable {
    static VectorServer start(Path folder) {
        var provider =
                PretendProvider.start(Objects.requireNonNull(VectorFile.keys().get("provider")));
        var upstream = PretendUpstream.start();
        var server = BehalfServer.in(folder);
        try {
            putKeys(server.data().resolve("keys"));
            var jwks = folder.resolve("signing-agent.jwks");
            var assertions = Objects.requireNonNull(VectorFile.keys().get("assertions"));
            Files.write(
                    jwks,
                    Json.canonical(Map.of("keys", List.of(assertions.publicKey().toJwk(assertions.thumbprint())))));
            var configuration = Files.readString(Checkout.file("it/src/test/resources/config/vectors.yaml"))
                    .replace("PROVIDER", provider.issuer())
                    .replace("UPSTREAM", upstream.base().toString())
                    .replace("JWKS", jwks.toString());
            var secrets = new HashMap<String, String>();
            for (var agent : List.of("ticket-agent", "summarizer", "other-agent", "nightly")) {
                secrets.put("SECRET_" + agent.replace('-', '_'), secret(agent));
            }
            return new VectorServer(server.start(configuration, secrets), provider, upstream);
        } catch (IOException failed) {
            provider.close();
            upstream.close();
            throw new UncheckedIOException(failed);
        } catch (IllegalStateException failed) {
            provider.close();
            upstream.close();
            throw failed;
        }
    }

    /** The newest one for ES256 signs, and all are published. */
    static void putKeys(Path directory) {
        var owners = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
        var keys = VectorFile.keys();
        var oldestFirst = List.of("authority-rs256", "authority-eddsa", "authority");
        try {
            Files.createDirectories(directory, owners);
            for (var name : oldestFirst) {
                Files.write(
                        directory.resolve("authority-" + (1 + oldestFirst.indexOf(name)) + ".jwk"),
                        Json.canonical(Objects.requireNonNull(keys.get(name)).toPrivateJwk()));
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    static String secret(String agent) {
        return "the secret of " + agent + ", known to everybody";
    }

    @Override
    public URI base() {
        return server.base();
    }

    @Override
    public String provider() {
        return people.issuer();
    }

    @Override
    public URI elsewhere() {
        return upstream.base().resolve("/v1/elsewhere");
    }

    @Override
    public Instant now() {
        return Instant.now();
    }

    /** @throws UnsupportedOperationException because nobody moves a running server's clock */
    @Override
    public void pass(Duration time) {
        throw new UnsupportedOperationException("vectors in which time passes say that they cannot be shown here");
    }

    @Override
    public void close() {
        server.close();
        upstream.close();
        people.close();
    }
}

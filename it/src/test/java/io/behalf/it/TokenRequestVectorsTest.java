package io.behalf.it;

import io.behalf.core.jose.SigningKey;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The authority alone answers what {@code vectors/token-requests.json} says, also where hours pass between two steps. */
class TokenRequestVectorsTest {
    private static final Map<String, @Nullable Object> FILE = VectorFile.read("token-requests.json");
    private static final VectorForge FORGE =
            new VectorForge(VectorFile.keys(), VectorFile.object(FILE.get("honest")), SigningKey::sign);
    private static final HttpClient HTTP =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    @TempDir
    static Path data;

    private static @Nullable VectorAuthority authority;

    @BeforeAll
    static void open() {
        authority = VectorAuthority.open(data);
    }

    @AfterAll
    static void close() {
        HTTP.shutdownNow();
        if (authority != null) {
            authority.close();
        }
    }

    static Stream<Named<Map<String, @Nullable Object>>> vectors() {
        return VectorFile.named(FILE);
    }

    @ParameterizedTest
    @MethodSource("vectors")
    void answersAsTheVectorSays(Map<String, @Nullable Object> vector) {
        new VectorSteps(authority(), HTTP, FORGE, FILE, vector).answeredAsTheVectorSays();
    }

    private static VectorAuthority authority() {
        return Objects.requireNonNull(authority, "it was not opened");
    }
}

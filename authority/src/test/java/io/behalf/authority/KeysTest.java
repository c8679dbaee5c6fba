package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.json.Json;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeysTest {
    private static final String SEARCH =
            AgentSide.details("Summarize tickets", "[{\"service\":\"tickets\",\"actions\":[\"search\"]}]");
    private static final Instant NOW = Instant.parse("2026-11-24T12:00:00Z");

    @TempDir
    Path data;

    @ParameterizedTest
    @EnumSource
    void signsWithWhatIsConfigured(SignatureAlgorithm algorithm) throws Exception {
        Keys keys = Keys.open(data, algorithm, NOW);

        assertThat(header(keys)).containsEntry("alg", algorithm.code());
        assertThat(keys.published())
                .containsOnlyKeys(String.valueOf(header(keys).get("kid")));
    }

    @Test
    void takesTheKeyOfBeforeWhenItsAlgorithmComesBack() throws Exception {
        Map<String, @Nullable Object> first = header(Keys.open(data, SignatureAlgorithm.ES256, NOW));
        Map<String, @Nullable Object> second = header(Keys.open(data, SignatureAlgorithm.EDDSA, NOW.plusSeconds(1)));
        Keys again = Keys.open(data, SignatureAlgorithm.ES256, NOW.plusSeconds(2));

        assertThat(header(again)).isEqualTo(first);
        assertThat(again.published())
                .containsOnlyKeys(String.valueOf(first.get("kid")), String.valueOf(second.get("kid")));
    }

    @Test
    void aTokenOutlivesAChangeOfTheAlgorithm() throws Exception {
        try (World world = new World(data)) {
            AgentSide agent = world.agent("tickets");
            AgentSide.Got before = agent.exchange("alice", Map.of("authorization_details", SEARCH));

            world.clock.pass(Duration.ofSeconds(1));
            world.signingWith(SignatureAlgorithm.EDDSA);
            AgentSide.Got narrowed = agent.exchangeToken(before.text("access_token"), Map.of());

            assertThat(narrowed.status()).as("%s", narrowed.json()).isEqualTo(200);
            assertThat(CompactJws.parse(narrowed.text("access_token")).header()).containsEntry("alg", "EdDSA");
            assertThat(agent.exchangeToken(narrowed.text("access_token"), Map.of())
                            .status())
                    .isEqualTo(200);
        }
    }

    private static Map<String, @Nullable Object> header(Keys keys) throws Json.Malformed {
        return CompactJws.parse(keys.sign("at+jwt", Map.of())).header();
    }
}

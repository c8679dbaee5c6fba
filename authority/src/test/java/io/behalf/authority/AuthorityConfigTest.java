package io.behalf.authority;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.authority.AuthorityConfig.Lifetimes;
import io.behalf.authority.AuthorityConfig.Rate;
import io.behalf.authority.AuthorityConfig.Rights;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.verifier.DpopProofs;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AuthorityConfigTest {
    @ParameterizedTest
    @ValueSource(
            strings = {"http://example.test", "https://example.test/", "https://example.test?x=1", "ftp://127.0.0.1"})
    void refusesIssuerThatCouldBeReadOverOrSpelledTwice(String issuer) {
        assertThatThrownBy(() -> config(issuer, false, List.of())).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesUnlimitedRightsOutsideDevelopment() {
        AuthorityConfig.Provider provider = new AuthorityConfig.Provider(
                "corp", "https://idp.test", "behalf", Optional.empty(), Set.of(), new Rights.Unlimited());

        assertThatThrownBy(() -> config("https://behalf.test", false, List.of(provider)))
                .hasMessageContaining("development");
        assertThat(config("https://behalf.test", true, List.of(provider)).providers())
                .hasSize(1);
    }

    @Test
    void refusesTwoProvidersOfOneIssuer() {
        AuthorityConfig.Provider one = new AuthorityConfig.Provider(
                "one", "https://idp.test", "behalf", Optional.empty(), Set.of(), new Rights.ByClaims(List.of()));
        AuthorityConfig.Provider two = new AuthorityConfig.Provider(
                "two", "https://idp.test", "behalf", Optional.empty(), Set.of(), new Rights.ByClaims(List.of()));

        assertThatThrownBy(() -> config("https://behalf.test", false, List.of(one, two)))
                .hasMessageContaining("https://idp.test");
    }

    @Test
    void noProviderIsNamedLikeAnAgent() {
        assertThatThrownBy(() -> new AuthorityConfig.Provider(
                        "agent", "https://idp.test", "b", Optional.empty(), Set.of(), new Rights.ByClaims(List.of())))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void providerAndAgentPrintNoSecret() {
        AuthorityConfig.Provider provider = new AuthorityConfig.Provider(
                "corp", "https://idp.test", "b", Optional.of("hunter2"), Set.of(), new Rights.ByClaims(List.of()));

        assertThat(provider.toString()).doesNotContain("hunter2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://agent.test/cb", "https://agent.test/cb#x", "https://u@agent.test/cb", "myapp:cb"})
    void refusesRedirectThatOthersCouldReceive(String uri) {
        assertThatThrownBy(() -> new Agent(
                        "a",
                        "A",
                        new Authentication.Secret("0".repeat(64)),
                        Map.of(),
                        Optional.empty(),
                        Set.of(uri),
                        Set.of(),
                        Optional.empty(),
                        1,
                        Set.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesTokensLongerThanTheContractAllows() {
        assertThatThrownBy(() -> new Lifetimes(Duration.ofMinutes(16), Duration.ofHours(1), Duration.ofHours(2)))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Lifetimes(Duration.ofMinutes(5), Duration.ofHours(3), Duration.ofHours(2)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "-1, 1", "201, 1", "1, 0", "1, -1", "1, 5001"})
    void refusesARateThatIsNoneOrMoreThanCanBeRemembered(int perSecond, int burst) {
        assertThatThrownBy(() -> new Rate(perSecond, burst)).hasMessageContaining("is between 1 and");
    }

    @Test
    void allThatARateAllowsFindsRoomAmongTheProofsOfOneAgent() {
        long window = DpopProofs.MAX_AGE.plus(DpopProofs.MAX_AHEAD).toSeconds();

        assertThat(Rate.LARGEST_BURST + window * Rate.MOST_PER_SECOND)
                .isLessThanOrEqualTo(Endpoints.PROOFS / Endpoints.SHARES);
    }

    private static AuthorityConfig config(
            String issuer, boolean development, List<AuthorityConfig.Provider> providers) {
        return new AuthorityConfig(
                issuer,
                "node",
                development,
                providers,
                List.of(),
                List.of(new Audience("https://behalf.test/gateway", Set.of())),
                Map.of(),
                Lifetimes.DEFAULT,
                Rate.DEFAULT,
                SignatureAlgorithm.ES256,
                false);
    }

    @Test
    void refusesAnAgentWhoseNameReadsAsAnother() {
        assertThatThrownBy(() -> AuthorityConfig.Agent.of(
                        "tickets",
                        "\u202etnega tekcit",
                        new AuthorityConfig.Authentication.Secret("0".repeat(64)),
                        Optional.empty()))
                .hasMessageContaining("direction");
    }
}

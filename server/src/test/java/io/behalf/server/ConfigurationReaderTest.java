package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.authority.AuthorityConfig;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigurationReaderTest {
    private static final String DEVELOPMENT = "server: {development: true}\n";

    @Test
    void tellsAllProblemsTogetherWithTheirLines() {
        assertThat(Configurations.problems("""
                        server:
                          development: true
                          prot: 8700
                          drain: soon
                        ledger:
                          segment-size: 12
                        observability:
                          log-level: chatty
                        """))
                .containsExactly(
                        "line 3: server.prot: unknown key; did you mean port?",
                        "line 4: server.drain: a duration is a whole number and one of ms, s, m, h, d, such as 30s",
                        "line 6: ledger.segment-size: a size is a whole number and one of B, KiB, MiB, GiB, such as 16MiB",
                        "line 8: observability.log-level: one of error, warning, info, debug");
    }

    @ParameterizedTest
    @CsvSource({"prt,port", "developement,development", "api_token,api-token", "Base,base"})
    void namesTheNearestKey(String typed, String meant) {
        assertThat(Configurations.problems("server:\n  development: true\n  " + typed + ": x"))
                .contains("line 3: server." + typed + ": unknown key; did you mean " + meant + "?");
    }

    @Test
    void listsTheKnownKeysWhereNoneIsNear() {
        assertThat(Configurations.problems(DEVELOPMENT + "observability: {colour: red}"))
                .containsExactly("line 2: observability.colour: unknown key; known here: log-level");
    }

    @Test
    void refusesAnUnknownTopLevelKey() {
        assertThat(Configurations.problems(DEVELOPMENT + "polcy: {}"))
                .containsExactly("line 2: polcy: unknown key; did you mean policy?");
    }

    @Test
    void refusesASecretInTheFileWithoutRepeatingIt() {
        assertThat(Configurations.problems("server:\n  development: true\n  api-token: hunter2"))
                .containsExactly(
                        "line 3: server.api-token: a secret is {env: NAME} or {file: PATH}, never written here");
    }

    /** What somebody may paste into the wrong place is not repeated, as the answer ends up in logs. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "server: {api-token: {env: sk-live-hunter2}}",
                "server: {api-token: *sk-live-hunter2}",
                "server: {api-token: [sk-live-hunter2]}",
                "server: {port: sk-live-hunter2}",
                "server: {development: sk-live-hunter2}",
                "server: {base: 'http://user:sk-live-hunter2@127.0.0.1'}",
                "server: {base: 'http://user:sk-live-hunter2 @127.0.0.1'}",
                "server: {drain: sk-live-hunter2}",
                "server: {api-token: 'sk-live-hunter2}",
                "server: {api-token: sk-live-hunter2",
                "server: {api-token: {env: A, value: sk-live-hunter2}}",
                "ledger: {segment-size: sk-live-hunter2}",
                "observability: {log-level: sk-live-hunter2}",
                "gateway: {routes: [{name: a, kind: openai, upstream: 'http://127.0.0.1?key=sk-live-hunter2'}]}",
                "gateway: {routes: [{name: a, kind: openai, credential: sk-live-hunter2}]}",
                "gateway: {routes: [{name: a, kind: openai, credential: {key: sk-live-hunter2}}]}",
                "authority: {agents: [{id: a, secret: sk-live-hunter2}]}",
                "authority: {providers: [{name: a, issuer: 'https://a:sk-live-hunter2@b', client-id: c}]}",
                "sk-live-hunter2"
            })
    void repeatsNoValueOfTheFile(String yaml) {
        assertThat(Configurations.problems(yaml)).isNotEmpty().noneMatch(problem -> problem.contains("hunter2"));
    }

    @Test
    void refusesASecretThatTheEnvironmentLacks() {
        assertThat(Configurations.problems("server:\n  development: true\n  api-token: {env: NOT_SET}"))
                .containsExactly("line 3: server.api-token: the environment has no NOT_SET");
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "/models", "ftp://127.0.0.1"})
    void refusesAnUpstreamThatIsNoAddress(String upstream) {
        assertThat(Configurations.problems(
                        DEVELOPMENT + "gateway: {routes: [{name: openai, kind: openai, upstream: " + upstream + "}]}"))
                .containsExactly("line 2: gateway.routes[]: an upstream is an http or https address");
    }

    /** Case counts, and what anybody could make with a public key is none of the choices. */
    @ParameterizedTest
    @ValueSource(strings = {"none", "HS256", "es256", "PS256"})
    void refusesAnAlgorithmThatIsNoneOfThree(String algorithm) {
        assertThat(Configurations.problems(DEVELOPMENT + "authority: {algorithm: " + algorithm + "}"))
                .containsExactly("line 2: authority.algorithm: is ES256, RS256 or EdDSA");
    }

    @ParameterizedTest
    @CsvSource({"per-second, 0, 200", "per-second, 201, 200", "burst, 0, 5000", "burst, 5001, 5000", "burst, many, 5000"
    })
    void refusesARateOutOfItsBounds(String key, String value, int most) {
        assertThat(Configurations.problems(DEVELOPMENT + "authority: {rate: {" + key + ": " + value + "}}"))
                .containsExactly("line 2: authority.rate." + key + ": a whole number from 1 to " + most);
    }

    @Test
    void refusesAShortApiToken() {
        assertThat(Configurations.problems("server:\n  development: true\n  api-token: {env: TOOLS_KEY}"))
                .containsExactly("line 1: server: api-token has at least 32 characters");
    }

    @Test
    void refusesDevelopmentModeOffLoopback() {
        assertThat(Configurations.problems("server: {development: true, address: 0.0.0.0, base: 'http://127.0.0.1:1'}"))
                .containsExactly("line 1: server: development mode listens on loopback only");
    }

    @Test
    void demandsAnOriginRightsAndScopesOutsideDevelopmentMode() {
        assertThat(Configurations.problems("""
                        authority:
                          providers:
                            - {name: corp, issuer: "https://id.example", client-id: behalf}
                          agents:
                            - {id: a, secret: {env: AGENT_SECRET}}
                        ledger: {log: main}
                        """))
                .containsExactly(
                        "line 3: authority.providers[].rights: is missing: what this provider's people may do",
                        "line 5: authority.agents[].scope: is missing: what this agent may ever be given",
                        "line 6: ledger.origin: is missing; outside development mode the log's name is yours to choose");
    }

    @Test
    void refusesPlainHttpOffLoopback() {
        assertThat(Configurations.problems("server: {base: 'http://behalf.example'}\nledger: {origin: x}"))
                .contains("line 1: server.base: https, unless it is on loopback");
    }

    @Test
    void refusesTwoRoutesAtOneAddress() {
        assertThat(Configurations.problems(DEVELOPMENT + """
                        gateway:
                          routes:
                            - {name: a, kind: openai}
                            - {name: a, kind: anthropic}
                        """))
                .containsExactly("line 5: gateway.routes[].name: another route at /llm/a stands in line 4");
    }

    @Test
    void refusesAnActionOfARegulatedServiceWithoutLabel() {
        assertThat(Configurations.problems(DEVELOPMENT + """
                        services:
                          records: {regulated: true}
                        gateway:
                          routes:
                            - name: records
                              kind: http
                              upstream: http://127.0.0.1:1
                              operations: [{method: GET, path: /r, action: read}]
                        """))
                .containsExactly(
                        "line 3: services.<name>.actions: the action read of a regulated service has no label");
    }

    @Test
    void refusesTwoCredentialsForOneUpstream() {
        assertThat(Configurations.problems(DEVELOPMENT + """
                        gateway:
                          routes:
                            - name: a
                              kind: openai
                              credential: {key: {env: TOOLS_KEY}, caller: true}
                        """))
                .containsExactly(
                        "line 6: gateway.routes[].credential.: only one of key, header, minted-for and caller");
    }

    @Test
    void refusesAPolicyThatDoesNotCompile() {
        assertThat(Configurations.problems(DEVELOPMENT + """
                        policy:
                          rules: [{id: broken, effect: permit, when: "size("}]
                        """))
                .singleElement()
                .asString()
                .startsWith("line 3: policy.rules: broken: ");
    }

    @Test
    void refusesADuplicateKey() {
        assertThat(Configurations.problems("server: {development: true}\nserver: {}"))
                .contains("line 2: server: stands here a second time");
    }

    @Test
    void refusesWhatIsNotYaml() {
        assertThat(Configurations.problems("server: ["))
                .singleElement()
                .asString()
                .startsWith("line 1: not YAML: ");
    }

    @Test
    void refusesAListWhereAMappingBelongs() {
        assertThat(Configurations.problems("- server")).contains("line 1: the file is a mapping of keys to values");
    }

    @Test
    void followsTheAddressAndPortInItsBase() {
        var read = Configurations.accepted(Configurations.text("server: {development: true, port: 1234}"));
        assertThat(read.server().base()).hasToString("http://127.0.0.1:1234");
        assertThat(read.authority().issuer()).isEqualTo("http://127.0.0.1:1234");
    }

    @Test
    void doesNotPrintSecrets() throws Exception {
        var read = Configurations.accepted(Configurations.everyKey());
        for (String secret : Map.copyOf(Configurations.ENVIRONMENT).values()) {
            assertThat(read.toString()).doesNotContain(secret);
        }
        assertThat(read.toString()).doesNotContain("a-token-of-more-than");
    }

    @Test
    void agentsGetNoTokensForWhatARouteMintsFor() throws Exception {
        var audiences =
                Configurations.accepted(Configurations.everyKey()).authority().audiences();
        assertThat(audiences.stream().filter(AuthorityConfig.Audience::minted).map(AuthorityConfig.Audience::uri))
                .containsExactly("https://tickets.example");
    }
}

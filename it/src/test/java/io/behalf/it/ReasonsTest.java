package io.behalf.it;

import static io.behalf.it.PretendDeployment.OTHER_AGENTS_OWN_KEY;
import static io.behalf.it.PretendDeployment.READ_TICKETS;
import static io.behalf.it.PretendDeployment.TICKET;
import static io.behalf.it.PretendDeployment.details;
import static io.behalf.it.PretendDeployment.permissions;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.behalf.core.delegation.Reason;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every reason from the outside: what the agent is told in the shape of its protocol, what the record says, and that
 * nothing has reached the upstream. {@code docs/reasons.md} names these tests.
 */
class ReasonsTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final String QUESTION = """
            {"model": "demo-model", "messages": [{"role": "user", "content": "hello"}]}""";
    private static final String ALL_OF_TICKETS = permissions("""
            {"service": "tickets", "actions": ["read", "write", "delete", "replace"]}""");

    private static final Path STRACE = Path.of("/usr/bin/strace");

    /** The reasons of the test at hand. */
    private static final Set<Reason> TOLD = EnumSet.noneOf(Reason.class);

    @TempDir
    static Path folder;

    private static PretendDeployment deployment;
    private static BehalfServer server;

    @BeforeAll
    static void start() {
        deployment = PretendDeployment.start(folder);
        server = deployment.server();
    }

    @AfterAll
    static void stop() {
        deployment.close();
    }

    @BeforeEach
    void nothingWasTold() {
        TOLD.clear();
    }

    @AfterEach
    void nothingHasReachedTheUpstream() {
        assertThat(deployment.upstream().taken()).isEmpty();
    }

    /** So that the page cannot name a test that is about something else. */
    @AfterEach
    void thePageNamesThisTestForWhatWasTold(TestInfo test) {
        assertThat(TOLD)
                .contains(ReasonsPageTest.reasonOf(
                        test.getTestMethod().orElseThrow().getName()));
    }

    @Test
    void refusesAnAmbiguousRequest() {
        try (var agent = agent(READ_TICKETS)) {
            problem(agent.get(TICKET + "%2f4712"), Reason.REQUEST_MALFORMED).onlyCounted();
            problem(agent.get(TICKET + "?access_token=t"), Reason.REQUEST_MALFORMED)
                    .onlyCounted();
            var twice = agent.request("GET", TICKET, agent.token()).header("X-Behalf-Delegation", agent.token() + "x");
            problem(agent.send(twice.GET()), Reason.REQUEST_MALFORMED).onlyCounted();
            // Its body is read only after its delegation held, so this one stands in the task.
            modelError(agent.post(CHAT, "{\"model\": \"one\", \"model\": \"two\"}"), Reason.REQUEST_MALFORMED)
                    .recordedIn(agent.task());
        }
    }

    @Test
    void refusesAnAddressWithoutARoute() {
        try (var agent = agent(READ_TICKETS)) {
            problem(agent.get("/http/nowhere/tickets/4711"), Reason.ROUTE_UNKNOWN)
                    .onlyCounted();
            problem(agent.get("/http/tickets/customers/4711"), Reason.ROUTE_UNKNOWN)
                    .onlyCounted();
        }
    }

    @Test
    void refusesABodyThatIsTooLarge() {
        try (var agent = agent(ALL_OF_TICKETS)) {
            problem(agent.post(TICKET, "\"" + "x".repeat(1024) + "\""), Reason.REQUEST_TOO_LARGE)
                    .onlyCounted();
        }
    }

    @Test
    void refusesAKeyThatNobodyListed() {
        try (var agent = agent(READ_TICKETS)) {
            var own = HttpRequest.newBuilder(server.base().resolve("/http/watched/tickets/4711"))
                    .header("Authorization", "Bearer some-key");
            problem(agent.send(own.GET()), Reason.AGENT_UNAUTHENTICATED).onlyCounted();
        }
    }

    @Test
    void refusesACallWithoutADelegation() {
        try (var agent = agent(READ_TICKETS)) {
            problem(agent.send(HttpRequest.newBuilder(server.base().resolve(TICKET))), Reason.DELEGATION_MISSING)
                    .onlyCounted();
            var question = HttpRequest.newBuilder(server.base().resolve(CHAT))
                    .header("Content-Type", "application/json")
                    .POST(BodyPublishers.ofString(QUESTION));
            modelError(agent.send(question), Reason.DELEGATION_MISSING).onlyCounted();
        }
    }

    @Test
    void refusesWhatIsNoToken() {
        try (var agent = agent(READ_TICKETS)) {
            problem(
                            agent.send(agent.request("GET", TICKET, "sk-a-providers-key")
                                    .GET()),
                            Reason.DELEGATION_MALFORMED)
                    .onlyCounted();
        }
    }

    @Test
    void refusesATokenOfAnotherIssuer() throws Exception {
        try (var agent = agent(READ_TICKETS)) {
            var foreign = token(agent, SigningKey.generate(), Map.of("iss", "https://elsewhere.example"));
            problem(agent.send(agent.request("GET", TICKET, foreign).GET()), Reason.ISSUER_UNTRUSTED)
                    .onlyCounted();
        }
    }

    @Test
    void refusesATokenThatWasChanged() throws Exception {
        try (var agent = agent(READ_TICKETS)) {
            var forged = token(agent, SigningKey.generate(), Map.of());
            problem(agent.send(agent.request("GET", TICKET, forged).GET()), Reason.SIGNATURE_INVALID)
                    .onlyCounted();
        }
    }

    @Test
    void refusesATokenForAnotherRoute() {
        try (var agent = agent(READ_TICKETS)) {
            agent.forResource(server.base() + "/http/tickets");
            modelError(agent.post(CHAT, QUESTION), Reason.AUDIENCE_MISMATCH).recordedIn(agent.task());
        }
    }

    @Test
    void refusesATokenFromTheFuture() throws Exception {
        try (var agent = agent(READ_TICKETS)) {
            var early = token(agent, authoritysKey(), times(300, 500, 3_600));
            problem(agent.send(agent.request("GET", TICKET, early).GET()), Reason.DELEGATION_NOT_YET_VALID)
                    .recordedIn(agent.task());
        }
    }

    @Test
    void refusesATaskWhoseTimeIsOver() throws Exception {
        try (var agent = agent(READ_TICKETS)) {
            var over = token(agent, authoritysKey(), times(-300, -100, -50));
            problem(agent.send(agent.request("GET", TICKET, over).GET()), Reason.TASK_EXPIRED)
                    .recordedIn(agent.task());
        }
    }

    @Test
    void refusesATokenThatHasExpired() throws Exception {
        try (var agent = agent(READ_TICKETS)) {
            var old = token(agent, authoritysKey(), times(-300, -100, 3_600));
            problem(agent.send(agent.request("GET", TICKET, old).GET()), Reason.DELEGATION_EXPIRED)
                    .recordedIn(agent.task());
        }
    }

    @Test
    void refusesABoundTokenWithoutProof() {
        try (var agent = agent(READ_TICKETS)) {
            var stolen = HttpRequest.newBuilder(server.base().resolve(TICKET))
                    .header("Authorization", "Bearer " + agent.token());
            problem(agent.send(stolen.GET()), Reason.BINDING_MISSING).onlyCounted();
        }
    }

    @Test
    void refusesAProofForAnotherMethod() {
        try (var agent = agent(READ_TICKETS)) {
            problem(agent.send(shown(agent, proof(agent, agent.key(), "POST"))), Reason.PROOF_INVALID)
                    .onlyCounted();
        }
    }

    @Test
    void refusesAProofOfAnotherKey() {
        try (var agent = agent(READ_TICKETS)) {
            problem(agent.send(shown(agent, proof(agent, SigningKey.generate(), "GET"))), Reason.BINDING_MISMATCH)
                    .onlyCounted();
        }
    }

    @Test
    void refusesAProofThatWasUsed() {
        try (var agent = agent(READ_TICKETS)) {
            var once = proof(agent, agent.key(), "GET");
            assertThat(agent.send(shown(agent, once)).statusCode()).isEqualTo(200);
            assertThat(deployment.upstream().taken()).hasSize(1);

            problem(agent.send(shown(agent, once)), Reason.PROOF_REPLAYED).onlyCounted();
        }
    }

    @Test
    void refusesAfterTheAgentEndedTheTask() {
        try (var agent = agent(READ_TICKETS)) {
            agent.end();

            problem(agent.get(TICKET), Reason.TASK_ENDED).recordedIn(agent.task());
        }
    }

    @Test
    void refusesAfterAStop() {
        try (var agent = agent(READ_TICKETS)) {
            server.told("revoke", "--task", agent.task(), "--reason", "not wanted any more");

            problem(agent.get(TICKET), Reason.DELEGATION_REVOKED).recordedIn(agent.task());
        }
    }

    @Test
    void refusesAnotherAgentsDelegation() {
        try (var agent = agent(READ_TICKETS)) {
            var beside = HttpRequest.newBuilder(server.base().resolve(TICKET))
                    .header("X-Behalf-Delegation", agent.token())
                    .header("DPoP", proof(agent, agent.key(), "GET"))
                    .header("Authorization", "Bearer " + OTHER_AGENTS_OWN_KEY);

            problem(agent.send(beside.GET()), Reason.ACTOR_MISMATCH).recordedIn(agent.task());
        }
    }

    @Test
    void refusesAChainThatIsTooLong() {
        try (var agent = agent(READ_TICKETS);
                var child = deployment.subAgent()) {
            child.takeOver(agent.handOver("summarizer", "tickets:read"));

            problem(child.get(TICKET), Reason.CHAIN_TOO_DEEP).recordedIn(agent.task());
        }
    }

    @Test
    void refusesWhatTheTaskDoesNotCover() {
        try (var agent = agent(permissions("""
                {"service": "tickets", "actions": ["read"]}, {"service": "tools", "actions": ["echo"]}"""))) {
            problem(agent.post(TICKET, "{}"), Reason.SCOPE_EXCEEDED).recordedIn(agent.task());
            modelError(agent.post(CHAT, QUESTION), Reason.SCOPE_EXCEEDED).recordedIn(agent.task());
            RefusalAssert.toolResult(server, agent.post("/mcp/tools", """
                    {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                     "params": {"name": "get-env", "arguments": {}}}"""), Reason.SCOPE_EXCEEDED)
                    .recordedIn(agent.task());
        }
    }

    @Test
    void refusesARegulatedServiceWithoutApproval() {
        try (var agent = agent(permissions("""
                {"service": "payroll", "actions": ["read"]}"""))) {
            problem(agent.get("/http/payroll/tickets/4711"), Reason.APPROVAL_REQUIRED)
                    .recordedIn(agent.task())
                    .byRule("regulated-needs-approval");
        }
    }

    @Test
    void refusesWhenTheCallsAreUsedUp() {
        try (var agent = agent(details("""
                {"service": "tickets", "actions": ["read"]}""", "\"limits\": {\"calls\": 1},"))) {
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(200);
            assertThat(deployment.upstream().taken()).hasSize(1);

            problem(agent.get(TICKET), Reason.LIMIT_EXCEEDED).recordedIn(agent.task());
        }
    }

    @Test
    void refusesWhatARuleForbids() {
        try (var agent = agent(ALL_OF_TICKETS)) {
            problem(agent.send(agent.request("DELETE", TICKET, agent.token()).DELETE()), Reason.POLICY_DENIED)
                    .recordedIn(agent.task())
                    .byRule("nothing-is-deleted");
        }
    }

    @Test
    void refusesWhenARuleCannotBeEvaluated() {
        try (var agent = agent(ALL_OF_TICKETS)) {
            var put = agent.request("PUT", TICKET, agent.token())
                    .header("Content-Type", "application/json")
                    .PUT(BodyPublishers.ofString("{}"));
            problem(agent.send(put), Reason.POLICY_UNAVAILABLE)
                    .recordedIn(agent.task())
                    .byRule("cannot-be-evaluated");
        }
    }

    static boolean aDiskCanBeMadeToFail() {
        return Files.exists(STRACE);
    }

    /** The disk fails under the server: what cannot be recorded is not done. */
    @Test
    @EnabledIf("aDiskCanBeMadeToFail")
    void refusesWhenItCannotBeRecorded(@TempDir Path another) throws Exception {
        try (var failing = PretendDeployment.start(another);
                var agent = failing.agent(READ_TICKETS);
                var disk = failing.server().withFailingDisk(STRACE)) {
            problem(failing.server(), agent.get(TICKET), Reason.RECORD_UNAVAILABLE)
                    .onlyCounted();
            assertThat(failing.upstream().taken()).isEmpty();
            assertThat(disk.output()).contains("EIO");
        }
    }

    /** The call was on the record before it went out: its end is an outcome, never a refusal. */
    @Test
    void tellsThatTheUpstreamIsAway() {
        try (var agent = agent(permissions("""
                {"service": "away", "actions": ["read"]}, {"service": "locked", "actions": ["read"]}"""))) {
            var away = endingOf(agent.get("/http/away/tickets/4711"));
            assertThat(away.path("kind").asText()).isEqualTo("outcome");
            assertThat(away.path("reason").asText()).isEqualTo(Reason.UPSTREAM_UNAVAILABLE.code());
            assertThat(away.path("sent").asText()).isEqualTo("no");
            assertThat(deployment.upstream().taken()).isEmpty();

            var locked = endingOf(agent.get("/http/locked/locked/4711"));
            assertThat(locked.path("reason").asText()).isEqualTo(Reason.UPSTREAM_UNAVAILABLE.code());
            assertThat(locked.path("sent").asText()).isEqualTo("yes");
            assertThat(deployment.upstream().taken()).containsExactly("GET /locked/4711");
        }
    }

    /** How the call ended whose intent this answer names. */
    private static JsonNode endingOf(HttpResponse<String> answer) {
        problem(answer, Reason.UPSTREAM_UNAVAILABLE);
        var call = server.step(BehalfServer.parsed(answer.body()).path("record").asText());
        assertThat(call.path("kind").asText()).isEqualTo("call");
        return call.path("ending");
    }

    private static HandMadeAgent agent(String details) {
        return deployment.agent(details);
    }

    private static RefusalAssert problem(HttpResponse<String> answer, Reason reason) {
        return problem(server, answer, reason);
    }

    private static RefusalAssert problem(BehalfServer of, HttpResponse<String> answer, Reason reason) {
        TOLD.add(reason);
        return RefusalAssert.problem(of, answer, reason);
    }

    private static RefusalAssert modelError(HttpResponse<String> answer, Reason reason) {
        TOLD.add(reason);
        return RefusalAssert.modelError(server, answer, reason);
    }

    private static HttpRequest.Builder shown(HandMadeAgent agent, String proof) {
        return HttpRequest.newBuilder(server.base().resolve(TICKET))
                .header("Authorization", "DPoP " + agent.token())
                .header("DPoP", proof);
    }

    private static String proof(HandMadeAgent agent, SigningKey key, String method) {
        return agent.proof(key, method, TICKET, Optional.of(agent.token()));
    }

    /** The agent's token with other claims, signed by this key under the name of the authority's. */
    private static String token(HandMadeAgent agent, SigningKey key, Map<String, Object> changed) throws Exception {
        var claims = new HashMap<>(CompactJws.parse(agent.token()).claims());
        claims.putAll(changed);
        return CompactJws.sign(key, "at+jwt", authoritysKey().thumbprint(), claims);
    }

    private static Map<String, Object> times(long issued, long expires, long taskEnds) {
        var now = Instant.now().getEpochSecond();
        return Map.of("iat", now + issued, "exp", now + expires, "task_exp", now + taskEnds);
    }

    /** What only the authority should have: with it, a test can make tokens that the authority would not. */
    private static SigningKey authoritysKey() throws Exception {
        try (Stream<Path> files = Files.walk(server.data().resolve("keys"))) {
            var file = files.filter(path -> path.getFileName().toString().startsWith("authority-"))
                    .findFirst()
                    .orElseThrow();
            return SigningKey.fromJwk(Json.readObject(Files.readAllBytes(file)));
        }
    }
}

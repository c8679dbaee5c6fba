package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.End;
import io.behalf.core.record.AuditRecord.PlannedBy;
import io.behalf.policy.PolicySource;
import io.behalf.policy.Rule;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** MCP over streamable HTTP. */
class McpTest {
    private static final String MCP = "/mcp/tools";
    private static final String INITIALIZE = message("0", "initialize", "{\"protocolVersion\":\"2025-11-25\"}");
    private static final String CANCEL_1 =
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}";
    private static final String SESSION = "Mcp-Session-Id: s1\r\n";

    private World world;
    private Delegation delegation;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
        delegation = world.delegation();
    }

    @AfterEach
    void end() {
        world.close();
    }

    @Test
    void carriesAToolCallAnsweredByJson() throws Exception {
        String result = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}}";
        world.upstream.answersJson(result);
        Wire.Answer answer = call(tool("echo", "{\"message\":\"hi\"}"), "");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo(result);
        assertThat(world.upstream.received().getFirst().uri()).isEqualTo("/mcp");
        var intent = world.records(AuditRecord.Intent.class).getFirst();
        assertThat(intent.call().surface()).isEqualTo(AuditRecord.Surface.MCP);
        assertThat(intent.call().action()).isEqualTo("echo");
        assertThat(intent.call().tool()).contains("echo");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
    }

    @Test
    void carriesAToolCallAnsweredByAStreamInWhichTheServerAsksBack() throws Exception {
        String asks =
                "event: message\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"sampling/createMessage\"}\n\n";
        String progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
        String result = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n";
        world.upstream.answers(
                (_, response) -> stream(response).end("id: 0\ndata:\n\n" + asks + ": ping\n\n" + progress + result));
        Wire.Answer answer = call(tool("echo", "{}"), "");

        assertThat(answer.body()).isEqualTo("id: 0\ndata:\n\n" + asks + ": ping\n\n" + progress + result);
        assertThat(world.outcome().outcome().end()).isEqualTo(End.COMPLETE);
        assertThat(world.outcome().outcome().asked()).containsExactly("sampling/createMessage");
    }

    @Test
    void holdsTheReplyUntilTheOutcomeIsDurable() throws Exception {
        world.ledger.holdOn(AuditRecord.Outcome.class::isInstance);
        world.upstream.answers((_, response) -> stream(response)
                .write(": hello\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n"));
        try (Wire wire = world.connect()) {
            wire.send(request("POST", tool("echo", "{}"), ""));
            wire.head();
            assertThat(new String(wire.chunk(), StandardCharsets.UTF_8)).isEqualTo(": hello\n\n");
            assertThat(wire.quiet()).isTrue();
            world.ledger.letGo();
            assertThat(wire.untilEnd()).contains("\"result\"");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void showsOnlyTheToolsThatTheTaskMayCall(boolean streamed) throws Exception {
        String list =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"echo\"},{\"name\":\"delete\"},{\"name\":\"read_file\"}],\"nextCursor\":\"c\"}}";
        world.upstream.answers((_, response) -> {
            if (streamed) {
                stream(response).end("event: message\nid: 7\ndata: " + list + "\n\n");
            } else {
                response.putHeader("content-type", "application/json").end(list);
            }
        });
        Wire.Answer answer = call(message("1", "tools/list", "{}"), "");

        String shown =
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"echo\"},{\"name\":\"read_file\"}],\"nextCursor\":\"c\"}}";
        assertThat(answer.body()).isEqualTo(streamed ? "event: message\nid: 7\ndata: " + shown + "\n\n" : shown);
        assertThat(world.outcome().outcome().items()).isEqualTo(2);
    }

    @Test
    void tellsTheModelOfARefusedToolCallAsAToolsResult() throws Exception {
        Wire.Answer answer = call(tool("delete", "{}"), "");

        assertThat(answer.status()).isEqualTo(200);
        Map<?, ?> result = Fields.object(answer.json(), "result");
        assertThat(answer.json().get("id")).isEqualTo(1L);
        assertThat(result.get("isError")).isEqualTo(true);
        Map<?, ?> said = Fields.object(Fields.object(result, "_meta"), "io.behalf/refusal");
        var refused = world.records(AuditRecord.Refused.class).getFirst();
        assertThat(said.get("reason")).isEqualTo("scope_exceeded");
        assertThat(said.get("record")).isEqualTo(refused.header().id());
        assertThat(said.get("task")).isEqualTo(delegation.taskId().value());
        assertThat(refused.call().tool()).contains("delete");
        assertThat(answer.header("Behalf-Record")).contains(refused.header().id());
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void answersAnyOtherRefusedMethodWithAnError() throws Exception {
        Wire.Answer answer = call(message("\"x\"", "resources/read", "{\"uri\":\"file:///etc/passwd\"}"), "");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.json().get("id")).isEqualTo("x");
        Map<?, ?> error = Fields.object(answer.json(), "error");
        assertThat(error.get("code")).isEqualTo(-32001L);
        assertThat(Fields.object(error, "data").get("reason")).isEqualTo("scope_exceeded");
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void saysThatAPartFailedByAnotherCode() throws Exception {
        world.ledger.failOn(AuditRecord.Intent.class::isInstance);
        Wire.Answer answer = call(message("1", "tools/list", "{}"), "");

        assertThat(Fields.object(answer.json(), "error").get("code")).isEqualTo(-32603L);
    }

    @Test
    void challengesARequestWithoutDelegationBeforeAnythingElse() throws Exception {
        Wire.Answer answer =
                world.send(world.request("POST", MCP, "Content-Type: application/json\r\n", tool("echo", "{}")));

        assertThat(answer.status()).isEqualTo(401);
        assertThat(answer.all("www-authenticate").getFirst())
                .startsWith("Bearer resource_metadata=\"http://127.0.0.1:" + world.port
                        + "/.well-known/oauth-protected-resource/mcp/tools\"");
        assertThat(answer.all("www-authenticate").get(1)).startsWith("DPoP ");
        Wire.Answer metadata =
                world.send(world.request("GET", "/.well-known/oauth-protected-resource/mcp/tools", "", ""));
        assertThat(metadata.json().get("resource")).isEqualTo("http://127.0.0.1:" + world.port + MCP);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
                "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}]",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"method\":\"tools/call\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"a\":1e99999999999}}",
                "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"result\":{}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"arguments\":{}}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":[]}}",
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\",\"arguments\":{\"path\":\"/data/../etc/passwd\"}}}",
                "{} {}",
                "not json"
            })
    void refusesWhatCouldBeReadInTwoWays(String body) throws Exception {
        Wire.Answer answer = call(body, "");

        assertThat(answer.status()).isIn(200, 400);
        assertThat(answer.body()).contains("request_malformed");
        assertThat(world.records(AuditRecord.Refused.class))
                .singleElement()
                .satisfies(record -> assertThat(record.decision().reason()).contains("request_malformed"));
        assertThat(world.upstream.received()).isEmpty();
    }

    /** A service that resolves the name may decode it, or read another number than the one that was decided on. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"/data/%2e%2e/etc/passwd\"",
                "\"/data/.%2E/etc/passwd\"",
                "\"/data/a%2f..%2f..%2fetc\"",
                "\"/data/%252e%252e/etc\"",
                "\"/data/a%5c..\"",
                "9007199254740993",
                "1.00000000000000000001",
                "1e400"
            })
    void refusesAResourceThatTwoReadersFindInTwoPlaces(String path) throws Exception {
        Delegation reader = Delegations.of(
                delegation,
                World.task(Scope.of(Permission.of("tools", List.of("read"), List.of("/data/*"), Map.of()))));
        Wire.Answer answer = world.send(world.request(
                "POST",
                MCP,
                world.credentials(reader, "POST", MCP) + "Content-Type: application/json\r\n",
                tool("read_file", "{\"path\":" + path + "}")));
        assertThat(answer.body()).contains("request_malformed");
        assertThat(world.upstream.received()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "1.0", "10e-1", "\"1\""})
    void aNumberIsTheSameResourceHoweverItIsWritten(String path) throws Exception {
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        Delegation one = Delegations.of(
                delegation, World.task(Scope.of(Permission.of("tools", List.of("read"), List.of("1"), Map.of()))));
        world.send(world.request(
                "POST",
                MCP,
                world.credentials(one, "POST", MCP) + "Content-Type: application/json\r\n",
                tool("read_file", "{\"path\":" + path + "}")));
        assertThat(world.records(AuditRecord.Intent.class).getFirst().call().resources())
                .containsExactly("1");
    }

    /** They need no permission of their own, and a rule that names them still counts. */
    @ParameterizedTest
    @ValueSource(strings = {"initialize", "ping", "resources/list", "logging/setLevel", "notifications/x"})
    void aForbidHoldsForWhatDoesNothingByItself(String method) throws Exception {
        Rule forbid = Rule.of("no-" + method.hashCode(), Rule.Effect.FORBID, Set.of("tools"), Set.of(method), "true");
        Rule unanswered = Rule.of(
                "no-answer", Rule.Effect.FORBID, Set.of("tools"), Set.of("prompts/list"), "attributes.a == 'x'");
        PolicySource policy = new PolicySource(
                List.of(forbid, unanswered), List.of(), Set.of(), true, WithinDelegation.DEFAULT_MAX_ACTORS);
        try (World strict = new World(UnaryOperator.identity(), policy)) {
            strict.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
            strict.post(strict.delegation(), MCP, message("1", method, "{}"));
            strict.post(strict.delegation(), MCP, message("2", "prompts/list", "{}"));
            assertThat(strict.upstream.received()).isEmpty();
            assertThat(strict.records(AuditRecord.Refused.class))
                    .extracting(no -> no.decision().reason().orElseThrow())
                    .containsExactly("policy_denied", "policy_unavailable");
        }
    }

    @Test
    void holdsAToolsArgumentsAgainstTheResourcesOfTheTask() throws Exception {
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        assertThat(call(tool("read_file", "{\"path\":\"/data/a.txt\"}"), "").body())
                .doesNotContain("isError");
        assertThat(call(tool("read_file", "{\"path\":\"/etc/passwd\"}"), "").body())
                .contains("scope_exceeded");
        assertThat(call(tool("read_file", "{}"), "").body()).contains("scope_exceeded");
        assertThat(world.upstream.received()).hasSize(1);
        assertThat(world.records(AuditRecord.Intent.class).getFirst().call().resources())
                .containsExactly("/data/a.txt");
    }

    @Test
    void aSessionBelongsToTheTaskThatBeganIt() throws Exception {
        beginSession();
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");
        assertThat(call(tool("echo", "{}"), SESSION).status()).isEqualTo(200);

        int reached = world.upstream.received().size();
        Delegation other = world.delegation();
        String headers = world.credentials(other, "POST", MCP) + "Content-Type: application/json\r\n" + SESSION;
        Wire.Answer answer = world.send(world.request("POST", MCP, headers, tool("echo", "{}")));

        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.body()).contains("route_unknown").doesNotContain("binding_mismatch");
        assertThat(world.records(AuditRecord.Refused.class)
                        .getFirst()
                        .decision()
                        .reason())
                .contains("binding_mismatch");
        assertThat(world.upstream.received()).hasSize(reached);
    }

    @Test
    void aSessionThatNobodyBeganIsUnknown() throws Exception {
        Wire.Answer answer = call(tool("echo", "{}"), "Mcp-Session-Id: made-up\r\n");

        assertThat(answer.status()).isEqualTo(404);
        assertThat(answer.body()).contains("route_unknown");
        assertThat(world.upstream.received()).isEmpty();
    }

    @Test
    void anEndedSessionIsUnknown() throws Exception {
        beginSession();
        world.upstream.answers((_, response) -> response.setStatusCode(204).end());
        assertThat(world.send(request("DELETE", "", SESSION)).status()).isEqualTo(204);
        assertThat(call(tool("echo", "{}"), SESSION).status()).isEqualTo(404);
    }

    @Test
    void notificationsAreDecidedAndRecordedToo() throws Exception {
        world.upstream.answers((_, response) -> response.setStatusCode(202).end());
        String note = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";
        assertThat(call(note, "").status()).isEqualTo(202);
        assertThat(world.records(AuditRecord.Intent.class).getFirst().call().action())
                .isEqualTo("notifications/initialized");

        String smuggled = "{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"delete\"}}";
        Wire.Answer refused = call(smuggled, "");
        assertThat(refused.status()).isEqualTo(403);
        assertThat(refused.body()).contains("scope_exceeded").contains("\"id\":null");
        assertThat(world.upstream.received()).hasSize(1);
    }

    @Test
    void anAnswerMayArriveOnAStreamThatWasTakenUpAgain() throws Exception {
        beginSession();
        CompletableFuture<HttpServerResponse> open = new CompletableFuture<>();
        world.upstream.answers((_, response) -> {
            stream(response).write("id: 5\ndata:\n\n");
            open.complete(response);
        });
        try (Wire wire = world.connect()) {
            wire.send(request("POST", tool("echo", "{}"), SESSION));
            wire.head();
            wire.chunk();
        }
        open.get(10, TimeUnit.SECONDS);
        world.upstream.awaitBroken();
        assertThat(world.records(AuditRecord.Outcome.class)).hasSize(1); // the greeting's only

        String result = "id: 6\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n";
        world.upstream.answers((received, response) -> {
            assertThat(received.headers().get("last-event-id")).isEqualTo("5");
            stream(response).write(result);
        });
        try (Wire wire = world.connect()) {
            wire.send(request("GET", "", SESSION + "Last-Event-ID: 5\r\n"));
            wire.head();
            assertThat(new String(wire.chunk(), StandardCharsets.UTF_8)).isEqualTo(result);
            String asked =
                    world.records(AuditRecord.Intent.class).get(1).header().id();
            assertThat(world.await(AuditRecord.Outcome.class, o -> o.of().equals(asked))
                            .outcome()
                            .end())
                    .isEqualTo(End.COMPLETE);
        }
        assertThat(world.await(AuditRecord.Outcome.class, o -> o.outcome().end() == End.CUT_BY_CLIENT))
                .isNotNull();
    }

    @Test
    void anAnswerThatNobodyAskedForStaysHere() throws Exception {
        beginSession();
        String answers = """
                data: {"jsonrpc":"2.0","id":99,"result":{"secret":1}}

                data: [{"jsonrpc":"2.0","id":1,"result":{"secret":2}}]

                """;
        world.upstream.answers((_, response) -> stream(response).end(answers));
        assertThat(world.send(request("GET", "", SESSION)).body()).doesNotContain("secret");
    }

    @Test
    void aStopEndsRunningCallsAndStreams() throws Exception {
        beginSession();
        world.upstream.answers((_, response) -> stream(response).write(": here\n\n"));
        try (Wire call = world.connect();
                Wire listening = world.connect()) {
            call.send(request("POST", tool("echo", "{}"), SESSION));
            call.head();
            call.chunk();
            listening.send(request("GET", "", SESSION));
            listening.head();
            listening.chunk();
            world.stopped.put(delegation.taskId().value(), Reason.TASK_ENDED);
            world.gateway.stopped(Stop.of(d -> d.taskId().equals(delegation.taskId())));

            assertThat(call.untilEnd()).contains("isError").contains("task_ended");
            listening.untilEnd();
        }
        world.gateway.settled(delegation.taskId()).toCompletableFuture().get(5, TimeUnit.SECONDS);
        assertThat(world.records(AuditRecord.Outcome.class))
                .extracting(record -> record.outcome().end())
                .containsExactlyInAnyOrder(End.COMPLETE, End.CUT_BY_REVOCATION, End.CUT_BY_REVOCATION);
    }

    @Test
    void aCancelledCallIsSettledAsItsClientsDoing() throws Exception {
        beginSession();
        answersCallsAndTakesNotices(response -> stream(response).write(": here\n\n"));
        try (Wire call = world.connect()) {
            call.send(request("POST", tool("echo", "{}"), SESSION));
            call.head();
            call.chunk();

            assertThat(call(CANCEL_1, SESSION).status()).isEqualTo(202);

            assertThat(call.untilEnd()).isEmpty();
        }
        assertCut("echo");
        world.upstream.awaitBroken();
        assertThat(world.upstream.received().getLast().body().toString()).isEqualTo(CANCEL_1);
        assertThat(ofAction("notifications/cancelled")).isNotNull();
    }

    @Test
    void aCallThatIsCancelledBeforeItsAnswerBeginsGetsNone() throws Exception {
        beginSession();
        answersCallsAndTakesNotices(_ -> {});
        try (Wire call = world.connect()) {
            call.send(request("POST", tool("echo", "{}"), SESSION));
            world.await(
                    AuditRecord.Intent.class, intent -> intent.call().action().equals("echo"));

            assertThat(call(CANCEL_1, SESSION).status()).isEqualTo(202);

            Wire.Answer answer = call.receive();
            assertThat(answer.status()).isEqualTo(202);
            assertThat(answer.body()).isEmpty();
        }
        assertCut("echo");
    }

    @Test
    void aCallOfAnotherSessionCannotBeCancelled() throws Exception {
        beginSession();
        beginSession(delegation, "s2");
        Delegation other = world.delegation();
        beginSession(other, "s3");
        CompletableFuture<HttpServerResponse> open = new CompletableFuture<>();
        answersCallsAndTakesNotices(response -> {
            stream(response).write(": here\n\n");
            open.complete(response);
        });
        try (Wire call = world.connect()) {
            call.send(request("POST", tool("echo", "{}"), SESSION));
            call.head();
            call.chunk();

            assertThat(call(CANCEL_1, "Mcp-Session-Id: s2\r\n").status()).isEqualTo(202);
            assertThat(call(CANCEL_1, "").status()).isEqualTo(202);
            assertThat(call(CANCEL_1.replace("1}", "\"1\"}"), SESSION).status()).isEqualTo(202);
            assertThat(callAs(other, CANCEL_1, "Mcp-Session-Id: s3\r\n").status())
                    .isEqualTo(202);
            assertThat(callAs(other, CANCEL_1, SESSION).status()).isEqualTo(404);

            open.get(10, TimeUnit.SECONDS).end("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n");
            assertThat(call.untilEnd()).contains("result");
        }
        assertThat(outcomeOf("echo").outcome().end()).isEqualTo(End.COMPLETE);
    }

    @Test
    void aNoticeThatCancelsWhatIsNoIdIsRefused() throws Exception {
        Wire.Answer answer = call(CANCEL_1.replace("1}", "[1]}"), "");
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains("request_malformed");
    }

    private void answersCallsAndTakesNotices(Consumer<HttpServerResponse> calls) {
        world.upstream.answers((received, response) -> {
            if (received.body().toString().contains("notifications/")) {
                response.setStatusCode(202).end();
            } else {
                calls.accept(response);
            }
        });
    }

    private void assertCut(String action) throws InterruptedException {
        assertThat(outcomeOf(action).outcome().end()).isEqualTo(End.CUT_BY_CLIENT);
    }

    private AuditRecord.Outcome outcomeOf(String action) throws InterruptedException {
        String intent = ofAction(action).header().id();
        return world.await(AuditRecord.Outcome.class, outcome -> outcome.of().equals(intent));
    }

    private AuditRecord.Intent ofAction(String action) throws InterruptedException {
        return world.await(
                AuditRecord.Intent.class, intent -> intent.call().action().equals(action));
    }

    @Test
    void anEndlessLineOfItsStreamIsTheServersFault() throws Exception {
        world.upstream.answers((_, response) -> withoutLineEnd(
                response.putHeader("content-type", "text/event-stream").setChunked(true)));

        Wire.Answer answer = call(tool("echo", "{}"), "");
        assertThat(answer.body()).contains("upstream_unavailable").doesNotContain("xxx");
        assertThat(world.outcome().outcome().end()).isEqualTo(End.CUT_BY_UPSTREAM);
    }

    private static void withoutLineEnd(HttpServerResponse response) {
        response.write("x".repeat(1 << 16)).onSuccess(_ -> withoutLineEnd(response));
    }

    @Test
    void linksAToolCallToTheReplyThatPlannedIt() throws Exception {
        world.upstream.answersJson("""
                {"choices":[{"message":{"tool_calls":[\
                {"id":"call_a","function":{"name":"echo","arguments":"{\\"b\\": 2.0, \\"a\\": 1}"}},\
                {"id":"call_b","function":{"name":"echo","arguments":"{}"}}]}}]}""");
        world.post(delegation, "/llm/openai/v1/chat/completions", "{\"model\":\"small\"}");
        String plan =
                world.records(AuditRecord.Intent.class).getFirst().header().id();
        world.upstream.answersJson("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}");

        call(tool("echo", "{\"a\":1,\"b\":2}"), "");
        assertThat(lastPlan()).contains(new PlannedBy(plan, PlannedBy.Match.ARGUMENTS));
        call(tool("echo", "{\"a\":1,\"b\":2}"), "");
        assertThat(lastPlan()).isEmpty(); // claimed already
        call(
                message(
                        "1",
                        "tools/call",
                        "{\"name\":\"echo\",\"arguments\":{\"z\":1},\"_meta\":{\"io.behalf/tool_call_id\":\"call_b\"}}"),
                "");
        assertThat(lastPlan()).contains(new PlannedBy(plan, PlannedBy.Match.ID));
    }

    private Optional<PlannedBy> lastPlan() {
        return world.records(AuditRecord.Intent.class).getLast().plannedBy();
    }

    private void beginSession() throws IOException {
        beginSession(delegation, "s1");
    }

    private void beginSession(Delegation whose, String session) throws IOException {
        world.upstream.answers((_, response) -> response.putHeader("content-type", "application/json")
                .putHeader("mcp-session-id", session)
                .end("{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}"));
        assertThat(callAs(whose, INITIALIZE, "").header("mcp-session-id")).contains(session);
    }

    private Wire.Answer call(String body, String headers) throws IOException {
        return callAs(delegation, body, headers);
    }

    private Wire.Answer callAs(Delegation caller, String body, String headers) throws IOException {
        return world.send(request(caller, "POST", body, headers));
    }

    private String request(String method, String body, String headers) {
        return request(delegation, method, body, headers);
    }

    private String request(Delegation caller, String method, String body, String headers) {
        return world.request(
                method,
                MCP,
                world.credentials(caller, method, MCP)
                        + (body.isEmpty() ? "" : "Content-Type: application/json\r\n")
                        + "MCP-Protocol-Version: 2025-11-25\r\n" + headers,
                body);
    }

    private static String tool(String tool, String arguments) {
        return message("1", "tools/call", "{\"name\":\"" + tool + "\",\"arguments\":" + arguments + "}");
    }

    private static String message(String id, String method, String params) {
        return "{\"jsonrpc\":\"2.0\",\"id\":" + id + ",\"method\":\"" + method + "\",\"params\":" + params + "}";
    }

    private static HttpServerResponse stream(HttpServerResponse response) {
        return response.putHeader("content-type", "text/event-stream").setChunked(true);
    }
}

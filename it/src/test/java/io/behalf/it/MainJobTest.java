package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * What Behalf is for, with its real parts: a task from its beginning to its end, and then told from any of its records.
 * {@code examples/main-job} says how a person does the same.
 */
@Tag("keycloak")
@Tag("node")
@ExtendWith(RealParts.class)
class MainJobTest {
    private static final String CHAT = "/llm/openai/v1/chat/completions";
    private static final Pattern APPROVAL_PAGE = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/approve/\\S+");
    /** Tokens live 45 seconds here, and are renewed in their last third. */
    private static final Duration RENEWED_WITHIN = Duration.ofSeconds(60);
    /** Once the last open call has settled, 30 seconds at most. */
    private static final Duration CLOSED_WITHIN = Duration.ofSeconds(40);

    private static final Duration STOPS_WITHIN = Duration.ofSeconds(1);
    private static final Duration LOOK_AGAIN_AFTER = Duration.ofSeconds(1);

    private static final String TICKET = "/http/tickets/tickets/t-103";

    @TempDir
    static Path folder;

    private static MainJob job;

    @BeforeAll
    static void start(Keycloak keycloak, ScriptedModel model, ToolServer tools) {
        job = MainJob.start(folder, keycloak, model, tools);
    }

    @AfterAll
    static void stop() {
        job.close();
    }

    @Test
    void tellsTheTaskThatAnApplicationStartedWithAlicesToken() throws Exception {
        var login = job.realm().tokens("alice");
        try (var agent = job.agentOf(login);
                var child = job.agent("summarizer")) {
            asksTheModelWhichPlans(agent);
            usesToolsAndReadsTheRefusal(agent);
            assertThat(agent.get(TICKET).body()).contains("Export stops");

            job.realm().logout(login);
            assertThat(job.realm().sessionLives(login)).isFalse();
            agent.renew();
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(200);

            child.takeOver(agent.handOver("summarizer", "tickets:read"));
            assertThat(child.get(TICKET).statusCode()).isEqualTo(200);
            assertThat(child.post(CHAT, question("How many were opened?")).statusCode())
                    .isEqualTo(403);

            isStoppedInTheMiddleOfAnAnswer(agent);
            assertThat(agent.get(TICKET).statusCode()).isEqualTo(401);

            var told = toldFromEveryKindOfRecord(agent.task());
            tellsForWhom(told, "asserted", "application");
            tellsOfBothAgents(told);
            tellsEachCall(told);
            tellsWhatBecameOfTheTask(told, "approved", "issued", "renewed", "narrowed", "revoked", "ended");
            verifiesOffline("asserted");
        }
    }

    @Test
    void tellsTheTaskThatAliceApproved() throws Exception {
        try (var alice = Person.ofThisMachine();
                var agent = AgentProgram.start(run(), job.server().environment())) {
            var page = URI.create(agent.told(APPROVAL_PAGE).group());
            assertThat(alice.approve(page, "alice"))
                    .contains(MainJob.TASK, "ask the model", "search the archive", "read tickets")
                    .doesNotContain("environment");

            var offered = agent.until("tools").last();
            var task = offered.path("task").asText();
            assertThat(offered.path("names").toString()).isEqualTo("[\"echo\",\"get-sum\"]");
            worksAndReadsTheRefusal(agent.work(MainJob.TASK));

            job.realm().logoutEverywhere("alice");
            isRenewed(task);
            assertThat(agent.work("How many were opened?")
                            .tool("get-sum")
                            .path("text")
                            .asText())
                    .isEqualTo("The sum of 3 and 4 is 7.");

            agent.tell("Tell me everything about them");
            agent.until("streaming");
            job.server().told("revoke", "--task", task, "--reason", "alice has asked for it");
            assertThat(agent.until("done", "failed").last().path("error").toString())
                    .contains("delegation_revoked");
            assertThat(agent.work("How many were opened?").last().path("status").asInt())
                    .isEqualTo(401);
            assertThat(agent.end()).isZero();

            var told = toldFromEveryKindOfRecord(task);
            tellsForWhom(told, "interactive", "provider");
            assertThat(agents(told)).containsExactly("local");
            tellsEachCall(told);
            tellsWhatBecameOfTheTask(told, "approved", "issued", "logout_seen", "renewed", "revoked", "ended");
            verifiesOffline("approved");
        }
    }

    /** Where there is no browser the same steps by HTTP lead to the same approval. */
    @Test
    void isApprovedWithoutABrowserToo() throws Exception {
        try (var bob = new Person.ByHttp();
                var agent = AgentProgram.start(run(), job.server().environment())) {
            var page = URI.create(agent.told(APPROVAL_PAGE).group());
            assertThat(bob.approve(page, "bob")).contains(MainJob.TASK);

            var task = agent.until("tools").last().path("task").asText();
            assertThat(agent.end()).isZero();
            isClosed(task);
            var told = job.server().api("/tasks/" + task);
            assertThat(told.path("person").path("name").asText()).isEqualTo("Bob Baker");
            assertThat(told.path("chain").path("closed").path("reason").asText())
                    .isEqualTo("task_ended");
        }
    }

    /** The agent is a program in JavaScript that knows nothing of Behalf; this is what a person types before it. */
    private static List<String> run() {
        return Stream.concat(
                        Command.behalf().stream(),
                        Stream.of("run", "--task", MainJob.TASK, "--scope", MainJob.SCOPE, "--"))
                .toList();
    }

    private static void worksAndReadsTheRefusal(AgentProgram.Steps steps) {
        assertThat(steps.of("model"))
                .hasSize(2)
                .allSatisfy(reply -> assertThat(reply.path("chunks").asInt()).isGreaterThan(3));
        assertThat(steps.tool("echo").path("text").asText()).isEqualTo("Echo: enterprise, third quarter");
        var refused = steps.tool("get-env");
        assertThat(refused.path("error").asBoolean()).isTrue();
        assertThat(refused.path("refusal").path("reason").asText()).isEqualTo("scope_exceeded");
        assertThat(refused.path("text").asText()).contains("read the server's environment");
        assertThat(steps.of("service").getFirst().path("text").asText()).contains("Export stops");
        assertThat(steps.of("model").getLast().path("content").asText()).contains("went on without");
    }

    /** By whoever holds the delegation, in time, without alice. */
    private static void isRenewed(String task) throws InterruptedException {
        var deadline = Instant.now().plus(RENEWED_WITHIN);
        while (job.server().api("/tasks/" + task).path("steps").findValuesAsText("event").stream()
                .noneMatch("renewed"::equals)) {
            assertThat(Instant.now()).isBefore(deadline);
            Thread.sleep(LOOK_AGAIN_AFTER);
        }
    }

    private static void asksTheModelWhichPlans(HandMadeAgent agent) {
        try (var lines = agent.stream(CHAT, question(MainJob.TASK)).body()) {
            assertThat(lines.filter(line -> !line.isEmpty()))
                    .allMatch(line -> line.startsWith("data: "))
                    .anyMatch(line -> line.contains("\"tool_calls\""))
                    .last()
                    .isEqualTo("data: [DONE]");
        }
    }

    private static void usesToolsAndReadsTheRefusal(HandMadeAgent agent) {
        var tools = HandMadeTools.connect(agent, "/mcp/tools");

        assertThat(StreamSupport.stream(tools.list().spliterator(), false)
                        .map(tool -> tool.path("name").asText()))
                .containsExactlyInAnyOrder("echo", "get-sum");
        assertThat(tools.call("echo", "{\"message\": \"enterprise, third quarter\"}")
                        .toString())
                .contains("Echo: enterprise, third quarter");
        var refused = tools.call("get-env", "{}");
        assertThat(refused.path("isError").asBoolean()).isTrue();
        assertThat(refused.path("_meta")
                        .path("io.behalf/refusal")
                        .path("reason")
                        .asText())
                .isEqualTo("scope_exceeded");
        assertThat(refused.path("content").path(0).path("text").asText()).contains("read the server's environment");
    }

    private static void isStoppedInTheMiddleOfAnAnswer(HandMadeAgent agent) {
        try (var lines =
                agent.stream(CHAT, question("Tell me everything about them")).body()) {
            var rest = lines.filter(line -> !line.isEmpty()).iterator();
            assertThat(rest.next()).startsWith("data: ");

            job.server().told("revoke", "--task", agent.task(), "--reason", "alice has asked for it");

            assertThat(Stream.iterate(rest, left -> left.hasNext(), left -> left)
                            .map(left -> left.next())
                            .toList())
                    .doesNotContain("data: [DONE]")
                    .last()
                    .asString()
                    .contains("delegation_revoked");
        }
    }

    /** The same page, whatever one comes from; and the same again. */
    private static JsonNode toldFromEveryKindOfRecord(String task) throws InterruptedException {
        var server = job.server();
        isClosed(task);
        var page = server.told("task", task);
        var told = server.json("task", task, "--json");
        assertThat(server.told("task", task)).isEqualTo(page);
        for (var record : oneOfEachKind(told)) {
            assertThat(server.told("task", "--record", record)).as(record).isEqualTo(page);
        }
        var asked = call(told, "openai", "chat");
        assertThat(server.told(
                        "task", "--trace", asked.path("trace").path("trace_id").asText()))
                .isEqualTo(page);
        assertThat(server.told(
                        "task", "--token", asked.path("delegation").path("jti").asText()))
                .isEqualTo(page);
        var planned = asked.path("ending").path("tool_calls").path(0).path("id").asText();
        assertThat(server.told("task", "--tool-call", planned)).isEqualTo(page);
        return told;
    }

    private static void isClosed(String task) throws InterruptedException {
        var deadline = Instant.now().plus(CLOSED_WITHIN);
        while (job.server().api("/tasks/" + task).path("chain").path("closed").isMissingNode()) {
            assertThat(Instant.now()).isBefore(deadline);
            Thread.sleep(LOOK_AGAIN_AFTER);
        }
    }

    private static List<String> oneOfEachKind(JsonNode told) {
        var service = call(told, "tickets", "read");
        var records = List.of(
                service.path("record").asText(),
                service.path("ending").path("record").asText(),
                service.path("downstream").path(0).path("record").asText(),
                refusal(told, "tools", "get-env").path("record").asText(),
                event(told, "issued").path("record").asText());
        assertThat(records).allMatch(record -> record.startsWith("rec_"));
        return records;
    }

    private static void tellsForWhom(JsonNode told, String approvalKind, String voucher) {
        assertThat(told.path("person").path("name").asText()).isEqualTo("Alice Archer");
        assertThat(told.path("approved_text").asText()).contains(MainJob.TASK);
        assertThat(told.path("approvals")).hasSize(1);
        var approval = told.path("approvals").path(0);
        assertThat(approval.path("approval_kind").asText()).isEqualTo(approvalKind);
        assertThat(approval.path("approved_by_person").asBoolean()).isEqualTo(voucher.equals("provider"));
        assertThat(approval.path("vouched_for_by").asText()).isEqualTo(voucher);
        assertThat(approval.path("subject_commitment").asText()).hasSize(64);
    }

    private static List<String> agents(JsonNode told) {
        return told.path("agents").findValuesAsText("id");
    }

    private static void tellsOfBothAgents(JsonNode told) {
        assertThat(agents(told)).containsExactly("ticket-agent", "summarizer");
        var child = told.path("agents").path(1);
        assertThat(child.path("above").toString()).isEqualTo("[\"ticket-agent\"]");
        assertThat(child.path("narrower").asBoolean()).isTrue();
        assertThat(calls(told, "tickets", "read").getLast().path("actors").toString())
                .isEqualTo("[\"summarizer\",\"ticket-agent\"]");
        var beyondItsPart = refusal(told, "openai", "chat");
        assertThat(beyondItsPart.path("actors").path(0).asText()).isEqualTo("summarizer");
        assertThat(beyondItsPart.path("decision").path("reason").asText()).isEqualTo("scope_exceeded");
    }

    private static void tellsEachCall(JsonNode told) {
        assertThat(told.path("policies")).hasSize(1);
        assertThat(steps(told, "call")).isNotEmpty().allSatisfy(call -> {
            assertThat(call.path("decision").path("effect").asText()).isEqualTo("permit");
            assertThat(call.path("decision").path("policy_sha256"))
                    .isEqualTo(told.path("policies").path(0));
        });

        var model = call(told, "openai", "chat");
        assertThat(model.path("ending").path("tool_calls")).hasSize(3);
        var tool = call(told, "tools", "echo");
        assertThat(tool.path("planned_by").path("record")).isEqualTo(model.path("record"));
        assertThat(tool.path("ending").path("end").asText()).isEqualTo("complete");

        var refused = refusal(told, "tools", "get-env");
        assertThat(refused.path("decision").path("effect").asText()).isEqualTo("refuse");
        assertThat(refused.path("decision").path("reason").asText()).isEqualTo("scope_exceeded");

        assertThat(calls(told, "tickets", "read")).isNotEmpty().allSatisfy(MainJobTest::isToldByTheServiceToo);
        isCutAtOnce(calls(told, "openai", "chat").getLast().path("ending"), event(told, "revoked"));
    }

    private static void isCutAtOnce(JsonNode ending, JsonNode stop) {
        assertThat(ending.path("end").asText()).isEqualTo("cut_by_revocation");
        assertThat(ending.path("reason").asText()).isEqualTo("delegation_revoked");
        assertThat(Duration.between(time(stop), time(ending))).isLessThan(STOPS_WITHIN);
    }

    private static Instant time(JsonNode record) {
        return Instant.parse(record.path("time").asText());
    }

    /** Under the service's own key, with its own decision about the same ticket. */
    private static void isToldByTheServiceToo(JsonNode call) {
        assertThat(call.path("call").path("resources").toString()).isEqualTo("[\"tickets/t-103\"]");
        assertThat(call.path("downstream")).hasSize(1);
        var said = call.path("downstream").path(0);
        assertThat(said.path("call").path("resources"))
                .isEqualTo(call.path("call").path("resources"));
        assertThat(said.path("decision").path("effect").asText()).isEqualTo("permit");
        assertThat(said.path("seen_jti")).isNotEqualTo(call.path("delegation").path("jti"));
    }

    private static void tellsWhatBecameOfTheTask(JsonNode told, String... events) {
        assertThat(steps(told, "lifecycle").stream()
                        .map(step -> step.path("event").asText()))
                .containsSubsequence(events);
        assertThat(event(told, "revoked").path("data").path("reason").asText()).isEqualTo("alice has asked for it");
        assertThat(told.path("chain").path("whole").asBoolean()).isTrue();
    }

    /** With a copy, without the server, its write-ahead files and its keys. */
    private static void verifiesOffline(String name) {
        job.server().stop();
        var copy = LedgerCopy.of(job.server().data(), folder.resolve("copy-" + name));

        var verified = Command.behalf(folder, "verify", copy.folder().toString());

        assertThat(verified.exit()).as(verified.said()).isZero();
        job.server().startAgain();
    }

    private static JsonNode call(JsonNode told, String service, String action) {
        return calls(told, service, action).getFirst();
    }

    private static List<JsonNode> calls(JsonNode told, String service, String action) {
        return of(steps(told, "call"), service, action);
    }

    private static JsonNode refusal(JsonNode told, String service, String action) {
        return of(steps(told, "refusal"), service, action).getFirst();
    }

    private static List<JsonNode> of(List<JsonNode> steps, String service, String action) {
        return steps.stream()
                .filter(step -> step.path("call").path("service").asText().equals(service))
                .filter(step -> step.path("call").path("action").asText().equals(action))
                .toList();
    }

    private static JsonNode event(JsonNode told, String name) {
        return steps(told, "lifecycle").stream()
                .filter(step -> step.path("event").asText().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name + " in " + told));
    }

    private static List<JsonNode> steps(JsonNode told, String kind) {
        return StreamSupport.stream(told.path("steps").spliterator(), false)
                .filter(step -> step.path("kind").asText().equals(kind))
                .toList();
    }

    private static String question(String words) {
        return """
                {"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "%s"}]}""".formatted(words);
    }
}

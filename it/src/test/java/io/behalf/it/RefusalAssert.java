package io.behalf.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.behalf.core.delegation.Reason;
import java.net.http.HttpResponse;

/** What an agent is told when it is refused, in the shape of its protocol, and what the record says of it. */
final class RefusalAssert {
    private final BehalfServer server;
    private final Reason reason;
    private final HttpResponse<String> answer;
    private final JsonNode facts;

    private RefusalAssert(BehalfServer server, Reason reason, HttpResponse<String> answer, JsonNode facts) {
        this.server = server;
        this.reason = reason;
        this.answer = answer;
        this.facts = facts;
        assertThat(facts.path("reason").asText()).as(answer.body()).isEqualTo(reason.code());
        if (reason.challenges()) {
            // RFC 6750 §3, RFC 9449 §7.1
            assertThat(answer.headers().allValues("www-authenticate"))
                    .anySatisfy(challenge -> assertThat(challenge).startsWith("DPoP"));
        }
    }

    /** RFC 9457 problem details, with the reason's own status. */
    static RefusalAssert problem(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        var problem = BehalfServer.parsed(answer.body());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(reason.status());
        assertThat(answer.headers().firstValue("content-type")).hasValue("application/problem+json");
        assertThat(problem.path("status").asInt()).isEqualTo(reason.status());
        assertThat(problem.path("detail").asText()).isNotBlank();
        return new RefusalAssert(server, reason, answer, problem);
    }

    /** OpenAI's error object. */
    static RefusalAssert modelError(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        var error = BehalfServer.parsed(answer.body()).path("error");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(reason.status());
        assertThat(error.path("message").asText()).isNotBlank();
        assertThat(error.path("code").asText()).isEqualTo(reason.code());
        return new RefusalAssert(server, reason, answer, error);
    }

    /** Anthropic's error object. */
    static RefusalAssert messagesError(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        var body = BehalfServer.parsed(answer.body());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(reason.status());
        assertThat(body.path("type").asText()).isEqualTo("error");
        assertThat(body.path("error").path("type").asText()).isNotBlank();
        assertThat(body.path("error").path("message").asText()).isNotBlank();
        return new RefusalAssert(server, reason, answer, body.path("error"));
    }

    /** A JSON-RPC error: what an MCP client is told before the delegation is valid. */
    static RefusalAssert rpcError(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        var body = BehalfServer.parsed(answer.body());
        var error = body.path("error");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(reason.status());
        assertThat(answer.headers().firstValue("content-type")).hasValue("application/json");
        assertThat(body.path("jsonrpc").asText()).isEqualTo("2.0");
        assertThat(error.path("code").asInt()).isEqualTo(reason == Reason.REQUEST_MALFORMED ? -32600 : -32001);
        assertThat(error.path("message").asText()).isNotBlank();
        return new RefusalAssert(server, reason, answer, error.path("data"));
    }

    /** A tool result that the model reads as an error, and the program goes on. */
    static RefusalAssert toolResult(BehalfServer server, HttpResponse<String> answer, Reason reason) {
        var body = answer.body().startsWith("{") ? answer.body() : HandMadeTools.dataOf(answer.body());
        var result = BehalfServer.parsed(body).path("result");
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        assertThat(result.path("isError").asBoolean()).as(answer.body()).isTrue();
        assertThat(result.path("content").path(0).path("text").asText()).isNotBlank();
        return new RefusalAssert(server, reason, answer, result.path("_meta").path("io.behalf/refusal"));
    }

    /** The agent had proved who it is: the refusal stands in its task. */
    RefusalAssert recordedIn(String task) {
        var id = facts.path("record").asText();
        assertThat(facts.path("task").asText()).isEqualTo(task);
        assertThat(answer.headers().firstValue("behalf-record")).hasValue(id);
        var story = server.taskOf(id);
        var step = BehalfServer.step(story, id);
        assertThat(story.path("task_id").asText()).isEqualTo(task);
        assertThat(step.path("kind").asText()).isEqualTo("refusal");
        assertThat(step.path("decision").path("effect").asText()).isEqualTo("refuse");
        assertThat(step.path("decision").path("enforced").asBoolean()).isTrue();
        assertThat(step.path("decision").path("reason").asText()).isEqualTo(reason.code());
        return this;
    }

    /** As {@link #recordedIn}, by this rule. */
    RefusalAssert byRule(String rule) {
        assertThat(server.step(facts.path("record").asText())
                        .path("decision")
                        .path("rules")
                        .toString())
                .contains(rule);
        return this;
    }

    /** Nobody had proved who it is: no record of its own, and nothing in the answer that leads to a task. */
    void onlyCounted() {
        assertThat(facts.has("record")).isFalse();
        assertThat(facts.has("task")).isFalse();
        assertThat(answer.headers().firstValue("behalf-record")).isEmpty();
        assertThat(answer.headers().firstValue("behalf-task")).isEmpty();
    }
}

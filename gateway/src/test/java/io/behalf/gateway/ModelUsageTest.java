package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord.Usage;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a provider says was used: all of it counts against the limit, cached or not, whole or streamed. */
class ModelUsageTest {
    private static final long LIMIT = 1_000;

    private World world;

    @BeforeEach
    void begin() throws Exception {
        world = new World();
    }

    @AfterEach
    void end() {
        world.close();
    }

    enum Told {
        ANTHROPIC_CACHED(anthropic("""
                "input_tokens":5,"cache_read_input_tokens":90000,"cache_creation_input_tokens":80000,"output_tokens":7"""), 170_005, 7),
        ANTHROPIC_WITHOUT_CACHE(anthropic("""
                "input_tokens":995,"cache_read_input_tokens":null,"cache_creation_input_tokens":0,"output_tokens":5"""), 995, 5),
        ANTHROPIC_COMPACTED(anthropic("""
                "input_tokens":23000,"output_tokens":1000,"iterations":[\
                {"type":"compaction","input_tokens":180000,"cache_read_input_tokens":0,"output_tokens":3500},\
                {"type":"message","input_tokens":22000,"cache_creation_input_tokens":1000,"output_tokens":1000}]"""), 203_000, 4_500),
        ANTHROPIC_ENDLESS(anthropic("""
                "input_tokens":9223372036854775807,"cache_read_input_tokens":9223372036854775807,\
                "cache_creation_input_tokens":-9223372036854775807,"output_tokens":-1"""), 1L << 53, 0),
        ANTHROPIC_STREAMED(
                events(
                        "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":9000,\"cache_creation_input_tokens\":800,\"output_tokens\":1}}}",
                        "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7}}",
                        "{\"type\":\"message_stop\"}"),
                9_805,
                7),
        ANTHROPIC_STREAMED_IN_TOTALS(
                events(
                        "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":9000,\"output_tokens\":1}}}",
                        "{\"type\":\"message_delta\",\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":18000,\"cache_creation_input_tokens\":70,\"output_tokens\":7}}",
                        "{\"type\":\"message_stop\"}"),
                18_076,
                7),
        ANTHROPIC_STREAMED_TO_NOTHING(
                events(
                        "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":9000,\"output_tokens\":3}}}",
                        "{\"type\":\"message_delta\",\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":0}}",
                        "{\"type\":\"message_stop\"}"),
                9_005,
                3),
        OPENAI_CACHED("""
                {"usage":{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,\
                "prompt_tokens_details":{"cached_tokens":1920}}}""", 2_006, 300),
        OPENAI_WITH_REASONING_IN_THE_TOTAL_ALONE("""
                {"usage":{"prompt_tokens":30,"completion_tokens":9,"total_tokens":2039,\
                "completion_tokens_details":{"reasoning_tokens":2000}}}""", 30, 2_009),
        OPENAI_STREAMED(
                events(
                        "{\"choices\":[],\"usage\":{\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,\"prompt_tokens_details\":{\"cached_tokens\":1920}}}",
                        "[DONE]"),
                2_006,
                300);

        private final String answer;
        private final long input;
        private final long output;

        Told(String answer, long input, long output) {
            this.answer = answer;
            this.input = input;
            this.output = output;
        }

        String service() {
            return name().startsWith("ANTHROPIC") ? "anthropic" : "openai";
        }

        String path() {
            return "/llm/" + service() + (service().equals("openai") ? "/v1/chat/completions" : "/v1/messages");
        }
    }

    private static String anthropic(String usage) {
        return "{\"content\":[],\"usage\":{" + usage + "}}";
    }

    private static String events(String... events) {
        return "data: " + String.join("\n\ndata: ", events) + "\n\n";
    }

    @ParameterizedTest
    @EnumSource
    void countsWhateverWasUsed(Told told) throws Exception {
        Delegation limited = limited(told);
        assertThat(ask(limited, told).status()).isEqualTo(200);
        assertThat(world.outcome().outcome().usage()).contains(new Usage(told.input, told.output));
        assertThat(world.task(limited).tokens())
                .isEqualTo(told.input + told.output)
                .isGreaterThanOrEqualTo(LIMIT);

        Wire.Answer second = ask(limited, told);
        assertThat(second.status()).isEqualTo(403);
        assertThat(OpenAiChatTest.reason(second)).isEqualTo("limit_exceeded");
        assertThat(world.upstream.received()).hasSize(1);
    }

    private Wire.Answer ask(Delegation limited, Told told) throws IOException {
        String type = told.answer.startsWith("data:") ? "text/event-stream" : "application/json";
        world.upstream.answers(
                (_, response) -> response.putHeader("content-type", type).end(told.answer));
        return world.post(limited, told.path(), "{\"model\":\"small\"}");
    }

    private Delegation limited(Told told) {
        return Delegations.of(
                world.delegation(),
                new BehalfTask(
                        "Count",
                        Scope.of(Permission.of(told.service(), List.of("chat", "messages"))),
                        new Limits(OptionalLong.empty(), OptionalLong.of(LIMIT), OptionalLong.empty()),
                        Optional.empty(),
                        Optional.empty()));
    }
}

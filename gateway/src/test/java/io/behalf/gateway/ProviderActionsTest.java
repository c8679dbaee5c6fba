package io.behalf.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.AuditRecord.Intent;
import io.behalf.core.record.AuditRecord.Refused;
import io.behalf.policy.PolicySource;
import io.behalf.policy.Rule;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Requests that make the model's provider act or fetch by itself: what it then does passes no gateway, so that whoever may
 * only ask the model could call every server there is.
 */
@Execution(ExecutionMode.SAME_THREAD)
class ProviderActionsTest {
    private static final AtomicInteger AGENTS = new AtomicInteger();
    private static World world;

    private String agent = "";

    enum Provider {
        OPENAI("openai", "chat", "/llm/openai/v1/chat/completions"),
        ANTHROPIC("anthropic", "messages", "/llm/anthropic/v1/messages");

        final String service;
        final String action;
        final String path;

        Provider(String service, String action, String path) {
            this.service = service;
            this.action = action;
            this.path = path;
        }
    }

    @BeforeAll
    static void begin() throws Exception {
        world = new World();
        world.upstream.answersJson("{}");
    }

    @AfterAll
    static void end() {
        world.close();
    }

    /** Of its own for each test: one agent's refusals are recorded up to a number a minute. */
    @BeforeEach
    void another() {
        agent = "agent-" + AGENTS.incrementAndGet();
    }

    static Stream<Arguments> acting() {
        return Stream.of(
                        both("mcp_servers", """
                                "mcp_servers":[{"type":"url","url":"https://tools.example/mcp","name":"evil"}]"""),
                        both("container", "\"container\":\"container_1\""),
                        both("container", "\"container\":{\"skills\":[{\"type\":\"custom\",\"skill_id\":\"s\"}]}"),
                        both("web_search_options", "\"web_search_options\":{}"),
                        both("plugins", "\"plugins\":[{\"id\":\"web\"}]"),
                        both("plugins", "\"plugins\":[\"web\"]"),
                        both("thread", "\"thread\":{\"type\":\"continue\",\"id\":\"t\"}"),
                        both("search_parameters", "\"search_parameters\":{\"mode\":\"auto\"}"),
                        both("extra_body", "\"extra_body\":{\"enable_search\":true}"),
                        both("nobody_knows_it", "\"nobody_knows_it\":[[{}]]"),
                        both("enable_search", "\"enable_search\":true"),
                        both("web_search", "\"web_search\":\"on\""),
                        both("search", "\"search\":1"),
                        both("Search_Mode", "\"Search_Mode\":\"auto\""),
                        both("file_ids", "\"file_ids\":[\"file_1\"]"),
                        both("tools (web_search_20250305)", tool("\"type\":\"web_search_20250305\",\"name\":\"s\"")),
                        both("tools (web_fetch_20250910)", tool("\"type\":\"web_fetch_20250910\",\"name\":\"f\"")),
                        both("tools (code_execution_20250825)", tool("\"type\":\"code_execution_20250825\"")),
                        both("tools (mcp_toolset)", tool("\"type\":\"mcp_toolset\",\"mcp_server_name\":\"evil\"")),
                        both("tools (mcp)", tool("\"type\":\"mcp\",\"server_url\":\"https://tools.example\"")),
                        both("tools (bash_code_execution_20250825)", tool("\"type\":\"bash_code_execution_20250825\"")),
                        both("tools (builtin_function)", tool("\"type\":\"builtin_function\",\"function\":{}")),
                        both("tools", tool("\"type\":{\"a\":1}")),
                        both("tools", "\"tools\":[\"web_search\"]"),
                        both("tools", "\"tools\":{\"type\":\"function\"}"),
                        both("tools", "\"tools\":\"web_search\""),
                        both("tool_choice (web_search)", "\"tool_choice\":{\"type\":\"web_search\"}"),
                        both("tool_choice (web_search)", "\"tool_choice\":\"web_search\""),
                        both("tool_choice", "\"tool_choice\":[\"web_search\"]"),
                        both("source (url)", says(source("\"type\":\"url\",\"url\":\"https://x.example/a\""))),
                        both("source (file)", says(source("\"type\":\"file\",\"file_id\":\"file_1\""))),
                        both("source (next)", says(source("\"type\":\"next\""))),
                        both("source", says(source("\"kind\":\"url\""))),
                        both("url", says(source("\"type\":\"base64\",\"data\":\"\",\"url\":\"https://x.example\""))),
                        both("file_id", says(source("\"type\":\"text\",\"data\":\"\",\"file_id\":7"))),
                        both("source", says("{\"type\":\"image\",\"source\":\"https://x.example\"}")),
                        both("source", says("{\"type\":\"image\",\"source\":[\"https://x.example\"]}")),
                        both(
                                "source (url)",
                                says("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":["
                                        + source("\"type\":\"url\",\"url\":\"https://x.example/a\"") + "]}")),
                        both(
                                "source (file)",
                                says("{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":["
                                        + source("\"type\":\"file\",\"file_id\":\"f\"") + "]}}")),
                        both(
                                "source (url)",
                                "\"system\":[" + source("\"type\":\"url\",\"url\":\"https://x.example\"") + "]"),
                        both("source (url)", "\"system\":" + source("\"type\":\"url\",\"url\":\"https://x.example\"")),
                        both(
                                "source (url)",
                                "\"messages\":{\"role\":\"user\",\"content\":"
                                        + source("\"type\":\"url\",\"url\":\"https://x.example\"") + "}"),
                        both(
                                "source (url)",
                                "\"messages\":[[{\"role\":\"user\",\"content\":[["
                                        + source("\"type\":\"url\",\"url\":\"https://x.example\"") + "]]}]]"),
                        both("content (container_upload)", says("{\"type\":\"container_upload\",\"file_id\":\"f\"}")),
                        both(
                                "content (tool_addition)",
                                says("{\"type\":\"tool_addition\",\"tool\":{\"type\":\"tool_definition\"}}")),
                        both(
                                "content (server_tool_use)",
                                says(
                                        "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_fetch\",\"input\":{}}")),
                        both("content", says("{\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}")),
                        both(
                                "tool_changes",
                                says(
                                        "{\"type\":\"compaction\",\"content\":\"x\",\"tool_changes\":[{\"type\":\"tool_addition\"}]}")),
                        both(
                                "url",
                                says(
                                        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example/a?secret\"}}")),
                        both("url", says("{\"type\":\"image_url\",\"image_url\":{\"url\":\"//x.example/a\"}}")),
                        both("url", says("{\"type\":\"image_url\",\"image_url\":{\"url\":\" data:image/png\"}}")),
                        both("image_url", says("{\"type\":\"image_url\",\"image_url\":\"https://x.example/a\"}")),
                        both("image_url", says("{\"type\":\"text\",\"text\":\"\",\"image_url\":\"http://x.example\"}")),
                        both("url", says("{\"type\":\"video_url\",\"video_url\":{\"url\":\"file:/etc/passwd\"}}")),
                        both("file_id", says("{\"type\":\"file\",\"file\":{\"file_id\":\"file_1\"}}")),
                        both("file_data", says("{\"type\":\"file\",\"file\":{\"file_data\":\"https://x.example/a\"}}")),
                        both(
                                "data",
                                says("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"https://x.example/a\"}}")),
                        both(
                                "image_url",
                                "\"messages\":[{\"role\":\"user\",\"content\":\"\",\"image_url\":\"https://x.example\"}]"),
                        both(
                                "documents",
                                "\"messages\":[{\"role\":\"user\",\"content\":\"\",\"documents\":[{\"id\":1}]}]"),
                        both(
                                "url",
                                "\"prediction\":{\"type\":\"content\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x.example\"}}]}"),
                        Stream.of(Arguments.of(
                                Provider.OPENAI, "tools (custom_search)", tool("\"type\":\"custom_search\""))),
                        Stream.of(Arguments.of(Provider.OPENAI, "tools", tool("\"google_search\":{}"))),
                        Stream.of(Arguments.of(
                                Provider.ANTHROPIC,
                                "tools (function)",
                                tool("\"type\":\"function\",\"function\":{\"name\":\"f\"}"))))
                .flatMap(all -> all);
    }

    @ParameterizedTest
    @MethodSource("acting")
    void areAnActionOfTheirOwn(Provider provider, String member, String members) throws Exception {
        String body = "{\"model\":\"small\"," + members + "}";
        int sent = world.upstream.received().size();

        Wire.Answer answer = world.post(may(provider, provider.action), provider.path, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(403);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("scope_exceeded");
        assertThat(message(answer)).endsWith("What makes it \"provider_actions\": " + member + ".");
        assertThat(world.upstream.received()).hasSize(sent);
        assertThat(refused().call().action()).isEqualTo("provider_actions");
        assertThat(refused().call().model()).contains("small");

        for (String named : List.of("provider_actions", "*")) {
            assertThat(world.post(may(provider, named), provider.path, body).status())
                    .isEqualTo(200);
            assertThat(world.upstream.received().getLast().body()).hasToString(body);
            assertThat(world.records(Intent.class).getLast().call().action()).isEqualTo("provider_actions");
        }
    }

    static Stream<Arguments> harmless() {
        return Stream.of(
                        both("\"metadata\":{\"user_id\":\"u\"},\"stream\":false,\"temperature\":0.5,\"n\":1"),
                        both("\"tool_choice\":\"auto\",\"parallel_tool_calls\":true,\"stop\":[\"a\"]"),
                        both("\"mcp_servers\":[],\"container\":null,\"enable_search\":false,\"tools\":[]"),
                        both("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}},\"stream_options\":{}"),
                        both("\"prediction\":{\"type\":\"content\",\"content\":\"see https://x.example\"}"),
                        both("\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\"}"),
                        both("\"context_management\":{\"edits\":[{\"type\":\"compact_20260112\"}]}"),
                        both(
                                "\"reasoning\":{\"effort\":\"high\"},\"logit_bias\":{\"1\":2},\"audio\":{\"voice\":\"v\"}"),
                        both("\"functions\":[{\"name\":\"f\",\"parameters\":{\"url\":\"https://x.example\"}}]"),
                        both("\"nobody_knows_it\":7,\"nor_these\":[\"a\",\"b\"]"),
                        both("\"system\":\"Read https://x.example\""),
                        both("\"messages\":[{\"role\":\"user\",\"content\":\"Read https://x.example\"}]"),
                        both(
                                says(
                                        "{\"type\":\"text\",\"text\":\"https://x.example\",\"cache_control\":{\"type\":\"ephemeral\"}}")),
                        both(says(source("\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"//8=\""))),
                        both(
                                says(
                                        "{\"type\":\"document\",\"title\":\"t\",\"source\":{\"type\":\"text\",\"data\":\"at https://x.example\"}}")),
                        both(
                                says(
                                        "{\"type\":\"search_result\",\"source\":\"https://x.example\",\"title\":\"\",\"content\":[{\"type\":\"text\",\"text\":\"\"}]}")),
                        both(
                                says(
                                        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"open\",\"input\":{\"URL\":\"https://x.example\",\"source\":{\"type\":\"url\"}}}")),
                        both(
                                says(
                                        "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"tool_reference\",\"tool_name\":\"a\"}]}")),
                        both(
                                says(
                                        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"Data:image/png;base64,AA\",\"detail\":\"low\"}}")),
                        both(says("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,AA\"}")),
                        both(
                                says(
                                        "{\"type\":\"file\",\"file\":{\"filename\":\"c://a.pdf\",\"file_data\":\"data:application/pdf;base64,AA\"}}")),
                        both(says("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"//uQ\",\"format\":\"mp3\"}}")),
                        both(
                                "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"annotations\":[{\"url_citation\":{\"url\":\"https://x.example\"}}],"
                                        + "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]"),
                        Stream.of(
                                Arguments.of(
                                        Provider.OPENAI,
                                        tool("\"type\":\"function\",\"function\":{\"name\":\"search\"}")),
                                Arguments.of(Provider.OPENAI, tool("\"type\":\"custom\",\"custom\":{\"name\":\"f\"}")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"name\":\"web_search\",\"input_schema\":{}")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":null,\"name\":\"f\"")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":\"custom\",\"name\":\"f\"")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":\"bash_20250124\",\"name\":\"bash\"")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":\"text_editor_20250728\"")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":\"computer_20250124\"")),
                                Arguments.of(Provider.ANTHROPIC, tool("\"type\":\"memory_20250818\""))))
                .flatMap(all -> all);
    }

    @ParameterizedTest
    @MethodSource("harmless")
    void areNoneOfWhatOnlyTheModelReads(Provider provider, String members) throws Exception {
        String body = "{\"model\":\"small\"," + members + "}";
        Wire.Answer answer = world.post(may(provider, provider.action), provider.path, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(world.records(Intent.class).getLast().call().action()).isEqualTo(provider.action);
        assertThat(world.post(may(provider, "provider_actions"), provider.path, body)
                        .status())
                .isEqualTo(403);
    }

    static Stream<Arguments> inAnotherCase() {
        return Stream.of(
                        both("\"Mcp_Servers\":[]"),
                        both("\"Container\":\"c\""),
                        both("\"TOOLS\":[]"),
                        both("\"tool\\u017f\":[]"),
                        both("\"Messages\":[]"),
                        both("\"messages\":[],\"Messages\":[]"),
                        both("\"System\":\"\""),
                        both("\"web_search_Options\":{}"),
                        both("\"Models\":[\"large\"]"),
                        both(tool("\"type\":\"custom\",\"Type\":\"web_search\"")),
                        both("\"tool_choice\":{\"type\":\"auto\",\"TYPE\":\"web_search\"}"),
                        both("\"messages\":[{\"role\":\"user\",\"Content\":\"\"}]"),
                        both(says("{\"type\":\"text\",\"text\":\"\",\"Type\":\"image\"}")),
                        both(says("{\"type\":\"image\",\"Source\":{}}")),
                        both(says(source("\"type\":\"base64\",\"TYPE\":\"url\""))),
                        both(says(source("\"type\":\"base64\",\"Url\":\"https://x.example\""))),
                        both(says("{\"type\":\"image_url\",\"Image_Url\":\"x\"}")),
                        both(says("{\"type\":\"image_url\",\"image_url\":{\"URL\":\"x\"}}")),
                        both(says("{\"type\":\"file\",\"file\":{\"File_Id\":\"x\"}}")),
                        both(says("{\"type\":\"tool_result\",\"content\":[{\"type\":\"text\",\"CONTENT\":[]}]}")))
                .flatMap(all -> all);
    }

    /** Which of two members a provider reads is not known here, so that not even everything covers it. */
    @ParameterizedTest
    @MethodSource("inAnotherCase")
    void membersInAnotherCaseAreReadByNobody(Provider provider, String members) throws Exception {
        int sent = world.upstream.received().size();
        Wire.Answer answer = world.post(may(provider, "*"), provider.path, "{\"model\":\"small\"," + members + "}");
        assertThat(answer.status()).as(answer.body()).isEqualTo(400);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("request_malformed");
        assertThat(world.upstream.received()).hasSize(sent);
    }

    static Stream<Arguments> otherModels() {
        return Stream.of(
                        both("\"models\":[\"huge\"]"),
                        both("\"fallbacks\":[{\"model\":\"huge\"}]"),
                        both("\"fallbacks\":\"default\""),
                        both("\"fallback_model\":\"huge\""))
                .flatMap(all -> all);
    }

    @ParameterizedTest
    @MethodSource("otherModels")
    void noPermissionForOneModelCoversARequestThatAnotherMayAnswer(Provider provider, String members) throws Exception {
        String body = "{\"model\":\"small\"," + members + "}";
        Delegation one =
                may(Permission.of(provider.service, List.of("*"), List.of(), Map.of("model", List.of("small"))));
        Wire.Answer answer = world.post(one, provider.path, body);
        assertThat(answer.status()).as(answer.body()).isEqualTo(403);
        assertThat(OpenAiChatTest.reason(answer)).isEqualTo("scope_exceeded");
        assertThat(world.post(one, provider.path, "{\"model\":\"small\",\"tools\":[\"x\"]}")
                        .status())
                .isEqualTo(200);
        assertThat(world.post(may(provider, provider.action), provider.path, body)
                        .status())
                .isEqualTo(403);
        assertThat(world.post(may(provider, "provider_actions"), provider.path, body)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void areCountedAsTheyWereSentWhenOnlyTokensAreCounted() throws Exception {
        String body = "{\"model\":\"small\"," + says(source("\"type\":\"url\",\"url\":\"https://x.example\"")) + "}";
        String path = "/llm/anthropic/v1/messages/count_tokens";
        assertThat(world.post(may(Provider.ANTHROPIC, "messages"), path, body).status())
                .isEqualTo(403);
        assertThat(world.post(may(Provider.ANTHROPIC, "provider_actions"), path, body)
                        .status())
                .isEqualTo(200);
    }

    /** A permission of one model holds for this action as for the plain one. */
    @Test
    void areLimitedByTheirModel() throws Exception {
        Delegation one =
                may(Permission.of("openai", List.of("provider_actions"), List.of(), Map.of("model", List.of("small"))));
        String rest = ",\"web_search_options\":{}}";
        assertThat(world.post(one, Provider.OPENAI.path, "{\"model\":\"small\"" + rest)
                        .status())
                .isEqualTo(200);
        assertThat(world.post(one, Provider.OPENAI.path, "{\"model\":\"huge\"" + rest)
                        .status())
                .isEqualTo(403);
    }

    @Test
    void areForbiddenByARuleThatNamesThem() throws Exception {
        PolicySource forbids = new PolicySource(
                List.of(Rule.of("nothing-by-itself", Rule.Effect.FORBID, Set.of(), Set.of("provider_actions"), "true")),
                List.of(),
                Set.of(),
                true,
                4);
        try (World strict = new World(UnaryOperator.identity(), forbids)) {
            strict.upstream.answersJson("{}");
            Delegation all =
                    Delegations.of(strict.delegation(), World.task(Scope.of(Permission.of("openai", List.of("*")))));
            Wire.Answer answer = strict.post(all, Provider.OPENAI.path, "{\"model\":\"small\",\"container\":\"c\"}");
            assertThat(OpenAiChatTest.reason(answer)).isEqualTo("policy_denied");
            assertThat(message(answer)).endsWith("What makes it \"provider_actions\": container.");
            assertThat(strict.post(all, Provider.OPENAI.path, "{\"model\":\"small\"}")
                            .status())
                    .isEqualTo(200);
        }
    }

    @Test
    void aLongNameIsNotRepeatedWhole() throws Exception {
        String body = "{\"model\":\"small\",\"" + "x".repeat(4_000) + "\":{}}";
        Wire.Answer answer = world.post(may(Provider.OPENAI, "chat"), Provider.OPENAI.path, body);
        assertThat(message(answer)).endsWith("x….").hasSizeLessThan(400);
    }

    /** The models that may be asked to act are shown, too. */
    @Test
    void showTheModelsThatMayBeAskedForThem() throws Exception {
        world.upstream.answersJson("{\"data\":[{\"id\":\"small\"},{\"id\":\"huge\"}]}");
        Delegation one =
                may(Permission.of("openai", List.of("provider_actions"), List.of(), Map.of("model", List.of("small"))));
        assertThat(world.get(one, "/llm/openai/v1/models").body())
                .contains("small")
                .doesNotContain("huge");
        world.upstream.answersJson("{}");
    }

    private Delegation may(Provider provider, String action) {
        return may(Permission.of(provider.service, List.of(action)));
    }

    private Delegation may(Permission permission) {
        return Delegations.of(Delegations.by(world.delegation(), List.of(agent)), World.task(Scope.of(permission)));
    }

    private Refused refused() {
        return world.records(AuditRecord.Refused.class).getLast();
    }

    private static String message(Wire.Answer answer) throws IOException {
        return Fields.string(Fields.object(answer.json(), "error"), "message").orElse("none");
    }

    private static Stream<Arguments> both(String member, String members) {
        return Stream.of(Provider.values()).map(provider -> Arguments.of(provider, member, members));
    }

    private static Stream<Arguments> both(String members) {
        return Stream.of(Provider.values()).map(provider -> Arguments.of(provider, members));
    }

    private static String says(String block) {
        return "\"messages\":[{\"role\":\"user\",\"content\":[" + block + "]}]";
    }

    private static String source(String members) {
        return "{\"type\":\"image\",\"source\":{" + members + "}}";
    }

    private static String tool(String members) {
        return "\"tools\":[{" + members + "}]";
    }
}

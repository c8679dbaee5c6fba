package io.behalf.server;

import io.behalf.core.delegation.TaskId;
import java.net.URI;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The environment of a run's program: its own, with addresses and keys that lead to the sidecar, and without those that lead
 * past it. Each name is one that some program reads; {@code docs/run.md} says which one, and what was tried.
 */
final class RunEnvironment {
    /** Keys that providers take: a program that holds one can do without the task. */
    static final List<String> KEYS = List.of(
            "OPENAI_API_KEY",
            "OPENAI_ADMIN_KEY",
            "AZURE_OPENAI_API_KEY",
            "CODEX_API_KEY",
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY");

    /** Switches that make a program ask another cloud than the address it is given. */
    static final List<String> DETOURS =
            List.of("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "GOOGLE_GENAI_USE_VERTEXAI");

    private static final String LOOPBACK = "127.0.0.1";

    private RunEnvironment() {}

    /** What of a person's own environment is not handed on. */
    static List<String> withheld(Map<String, String> own) {
        return Stream.concat(KEYS.stream(), DETOURS.stream())
                .filter(own::containsKey)
                .toList();
    }

    static Map<String, String> of(
            Map<String, String> own, ServerFacts server, URI sidecar, String secret, TaskId task) {
        Map<String, String> out = new LinkedHashMap<>(own);
        withheld(own).forEach(out::remove);
        model(server, "openai").ifPresent(route -> {
            out.put("OPENAI_BASE_URL", sidecar + route.path() + "/v1");
            out.put("OPENAI_API_KEY", secret);
            // the Agents SDK would send traces to OpenAI itself, and the key with them
            out.put("OPENAI_AGENTS_DISABLE_TRACING", "1");
        });
        model(server, "anthropic").ifPresent(route -> {
            out.put("ANTHROPIC_BASE_URL", sidecar + route.path());
            out.put("ANTHROPIC_AUTH_TOKEN", secret);
        });
        model(server, "gemini").ifPresent(route -> {
            out.put("GOOGLE_GEMINI_BASE_URL", sidecar + route.path());
            out.put("GEMINI_API_KEY", secret);
        });
        tools(server).findFirst().ifPresent(first -> out.put("BEHALF_MCP_URL", sidecar + first.path()));
        tools(server).forEach(route -> out.put(nameOf(route), sidecar + route.path()));
        out.put("BEHALF_URL", sidecar.toString());
        out.put("BEHALF_TASK", task.value());
        out.put("BEHALF_KEY", secret);
        // some programs read the one, some the other; a proxy elsewhere cannot reach this machine's loopback
        out.put("NO_PROXY", withLoopback(own.getOrDefault("NO_PROXY", "")));
        out.put("no_proxy", withLoopback(own.getOrDefault("no_proxy", "")));
        return out;
    }

    private static Optional<ServerFacts.Served> model(ServerFacts server, String protocol) {
        return server.routes().stream().filter(route -> route.speaks(protocol)).findFirst();
    }

    private static Stream<ServerFacts.Served> tools(ServerFacts server) {
        return server.routes().stream().filter(ServerFacts.Served::offersTools);
    }

    /** Route names are lower-case letters, digits and hyphens, so no two become one. */
    private static String nameOf(ServerFacts.Served route) {
        return "BEHALF_MCP_" + route.name().toUpperCase(Locale.ROOT).replace('-', '_') + "_URL";
    }

    private static String withLoopback(String hosts) {
        List<String> listed = Stream.of(hosts.split(","))
                .map(String::strip)
                .filter(host -> !host.isEmpty())
                .toList();
        return listed.contains(LOOPBACK) || listed.contains("*")
                ? hosts
                : Stream.concat(listed.stream(), Stream.of(LOOPBACK)).collect(Collectors.joining(","));
    }
}

package io.behalf.gateway.llm;

import io.behalf.gateway.Fields;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What in a request makes its provider act or fetch by itself: run tools of its own, call other servers, keep a
 * container, read an address, or files that it holds. It would do so outside scope, policy and record, so such a request
 * is an action of its own.
 *
 * <p>Providers are told what to do by structures, so each that is not known to be harmless counts; a plain value that
 * nobody knows passes, unless its name speaks of searching or acting. What is known is known from the references of both
 * APIs in November 2026, and from servers that copy them.
 *
 * @param because the first member found, for people; empty where there is none
 * @param otherModels whether another model than the one named may answer
 * @param clear false where a reader that does not tell capitals from small letters may find other members
 */
record ProviderActions(Optional<String> because, boolean otherModels, boolean clear) {
    /** As permissions name it. */
    static final String ACTION = "provider_actions";

    /** Longest piece of a request that is repeated in a sentence. */
    private static final int MAX_SHOWN = 80;

    /** Members of a request that make the provider neither act nor fetch, or that are looked into. */
    private static final Set<String> HARMLESS = Set.of(
            // both
            "messages",
            "metadata",
            "model",
            "stream",
            "tool_choice",
            "tools",
            // Anthropic
            "cache_control",
            "compaction",
            "context_management",
            "diagnostics",
            "output_config",
            "output_format",
            "stop_sequences",
            "system",
            "thinking",
            // OpenAI; moderation asks another model about the same texts
            "audio",
            "function_call",
            "functions",
            "logit_bias",
            "max_tool_calls",
            "modalities",
            "moderation",
            "parallel_tool_calls",
            "prediction",
            "prompt_cache_options",
            "response_format",
            "stop",
            "stream_options",
            // servers that copy them
            "chat_template_kwargs",
            "guided_json",
            "reasoning",
            "structured_outputs",
            "tool_stream",
            "usage");

    /** Whatever their value: an empty object is enough for some of them. */
    private static final Set<String> ACTING = Set.of("container", "mcp_servers", "web_search_options", "plugins");

    /** Models to turn to where the one named does not answer. */
    private static final Set<String> OTHER_MODELS =
            Set.of("fallback", "fallback_model", "fallback_models", "fallbacks", "models");

    /** What the name of a plain member says if it switches on searching or acting, as {@code enable_search} does. */
    private static final Pattern SPEAKING = Pattern.compile(
            "agent|brows|code_exec|connector|container|crawl|fetch|grounding|internet|interpreter|mcp|online"
                    + "|plugin|retriev|search|tool|url|web|(^|_)files?(_|$)");

    private static final Set<String> CHOICES =
            Set.of("allowed_tools", "any", "auto", "custom", "function", "none", "required", "tool");

    private static final Set<String> MESSAGE = Set.of(
            "annotations",
            "cache_control",
            "citations",
            "clear_at",
            "content",
            "extra_content",
            "function_call",
            "name",
            "output_config",
            "prefix",
            "provider_specific_fields",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "refusal",
            "role",
            "thinking_blocks",
            "tool_call_id",
            "tool_calls");

    private static final Set<String> BLOCKS = Set.of(
            "audio_url",
            "compaction",
            "document",
            "file",
            "image",
            "image_url",
            "input_audio",
            "redacted_thinking",
            "refusal",
            "search_result",
            "text",
            "thinking",
            "tool_reference",
            "tool_result",
            "tool_use",
            "video_url");

    /** Members of a block that are words for the model, or about it. */
    private static final Set<String> WORDS = Set.of(
            "annotations",
            "cache_control",
            "caller",
            "citations",
            "context",
            "data",
            "detail",
            "encrypted_content",
            "id",
            "input",
            "is_error",
            "name",
            "prompt_cache_breakpoint",
            "refusal",
            "signature",
            "text",
            "thinking",
            "title",
            "tool_name",
            "tool_use_id",
            "type");

    /** Members of a block that carry, or point at, what is no text. */
    private static final Set<String> MEDIA = Set.of("audio_url", "file", "image_url", "input_audio", "video_url");

    /** Members of what is carried, and of an Anthropic block's source. */
    private static final Set<String> CARRIED = Set.of(
            "content", "data", "detail", "file_data", "file_id", "filename", "format", "media_type", "type", "url");

    /** Sources whose content stands in the request itself. */
    private static final Set<String> INLINE = Set.of("base64", "content", "text");

    private static final Set<String> LOOKED_AT = union(HARMLESS, ACTING, OTHER_MODELS);
    private static final Set<String> BLOCK = union(WORDS, MEDIA, Set.of("content", "source", "file_id", "url"));

    /** @param byAgent whether a tool is one that the agent's side carries out */
    static ProviderActions in(Map<?, ?> request, Predicate<Map<?, ?>> byAgent) {
        Look look = new Look(byAgent);
        look.at(request);
        return new ProviderActions(Optional.ofNullable(look.found), look.otherModels, look.clear);
    }

    /** One walk through a request, as deep as its JSON may be. */
    private static final class Look {
        private final Predicate<Map<?, ?>> byAgent;
        private @Nullable String found;
        private boolean otherModels;
        private boolean clear = true;

        Look(Predicate<Map<?, ?>> byAgent) {
            this.byAgent = byAgent;
        }

        private void at(Map<?, ?> request) {
            readsOneWay(request, LOOKED_AT);
            members(request, (name, value) -> {
                switch (name) {
                    case "messages", "prediction" -> each(value, this::message);
                    case "system" -> each(value, this::block);
                    case "tools" -> tools(value);
                    case "tool_choice" -> choice(value);
                    case String _ -> setting(name, value);
                }
            });
        }

        private void setting(String name, Object value) {
            if (OTHER_MODELS.contains(name)) {
                otherModels = true;
                found(name);
            } else if (!HARMLESS.contains(name)
                    && (ACTING.contains(name)
                            || structured(value)
                            || SPEAKING.matcher(name.toLowerCase(Locale.ROOT)).find())) {
                found(name);
            }
        }

        private void tools(Object value) {
            if (!(value instanceof List<?> tools)) {
                found("tools");
                return;
            }
            for (Object each : tools) {
                if (!(each instanceof Map<?, ?> tool)) {
                    found("tools");
                    continue;
                }
                readsOneWay(tool, Set.of("type"));
                if (!byAgent.test(tool)) {
                    found("tools", tool.get("type"));
                }
            }
        }

        private void choice(Object value) {
            Object chosen = value;
            if (value instanceof Map<?, ?> choice) {
                readsOneWay(choice, Set.of("type"));
                chosen = choice.get("type");
            }
            if (!(chosen instanceof String type && CHOICES.contains(type))) {
                found("tool_choice", chosen);
            }
        }

        private void message(Map<?, ?> message) {
            readsOneWay(message, MESSAGE);
            members(message, (name, value) -> {
                if (name.equals("content")) {
                    each(value, this::block);
                } else if (!MESSAGE.contains(name)) {
                    other(name, value);
                }
            });
        }

        private void block(Map<?, ?> block) {
            readsOneWay(block, BLOCK);
            if (!(block.get("type") instanceof String type && BLOCKS.contains(type))) {
                found("content", block.get("type"));
            }
            members(block, (name, value) -> {
                if (name.equals("content")) {
                    each(value, this::block);
                } else if (name.equals("source")) {
                    source(block, value);
                } else if (MEDIA.contains(name)) {
                    carried(name, value);
                } else if (!WORDS.contains(name)) {
                    other(name, value);
                }
            });
        }

        private void source(Map<?, ?> block, Object value) {
            if (!(value instanceof Map<?, ?> source)) {
                if (!"search_result".equals(block.get("type"))) { // there it is the name of where the text is from
                    found("source");
                }
                return;
            }
            readsOneWay(source, CARRIED);
            if (!(source.get("type") instanceof String type && INLINE.contains(type))) {
                found("source", source.get("type"));
            }
            members(source, (name, inner) -> {
                if (name.equals("content")) {
                    each(inner, this::block);
                } else if (!name.equals("data")) {
                    carried(name, inner);
                }
            });
        }

        private void other(String name, Object value) {
            if (structured(value)) {
                found(name);
            } else {
                carried(name, value);
            }
        }

        /** Content that is carried is base64 or a {@code data:} address; any other address is fetched. */
        private void carried(String name, Object value) {
            switch (value) {
                case Map<?, ?> object -> {
                    readsOneWay(object, CARRIED);
                    members(object, this::carried);
                }
                case List<?> list -> {
                    for (Object item : list) {
                        if (item != null) {
                            carried(name, item);
                        }
                    }
                }
                case String text -> {
                    boolean address = name.endsWith("url") || (text.contains("://") && !name.equals("filename"));
                    if (name.equals("file_id") || (address && !text.regionMatches(true, 0, "data:", 0, 5))) {
                        found(name);
                    }
                }
                case Object _ -> {
                    if (name.equals("file_id") || name.endsWith("url")) {
                        found(name);
                    }
                }
            }
        }

        private void readsOneWay(Map<?, ?> object, Set<String> names) {
            clear &= !Fields.unclear(object, names);
        }

        private void found(String member) {
            if (found == null) {
                found = shown(member);
            }
        }

        private void found(String member, @Nullable Object which) {
            found(which instanceof String text ? member + " (" + shown(text) + ")" : member);
        }
    }

    private interface Member {
        void is(String name, Object value);
    }

    /** Those that say anything: nothing is switched on by null, false or an empty list. */
    private static void members(Map<?, ?> object, Member each) {
        object.forEach((name, value) -> {
            if (value != null && !Boolean.FALSE.equals(value) && !(value instanceof List<?> list && list.isEmpty())) {
                each.is((String) name, value);
            }
        });
    }

    /** Every object of a list, or the one that stands in place of it. */
    private static void each(@Nullable Object value, Consumer<Map<?, ?>> what) {
        if (value instanceof Map<?, ?> object) {
            what.accept(object);
        } else if (value instanceof List<?> list) {
            list.forEach(item -> each(item, what));
        }
    }

    private static boolean structured(@Nullable Object value) {
        return value instanceof Map<?, ?>
                || (value instanceof List<?> list && list.stream().anyMatch(ProviderActions::structured));
    }

    private static String shown(String foreign) {
        return foreign.length() <= MAX_SHOWN ? foreign : foreign.substring(0, MAX_SHOWN) + "…";
    }

    @SafeVarargs
    private static Set<String> union(Set<String>... sets) {
        Set<String> all = new LinkedHashSet<>();
        for (Set<String> set : sets) {
            all.addAll(set);
        }
        return Set.copyOf(all);
    }
}

package io.behalf.server;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * The keys under one heading. Each accessor notes that its key is known; a value of the wrong shape becomes a problem
 * and the fallback is used, so that the rest is read too. {@link #done} refuses the keys that nobody asked for.
 */
final class Section {
    /** Longest secret read from a file. */
    private static final int MAX_SECRET = 64 << 10;
    /** POSIX: "uppercase letters, digits, and the underscore" (XBD 8.1); what else a name may be is found all the same. */
    private static final Pattern VARIABLE = Pattern.compile("[A-Z_][A-Z0-9_]*");

    private final YamlFile file;
    private final String path;
    private final int line;
    private final Map<String, Entry> entries = new LinkedHashMap<>();
    private final List<String> known = new ArrayList<>();

    private record Entry(int line, Node value) {}

    Section(YamlFile file, String path, int line, List<NodeTuple> tuples) {
        this.file = file;
        this.path = path;
        this.line = line;
        for (NodeTuple tuple : tuples) {
            int at = tuple.getKeyNode().getStartMark().getLine() + 1;
            if (!(tuple.getKeyNode() instanceof ScalarNode name)) {
                file.refuse(at, path, "a key is a plain word");
            } else if (entries.putIfAbsent(name.getValue(), new Entry(at, tuple.getValueNode())) != null) {
                file.refuse(at, keyed(name.getValue()), "stands here a second time");
            }
        }
    }

    int line() {
        return line;
    }

    boolean has(String key) {
        return entries.containsKey(key);
    }

    /** Whether the file gives anything here at all. */
    boolean isEmpty() {
        return entries.isEmpty();
    }

    String text(String key) {
        return optionalText(key).orElseGet(() -> missing(key));
    }

    String text(String key, String fallback) {
        return optionalText(key).orElse(fallback);
    }

    Optional<String> optionalText(String key) {
        return value(key).flatMap(entry -> scalar(key, entry));
    }

    boolean flag(String key, boolean fallback) {
        return parsed(key, fallback, text -> switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("true or false");
        });
    }

    int number(String key, int fallback, int least, int most) {
        return parsed(key, fallback, text -> {
            String bounds = "a whole number from " + least + " to " + most;
            try {
                int n = Integer.parseInt(text);
                if (n >= least && n <= most) {
                    return n;
                }
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException(bounds, e);
            }
            throw new IllegalArgumentException(bounds);
        });
    }

    Duration duration(String key, Duration fallback) {
        return parsed(key, fallback, Quantities::duration);
    }

    long size(String key, long fallback) {
        return parsed(key, fallback, Quantities::size);
    }

    /** A word of an enum, in lower case with hyphens. */
    <E extends Enum<E>> E word(String key, Class<E> type, E fallback) {
        return parsed(key, fallback, text -> wordOf(type, text));
    }

    URI address(String key, URI fallback) {
        return parsed(key, fallback, text -> {
            try {
                return URI.create(text);
            } catch (IllegalArgumentException e) { // its message repeats the address, and a password that may be in it
                throw new IllegalArgumentException("an address, such as https://models.example/v2", e);
            }
        });
    }

    /** A file named relative to the configuration's own folder. */
    Optional<Path> path(String key) {
        return optionalText(key).map(file::resolve);
    }

    /** {@code {env: NAME}} or {@code {file: PATH}}; never the secret itself, which would end up in a repository. */
    Optional<String> secret(String key) {
        Optional<Entry> entry = value(key);
        if (entry.isEmpty()) {
            return Optional.empty();
        }
        if (!(entry.get().value() instanceof MappingNode mapping)) {
            refuse(key, "a secret is {env: NAME} or {file: PATH}, never written here");
            return Optional.empty();
        }
        Section source = new Section(file, keyed(key), entry.get().line(), mapping.getValue());
        Optional<String> name = source.optionalText("env");
        Optional<Path> from = source.path("file");
        source.done();
        if (name.isPresent() == from.isPresent()) {
            refuse(key, "a secret has exactly one of env and file");
            return Optional.empty();
        }
        return name.isPresent() ? fromEnvironment(key, name.get()) : fromFile(key, from.orElseThrow());
    }

    List<String> texts(String key) {
        List<String> out = new ArrayList<>();
        for (Node item : items(key)) {
            scalar(key, new Entry(item.getStartMark().getLine() + 1, item)).ifPresent(out::add);
        }
        return List.copyOf(out);
    }

    Section section(String key) {
        Optional<Entry> entry = value(key);
        if (entry.isPresent() && entry.get().value() instanceof MappingNode mapping) {
            return new Section(file, keyed(key), entry.get().line(), mapping.getValue());
        }
        if (entry.isPresent() && !isNull(entry.get().value())) {
            refuse(key, "a mapping of keys to values");
        }
        return new Section(file, keyed(key), entry.map(Entry::line).orElse(line), List.of());
    }

    /** A list of mappings. */
    List<Section> sections(String key) {
        List<Section> out = new ArrayList<>();
        for (Node item : items(key)) {
            int at = item.getStartMark().getLine() + 1;
            if (item instanceof MappingNode mapping) {
                out.add(new Section(file, keyed(key) + "[]", at, mapping.getValue()));
            } else {
                file.refuse(at, keyed(key), "a list of mappings");
            }
        }
        return List.copyOf(out);
    }

    /** A mapping whose keys are names that the file chooses. */
    Map<String, Section> named(String key) {
        Map<String, Section> out = new LinkedHashMap<>();
        Section names = section(key);
        names.entries.forEach((name, entry) -> {
            if (entry.value() instanceof MappingNode mapping) {
                out.put(name, new Section(file, names.path + ".<name>", entry.line(), mapping.getValue()));
            } else {
                file.refuse(entry.line(), names.keyed(name), "a mapping of keys to values");
            }
        });
        return out;
    }

    /** A mapping of free names to text. */
    Map<String, String> labels(String key) {
        Map<String, String> out = new LinkedHashMap<>();
        Section names = section(key);
        names.entries.forEach((name, entry) -> names.scalar(name, entry).ifPresent(text -> out.put(name, text)));
        return out;
    }

    /** A mapping of free names to lists of text. */
    Map<String, List<String>> lists(String key) {
        Map<String, List<String>> out = new LinkedHashMap<>();
        Section names = section(key);
        for (String name : names.entries.keySet()) {
            List<String> values = new ArrayList<>();
            for (Node item : names.itemsOf(name, names.entries.get(name))) {
                names.scalar(name, new Entry(item.getStartMark().getLine() + 1, item))
                        .ifPresent(values::add);
            }
            out.put(name, List.copyOf(values));
        }
        return out;
    }

    /**
     * What {@code maker} makes of this section. Its objection becomes a problem here, unless the section already has
     * one: an objection to a fallback would only confuse.
     *
     * @param before {@link YamlFile#problemCount} from before the section was read
     */
    <T> Optional<T> make(int before, Supplier<T> maker) {
        if (file.problemCount() > before) {
            return Optional.empty();
        }
        try {
            return Optional.of(maker.get());
        } catch (IllegalArgumentException e) {
            file.refuse(line, path, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    int problemCount() {
        return file.problemCount();
    }

    void refuse(String key, String message) {
        Entry entry = entries.get(key);
        file.refuse(entry == null ? line : entry.line(), keyed(key), message);
    }

    /** Refuses what nobody asked for. */
    void done() {
        entries.forEach((name, entry) -> {
            if (!known.contains(name)) {
                String near = NearestName.of(name, known)
                        .map(n -> "; did you mean " + n + "?")
                        .orElse("; known here: "
                                + String.join(", ", known.stream().sorted().toList()));
                file.refuse(entry.line(), keyed(name), "unknown key" + near);
            }
        });
    }

    private <T> T parsed(String key, T fallback, Function<String, T> parser) {
        Optional<String> text = optionalText(key);
        if (text.isEmpty()) {
            return fallback;
        }
        try {
            return parser.apply(text.get());
        } catch (IllegalArgumentException e) {
            refuse(key, String.valueOf(e.getMessage()));
            return fallback;
        }
    }

    private static <E extends Enum<E>> E wordOf(Class<E> type, String text) {
        List<String> words = new ArrayList<>();
        for (E constant : type.getEnumConstants()) {
            String word = constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
            if (word.equals(text)) {
                return constant;
            }
            words.add(word);
        }
        throw new IllegalArgumentException("one of " + String.join(", ", words));
    }

    private Optional<String> fromEnvironment(String key, String name) {
        @Nullable String value = file.environment().get(name);
        if (value == null || value.isEmpty()) {
            // whoever wrote the secret itself here is not helped by reading it again in a log
            refuse(
                    key,
                    VARIABLE.matcher(name).matches()
                            ? "the environment has no " + name
                            : "env is the name of a variable: capital letters, digits and underscores");
            return Optional.empty();
        }
        return Optional.of(value);
    }

    private Optional<String> fromFile(String key, Path from) {
        try {
            if (Files.size(from) > MAX_SECRET) {
                refuse(key, "the file is larger than " + MAX_SECRET + " bytes");
                return Optional.empty();
            }
            return Optional.of(Files.readString(from).strip());
        } catch (IOException e) {
            refuse(key, "the file " + from + " cannot be read");
            return Optional.empty();
        }
    }

    private Optional<Entry> value(String key) {
        known.add(key);
        file.ask(keyed(key));
        return Optional.ofNullable(entries.get(key)).filter(entry -> !isNull(entry.value()));
    }

    private List<Node> items(String key) {
        return value(key).map(entry -> itemsOf(key, entry)).orElse(List.of());
    }

    private List<Node> itemsOf(String key, @Nullable Entry entry) {
        if (entry != null && entry.value() instanceof SequenceNode sequence) {
            return sequence.getValue();
        }
        refuse(key, "a list");
        return List.of();
    }

    private Optional<String> scalar(String key, Entry entry) {
        if (entry.value() instanceof ScalarNode scalar) {
            return Optional.of(scalar.getValue());
        }
        file.refuse(entry.line(), keyed(key), "one value, not a list or mapping");
        return Optional.empty();
    }

    private String missing(String key) {
        if (!has(key)) {
            file.refuse(line, keyed(key), "is missing");
        }
        return "";
    }

    private static boolean isNull(Node node) {
        return node.getTag().equals(Tag.NULL);
    }

    private String keyed(String key) {
        return path.isEmpty() ? key : path + "." + key;
    }

    @Override
    public String toString() {
        return path + Arrays.toString(entries.keySet().toArray());
    }
}

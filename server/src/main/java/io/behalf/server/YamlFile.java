package io.behalf.server;

import java.io.StringReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;

/**
 * A YAML text as a tree of {@link Section}s that remember their lines. Reading goes on after a problem, so that all are
 * told together. Not thread-safe.
 */
final class YamlFile {
    /** Largest configuration read, in characters. */
    static final int MAX_LENGTH = 4 << 20;
    /** Aliases that may stand for collections: a few are useful, many are an attack by expansion. */
    private static final int MAX_ALIASES = 50;
    /** Problems told at once; more would only hide the first. */
    private static final int MAX_PROBLEMS = 100;

    private final List<Problem> problems = new ArrayList<>();
    private final Set<String> asked = new TreeSet<>();
    private final Map<String, String> environment;
    private final Path directory;
    private final Section root;

    /**
     * @param environment where secrets named by {@code env} are looked up
     * @param directory what relative paths start from
     */
    YamlFile(String text, Map<String, String> environment, Path directory) {
        this.environment = Map.copyOf(environment);
        this.directory = directory;
        this.root = parse(text);
    }

    Section root() {
        return root;
    }

    void refuse(int line, String key, String message) {
        Problem problem = new Problem(line, key, message);
        if (problems.size() < MAX_PROBLEMS && !problems.contains(problem)) {
            problems.add(problem);
        }
    }

    List<Problem> problems() {
        List<Problem> sorted = new ArrayList<>(problems);
        Collections.sort(sorted);
        return List.copyOf(sorted);
    }

    int problemCount() {
        return problems.size();
    }

    /** Every key that a reader asked for, whether the file has it or not: what the documentation must name. */
    Set<String> asked() {
        return Collections.unmodifiableSet(asked);
    }

    void ask(String key) {
        asked.add(key);
    }

    Map<String, String> environment() {
        return environment;
    }

    Path resolve(String path) {
        return directory.resolve(path);
    }

    private Section parse(String text) {
        Section empty = new Section(this, "", 0, List.of());
        if (text.length() > MAX_LENGTH) {
            refuse(0, "", "longer than " + MAX_LENGTH + " characters");
            return empty;
        }
        LoaderOptions options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        options.setMaxAliasesForCollections(MAX_ALIASES);
        options.setCodePointLimit(MAX_LENGTH);
        try {
            Node node = new Yaml(new SafeConstructor(options)).compose(new StringReader(text));
            if (node == null) {
                return empty;
            }
            if (node instanceof MappingNode mapping) {
                return new Section(this, "", 1, mapping.getValue());
            }
            refuse(1, "", "the file is a mapping of keys to values");
        } catch (MarkedYAMLException e) {
            int line = e.getProblemMark() == null ? 0 : e.getProblemMark().getLine() + 1;
            refuse(line, "", "not YAML: " + told(String.valueOf(e.getProblem())));
        } catch (YAMLException e) {
            refuse(0, "", "not YAML");
        }
        return empty;
    }

    /** The parser repeats an alias that it does not know, which is what a secret looks like that begins with an asterisk. */
    private static String told(String problem) {
        return problem.contains("alias") ? "an alias of nothing; quote a value that begins with *" : problem;
    }
}

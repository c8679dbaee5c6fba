package io.behalf.server;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Configurations for tests. */
final class Configurations {
    static final Map<String, String> ENVIRONMENT = Map.of(
            "CORP_SECRET", "corp-secret",
            "AGENT_SECRET", "agent-secret-of-more-than-32-characters",
            "TOOLS_KEY", "tools-key");

    private Configurations() {}

    static YamlFile everyKey() throws IOException {
        Path path = resource("every-key.yaml");
        return new YamlFile(Files.readString(path), ENVIRONMENT, path.resolveSibling(""));
    }

    static YamlFile text(String yaml) {
        return new YamlFile(yaml, ENVIRONMENT, resource("every-key.yaml").resolveSibling(""));
    }

    static Configuration accepted(YamlFile file) {
        return switch (ConfigurationReader.read(file)) {
            case ReadConfiguration.Accepted(var configuration) -> configuration;
            case ReadConfiguration.Rejected(var problems) -> throw new AssertionError(problems.toString());
        };
    }

    static List<String> problems(String yaml) {
        return switch (ConfigurationReader.read(text(yaml))) {
            case ReadConfiguration.Accepted _ -> List.of();
            case ReadConfiguration.Rejected(var problems) ->
                problems.stream().map(Problem::toString).toList();
        };
    }

    static Path resource(String name) {
        URL url = Configurations.class.getResource(name);
        if (url == null) {
            throw new AssertionError("no resource " + name);
        }
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}

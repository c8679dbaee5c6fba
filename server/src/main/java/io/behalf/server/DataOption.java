package io.behalf.server;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** {@code --data}, of every command that reads a data directory. */
final class DataOption {
    @Option(
            names = "--data",
            paramLabel = "DIR",
            defaultValue = "${env:BEHALF_DATA:-./behalf-data}",
            description = "The data directory; else BEHALF_DATA, else ./behalf-data.")
    private Path data = Path.of("behalf-data");

    DataOption() {}

    Path path() {
        return data;
    }

    DataDirectory directory() {
        return DataDirectory.of(data, System.getenv());
    }
}

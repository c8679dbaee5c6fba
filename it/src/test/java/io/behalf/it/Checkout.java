package io.behalf.it;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Where this source tree stands, whatever directory the tests were started in. */
final class Checkout {
    private static final Path ROOT = Stream.iterate(Path.of("").toAbsolutePath(), Path::getParent)
            .filter(folder -> Files.isExecutable(folder.resolve("behalf")))
            .findFirst()
            .orElseThrow();

    private Checkout() {}

    static Path root() {
        return ROOT;
    }

    static Path file(String path) {
        return ROOT.resolve(path);
    }
}

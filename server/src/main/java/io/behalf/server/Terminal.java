package io.behalf.server;

import java.io.Console;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;

/** The terminal that a command may have been typed at, and the person before it. */
final class Terminal {
    private Terminal() {}

    /** Whether input and output are one. */
    static boolean isThere() {
        return Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    }

    /** Opens the page in the person's browser, where there is one to be opened; the address is printed in any case. */
    static void show(URI page) {
        if (!isThere()) {
            return;
        }
        boolean mac = System.getProperty("os.name", "").startsWith("Mac");
        try {
            new ProcessBuilder(List.of(mac ? "open" : "xdg-open", page.toString()))
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException none) {
            // no desktop: whoever reads the address opens it
        }
    }
}

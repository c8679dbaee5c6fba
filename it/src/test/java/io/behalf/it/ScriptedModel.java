package io.behalf.it;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * The npm package {@code @copilotkit/aimock}: a server that speaks the wire of the model providers and answers from the
 * scripts in {@code aimock/}, streamed or not. It accepts one key only, so a call that reaches it carried the gateway's.
 */
record ScriptedModel(URI base, Program program) implements AutoCloseable {
    static final Path PROGRAM = Checkout.file("it/js/node_modules/.bin/llmock");
    static final String KEY = "upstream-key";
    private static final Duration STARTS_WITHIN = Duration.ofSeconds(20);

    static ScriptedModel start() {
        var port = Program.freePort();
        var command = List.of(
                PROGRAM.toString(),
                "-p",
                "" + port,
                "-f",
                "src/test/resources/aimock",
                "--strict",
                "-l",
                "20",
                "-c",
                "10");
        var base = URI.create("http://127.0.0.1:" + port);
        var program = Program.start("aimock", command, Map.of("AIMOCK_API_KEYS", KEY));
        program.untilAnswers(base.resolve("/v1/models"), STARTS_WITHIN);
        return new ScriptedModel(base, program);
    }

    /** What has reached it, newest last, as JSON. */
    URI journal() {
        return base.resolve("/__aimock/journal");
    }

    @Override
    public void close() {
        program.close();
    }
}

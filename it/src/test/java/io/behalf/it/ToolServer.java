package io.behalf.it;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The npm package {@code @modelcontextprotocol/server-everything}: MCP 2025-11-25 over streamable HTTP. */
record ToolServer(URI address, Program program) implements AutoCloseable {
    static final Path PROGRAM =
            Checkout.file("it/js/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    private static final Duration STARTS_WITHIN = Duration.ofSeconds(20);

    static ToolServer start() {
        var port = Program.freePort();
        var command = List.of("node", "--import", "./js/loopback.mjs", PROGRAM.toString(), "streamableHttp");
        var address = URI.create("http://127.0.0.1:" + port + "/mcp");
        var program = Program.start("server-everything", command, Map.of("PORT", "" + port));
        program.untilAnswers(address, STARTS_WITHIN);
        return new ToolServer(address, program);
    }

    @Override
    public void close() {
        program.close();
    }
}

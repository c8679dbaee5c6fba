package io.behalf.server;

import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The log's public files as C2SP tlog-tiles serves them, below {@code /ledger/<log>/}: {@code checkpoint}, {@code tile/…},
 * and our {@code vkey}. Nothing else in the folder has a name that is answered.
 */
final class LedgerFiles {
    // C2SP tlog-tiles: level or "entries", then N in groups of three digits, then the width of a partial tile
    private static final Pattern TILE =
            Pattern.compile("tile/(?:entries|[0-9]|[1-5][0-9]|6[0-3])(?:/x[0-9]{3})*/[0-9]{3}(\\.p/[1-9][0-9]{0,2})?");

    private final String log;
    private final Path directory;
    private final Access access;

    LedgerFiles(String log, Path directory, Access access) {
        this.log = log;
        this.directory = directory;
        this.access = access;
    }

    void mount(Router router) {
        router.getWithRegex("/ledger/" + Pattern.quote(log) + "/(?<file>.+)").handler(this::answer);
    }

    private void answer(RoutingContext context) {
        HttpServerResponse response = context.response();
        if (access.who(context.request()).isEmpty()) {
            access.refuse(response);
            return;
        }
        String file = Optional.ofNullable(context.pathParam("file")).orElseThrow();
        boolean tile = TILE.matcher(file).matches();
        // only then a path: not every name that is asked for can be one
        Optional<Path> path = tile || file.equals("checkpoint") || file.equals("vkey")
                ? Optional.of(directory.resolve(file))
                : Optional.empty();
        if (path.filter(named -> Files.isRegularFile(named, LinkOption.NOFOLLOW_LINKS))
                .isEmpty()) {
            ProblemJson.answer(response, 404, "The log has no such file.");
            return;
        }
        boolean text = !tile;
        response.putHeader("Content-Type", text ? "text/plain; charset=utf-8" : "application/octet-stream")
                // a tile never changes once it is there; a checkpoint is soon followed by the next
                .putHeader("Cache-Control", tile ? "private, max-age=31536000, immutable" : "no-cache");
        response.sendFile(path.get().toString()).onFailure(_ -> context.fail(500));
    }
}

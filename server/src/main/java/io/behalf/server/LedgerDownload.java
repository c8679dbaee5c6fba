package io.behalf.server;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.record.RecordEncoder;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A copy of a ledger that is served by C2SP tlog-tiles, in a temporary folder until this is closed. Of what the server sends
 * nothing is believed: its keys and its checkpoint come first, and whoever asked checks them before the entries are fetched. Which files
 * there are follows from the checkpoint's size, and how large each may be, and all of them, is known. Blocks.
 */
final class LedgerDownload implements AutoCloseable {
    /**
     * @param answer until an answer begins
     * @param body from there until it is whole
     */
    record Waits(Duration answer, Duration body) {
        static final Waits USUAL = new Waits(Duration.ofSeconds(30), Duration.ofMinutes(2));
    }

    private static final Duration CONNECT_WAIT = Duration.ofSeconds(5);
    private static final int MAX_SMALL_FILE = 64 << 10;
    private static final int MAX_TILE = TilePath.FULL * Hash.BYTES;
    private static final int MAX_BUNDLE = TilePath.FULL * (RecordEncoder.MAX_RECORD_BYTES + 2);

    /** What one command fetches; a larger ledger is copied by other means and verified from its files. */
    private static final long MAX_ENTRIES = 50_000_000;

    private static final long MAX_BYTES = 64L << 30;
    private static final String COPY_IT = ": copy its files by other means and verify those.";

    private final URI address;
    private final Optional<String> token;
    private final Waits waits;
    private final Path directory;
    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(CONNECT_WAIT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
    private long fetched;

    private LedgerDownload(URI address, Optional<String> token, Waits waits, Path directory) {
        this.address = address;
        this.token = token;
        this.waits = waits;
        this.directory = directory;
    }

    /**
     * The ledger's keys and its checkpoint, which say how much there is; {@link #fetchEntries} brings the rest.
     *
     * @param address ends with a slash
     * @param token shown to the server, where it wants one
     * @param vkey serves where the ledger does not publish its keys
     */
    static LedgerDownload of(URI address, Optional<String> token, Optional<String> vkey, Waits waits)
            throws IOException, InterruptedException {
        var copy = new LedgerDownload(address, token, waits, Files.createTempDirectory("behalf-verify"));
        try {
            copy.fetchKey(vkey);
            copy.write("checkpoint", copy.required("checkpoint", MAX_SMALL_FILE));
            return copy;
        } catch (IOException | InterruptedException | RuntimeException e) {
            copy.close();
            throw e;
        }
    }

    Path directory() {
        return directory;
    }

    private void fetchKey(Optional<String> vkey) throws IOException, InterruptedException {
        Optional<byte[]> keys = optional("vkey", MAX_SMALL_FILE)
                .or(() -> vkey.map(line -> (line + "\n").getBytes(StandardCharsets.UTF_8)));
        write(
                "vkey",
                keys.orElseThrow(() -> CommandFailed.usage(
                        "The ledger at " + address + " does not publish its key: name it with --key.")));
    }

    /** @param checkpoint that has been fetched, and that whoever asks has checked */
    void fetchEntries(Checkpoint checkpoint, LongConsumer progress) throws IOException, InterruptedException {
        if (checkpoint.size() > MAX_ENTRIES) {
            throw CommandFailed.unreachable(
                    "The ledger has " + checkpoint.size() + " entries, more than " + MAX_ENTRIES + COPY_IT);
        }
        for (int level = TilePath.ENTRIES; level <= TilePath.MAX_LEVEL; level++) {
            long count = TilePath.count(level, checkpoint.size());
            for (long index = 0; index * TilePath.FULL < count; index++) {
                TilePath tile = TilePath.in(checkpoint.size(), level, index);
                write(tile.path(), tile(tile));
                if (level == TilePath.ENTRIES) {
                    progress.accept(index * TilePath.FULL + tile.width());
                }
            }
        }
    }

    /** A partial tile may be gone for a wider one, of which it is the beginning: C2SP tlog-tiles, "Partial Tiles". */
    private byte[] tile(TilePath tile) throws IOException, InterruptedException {
        int most = tile.level() == TilePath.ENTRIES ? MAX_BUNDLE : MAX_TILE;
        Optional<byte[]> exact = optional(tile.path(), most);
        if (exact.isPresent()) {
            return exact.get();
        }
        if (tile.full()) {
            throw missing(tile.path());
        }
        byte[] wider = required(new TilePath(tile.level(), tile.index(), TilePath.FULL).path(), most);
        return cut(wider, tile);
    }

    private static byte[] cut(byte[] wider, TilePath tile) {
        int end = 0;
        if (tile.level() == TilePath.ENTRIES) {
            for (int i = 0; i < tile.width() && end + 2 <= wider.length; i++) {
                end += 2 + EntryBundle.length(wider, end);
            }
        } else {
            end = tile.width() * Hash.BYTES;
        }
        return Arrays.copyOf(wider, Math.min(end, wider.length));
    }

    private byte[] required(String file, int most) throws IOException, InterruptedException {
        return optional(file, most).orElseThrow(() -> missing(file));
    }

    private CommandFailed missing(String file) {
        return CommandFailed.no(address + file + " is missing.");
    }

    /** Empty where the server says that there is no such file. */
    private Optional<byte[]> optional(String file, int most) throws IOException, InterruptedException {
        URI uri = address.resolve(file);
        var request = HttpRequest.newBuilder(uri).timeout(waits.answer());
        token.ifPresent(secret -> request.setHeader("Authorization", "Bearer " + secret));
        HttpResponse<InputStream> answer;
        try {
            answer = http.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
        } catch (IOException e) {
            throw CommandFailed.unreachable(uri + " does not answer" + because(e) + ".");
        }
        try (InputStream body = answer.body()) {
            return switch (answer.statusCode()) {
                case 200 -> Optional.of(whole(uri, body, most));
                case 404 -> Optional.empty();
                case 401, 403 ->
                    throw CommandFailed.unreachable(uri + " answers with status " + answer.statusCode() + ": "
                            + (token.isPresent()
                                    ? "the token that was shown does not open it."
                                    : "it wants the server's API token (server.api-token). Write it into a file and name"
                                            + " that with --token-file, or put it into " + VerifyCommand.TOKEN
                                            + "."));
                default -> throw CommandFailed.unreachable(uri + " answers with status " + answer.statusCode() + ".");
            };
        }
    }

    /** The client's own time limit ends where an answer begins; one that never ends would be waited for for ever. */
    private byte[] whole(URI uri, InputStream body, int most) throws InterruptedException {
        var read = new CompletableFuture<byte[]>();
        Thread.ofVirtual().start(() -> {
            try {
                read.complete(body.readNBytes(most + 1));
            } catch (IOException e) {
                read.completeExceptionally(e);
            }
        });
        byte[] bytes;
        try {
            bytes = read.get(waits.body().toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            throw CommandFailed.unreachable(uri + " has not sent all of its answer within "
                    + waits.body().toSeconds() + " seconds.");
        } catch (ExecutionException e) {
            throw CommandFailed.unreachable(uri + " breaks off its answer" + because(e.getCause()) + ".");
        }
        if (bytes.length > most) {
            throw CommandFailed.no(uri + " is longer than " + most + " bytes, which is all it can have.");
        }
        fetched += bytes.length;
        if (fetched > MAX_BYTES) {
            throw CommandFailed.unreachable(
                    "The ledger at " + address + " is larger than " + MAX_BYTES + " bytes" + COPY_IT);
        }
        return bytes;
    }

    private static String because(@Nullable Throwable cause) {
        return cause == null || cause.getMessage() == null ? "" : ": " + ForeignText.clean(cause.getMessage());
    }

    private void write(String file, byte[] bytes) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(path.resolveSibling(""));
        Files.write(path, bytes);
    }

    @Override
    public void close() throws IOException {
        http.shutdownNow(); // an answer that has not ended is not waited for
        List<Path> deepestFirst;
        try (var all = Files.walk(directory)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }
}

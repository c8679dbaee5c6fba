package io.behalf.server;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.Hash;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.SignedNote;
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
import java.util.function.LongConsumer;

/**
 * A copy of a ledger that is served by C2SP tlog-tiles, in a temporary folder until this is closed. Of what the server sends
 * nothing is believed: which files there are follows from the checkpoint's size, and how large each may be is known.
 */
final class LedgerDownload implements AutoCloseable {
    private static final Duration CONNECT_WAIT = Duration.ofSeconds(5);
    private static final Duration ANSWER_WAIT = Duration.ofSeconds(30);
    private static final int MAX_SMALL_FILE = 64 << 10;
    private static final int MAX_TILE = TilePath.FULL * Hash.BYTES;
    private static final int MAX_BUNDLE = TilePath.FULL * (RecordEncoder.MAX_RECORD_BYTES + 2);

    /** Entries that one command fetches; a larger ledger is copied by other means and verified from its files. */
    private static final long MAX_ENTRIES = 50_000_000;

    private final URI address;
    private final Path directory;
    private final HttpClient http = HttpClient.newBuilder()
            .connectTimeout(CONNECT_WAIT)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    private LedgerDownload(URI address, Path directory) {
        this.address = address;
        this.directory = directory;
    }

    /**
     * The ledger's key, so that what is known of it can be looked up first; {@link #fetch} brings the rest.
     *
     * @param address ends with a slash
     * @param vkey serves where the ledger does not publish its keys
     */
    static LedgerDownload of(URI address, Optional<String> vkey) throws IOException, InterruptedException {
        LedgerDownload copy = new LedgerDownload(address, Files.createTempDirectory("behalf-verify"));
        try {
            copy.fetchKey(vkey);
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

    void fetch(LongConsumer progress) throws IOException, InterruptedException {
        byte[] note = required("checkpoint", MAX_SMALL_FILE);
        Checkpoint checkpoint = checkpoint(note);
        if (checkpoint.size() > MAX_ENTRIES) {
            throw CommandFailed.unreachable("The ledger has " + checkpoint.size() + " entries, more than " + MAX_ENTRIES
                    + ": copy its files and verify those.");
        }
        write("checkpoint", note);
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

    private static Checkpoint checkpoint(byte[] note) {
        return switch (SignedNote.parse(note).then(signed -> Checkpoint.parse(signed.text()))) {
            case Parsed.Valid<Checkpoint>(var valid) -> valid;
            case Parsed.Invalid<Checkpoint>(var problem) ->
                throw CommandFailed.no("The address answers with something else than a checkpoint: " + problem + ".");
        };
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
        HttpResponse<InputStream> answer;
        try {
            answer = http.send(
                    HttpRequest.newBuilder(uri).timeout(ANSWER_WAIT).build(),
                    HttpResponse.BodyHandlers.ofInputStream());
        } catch (IOException e) {
            throw CommandFailed.unreachable(uri + " does not answer.");
        }
        try (InputStream body = answer.body()) {
            if (answer.statusCode() == 404) {
                return Optional.empty();
            }
            if (answer.statusCode() != 200) {
                throw CommandFailed.unreachable(uri + " answers with status " + answer.statusCode() + ".");
            }
            byte[] bytes = body.readNBytes(most + 1);
            if (bytes.length > most) {
                throw CommandFailed.no(uri + " is larger than " + most + " bytes.");
            }
            return Optional.of(bytes);
        }
    }

    private void write(String file, byte[] bytes) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(path.resolveSibling(""));
        Files.write(path, bytes);
    }

    @Override
    public void close() throws IOException {
        http.close();
        List<Path> deepestFirst;
        try (var all = Files.walk(directory)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) {
            Files.deleteIfExists(path);
        }
    }
}

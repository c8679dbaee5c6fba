package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.Proofs;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TileNodes;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.ledger.LedgerFault.Code;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;

/**
 * A memory of the log outside the data directory: its verifier key and the last checkpoint seen, so that an older copy of the directory, or
 * one re-signed by another key, is noticed. First line the key, then the checkpoint's text. It trusts whoever can write it.
 */
public final class PinFile {
    private static final String WITHOUT_IT =
            "If there is none, and you know why, move the pin file away: then the ledger is taken as it is.";
    private static final System.Logger LOG = System.getLogger(PinFile.class.getName());

    private final Path file;
    private final Function<Path, Disk> disks;

    public PinFile(Path file) {
        this(file, FileDisk::new);
    }

    PinFile(Path file, Function<Path, Disk> disks) {
        this.file = file;
        this.disks = disks;
    }

    /**
     * @return empty if nothing is remembered
     * @throws LedgerFault if the file is damaged
     */
    public Optional<Pin> read() throws IOException {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        // Bytes that are no text are replaced: a damaged file is damaged, and not a fault of reading it.
        String pin = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        int line = pin.indexOf('\n');
        Parsed<Pin> read = VerifierKey.parse(pin.substring(0, Math.max(0, line)))
                .then(key -> Checkpoint.parse(pin.substring(line + 1))
                        .then(seen -> Parsed.valid(new Pin(key, Optional.of(seen)))));
        return Optional.of(read.fold(valid -> valid, problem -> {
            throw new LedgerFault(
                    Code.BAD_CHECKPOINT,
                    "the pin file " + file + " is damaged: " + problem + "; restore it. " + WITHOUT_IT);
        }));
    }

    /** Refuses a log that is not a continuation of the one remembered. */
    void check(VerifierKey key, long size, TileNodes nodes) throws IOException {
        Optional<Pin> pin = read();
        if (pin.isEmpty()) {
            if (size > 0) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "there is no pin file {0}: the ledger of {1} entries is taken as it is, and remembered from now on",
                        file,
                        Long.toString(size));
            }
            return;
        }
        VerifierKey known = pin.get().key();
        if (!known.name().equals(key.name())) {
            throw new LedgerFault(
                    Code.OTHER_KEY,
                    "the pin file " + file + " is of the log " + known.name() + ", and this is " + key.name()
                            + ": name another ledger.pin-file, or restore the data directory that belongs to this one");
        }
        if (!known.equals(key)) {
            throw new LedgerFault(
                    Code.OTHER_KEY,
                    "the pin file " + file + " remembers another key for this log: it was signed anew, or keys/ is not"
                            + " its own; restore ledger/ and keys/ as they were. " + WITHOUT_IT);
        }
        Checkpoint seen = pin.get().seen().orElseThrow();
        if (size < seen.size()) {
            throw new LedgerFault(
                    Code.SHORTER,
                    "the log has " + size + " entries, " + seen.size() + " had been seen (" + file
                            + "): this is an older copy, or its end was cut off; restore the newest copy. "
                            + WITHOUT_IT);
        }
        if (!Proofs.root(seen.size(), nodes).equals(seen.root())) {
            throw new LedgerFault(
                    Code.FORKED,
                    "the log's first " + seen.size() + " entries are not those that had been seen (" + file
                            + "): somebody rewrote it; restore a good copy. " + WITHOUT_IT);
        }
    }

    void remember(SignerKey key, Checkpoint checkpoint) throws IOException {
        Path folder = file.toAbsolutePath().resolveSibling("");
        Files.createDirectories(folder);
        String pin = key.verifier().vkey() + "\n" + checkpoint.text();
        disks.apply(folder).replace(String.valueOf(file.getFileName()), pin.getBytes(StandardCharsets.UTF_8));
    }
}

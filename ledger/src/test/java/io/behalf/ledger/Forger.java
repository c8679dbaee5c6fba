package io.behalf.ledger;

import io.behalf.core.merkle.Checkpoint;
import io.behalf.core.merkle.EntryBundle;
import io.behalf.core.merkle.SignerKey;
import io.behalf.core.merkle.TilePath;
import io.behalf.core.merkle.TreeHasher;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/** An operator who writes entries of his own choice and signs them properly: fewer than 256. */
final class Forger {
    private Forger() {}

    static void write(LedgerSettings settings, List<byte[]> entries) throws IOException {
        var disk = new FileDisk(settings.directory());
        disk.createFolders("tile/entries/000.p");
        disk.createFolders("tile/0/000.p");
        SignerKey key = LogKey.open(settings, disk);
        var hasher = new TreeHasher();
        var edge = new TreeEdge();
        for (byte[] entry : entries) {
            edge.add(hasher.leaf(entry), (tile, _) -> {
                throw new IOException("too many entries for " + tile);
            });
        }
        disk.put(
                new TilePath(TilePath.ENTRIES, 0, entries.size()).path(), ByteBuffer.wrap(EntryBundle.encode(entries)));
        disk.put(new TilePath(0, 0, entries.size()).path(), ByteBuffer.wrap(edge.hashes(0)));
        var checkpoint = new Checkpoint(key.verifier().name(), edge.size(), edge.root());
        disk.replace(Integrator.CHECKPOINT, key.sign(checkpoint.text()).bytes());
    }
}

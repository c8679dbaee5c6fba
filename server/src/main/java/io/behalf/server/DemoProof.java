package io.behalf.server;

import io.behalf.ledger.Verification;
import io.behalf.server.TaskStory.Stopped;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the ledger's files prove by themselves, and what they give away once somebody has edited a copy of them.
 *
 * @param entries how many were verified
 * @param edited the record whose refusal was made a permit
 * @param caught whether the verification of the copy names exactly that record
 */
record DemoProof(long entries, boolean verified, String edited, boolean caught) {
    private static final String REFUSED = "\"effect\":\"refuse\"";
    private static final String PERMITTED = "\"effect\":\"permit\"";

    static DemoProof of(Path ledger, TaskStory story) throws IOException {
        Verification.Report sound = Verification.verify(ledger, Optional.empty(), _ -> {});
        String record = story.steps().stream()
                .filter(Stopped.class::isInstance)
                .findFirst()
                .orElseThrow(() -> new IOException("nothing was refused"))
                .record();
        Path copy = Files.createTempDirectory("behalf-demo");
        try {
            copy(ledger, copy);
            permit(copy, record);
            var edited = Verification.verify(copy, Optional.empty(), _ -> {});
            boolean caught = edited.finding()
                    .flatMap(Verification.Finding::record)
                    .filter(record::equals)
                    .isPresent();
            return new DemoProof(sound.entries(), sound.sound(), record, caught);
        } finally {
            remove(copy);
        }
    }

    /** What an auditor gets: everything but the write-ahead files. */
    private static void copy(Path ledger, Path to) throws IOException {
        for (Path file : files(ledger)) {
            Path relative = ledger.relativize(file);
            if (!relative.startsWith("wal") && Files.isRegularFile(file)) {
                Path target = to.resolve(relative);
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }

    /** One word for another of the same length, where the entry stands: what somebody with the disk could do. */
    private static void permit(Path ledger, String record) throws IOException {
        String id = "\"id\":\"" + record + "\"";
        for (Path bundle : files(ledger.resolve("tile").resolve("entries"))) {
            if (!Files.isRegularFile(bundle)) {
                continue;
            }
            String text = Files.readString(bundle, StandardCharsets.ISO_8859_1);
            int at = text.indexOf(id);
            // members are sorted, so a record's decision stands before its id
            int refused = at < 0 ? -1 : text.lastIndexOf(REFUSED, at);
            if (refused >= 0) {
                String edited = text.substring(0, refused) + PERMITTED + text.substring(refused + REFUSED.length());
                Files.writeString(bundle, edited, StandardCharsets.ISO_8859_1);
            }
        }
    }

    private static void remove(Path folder) throws IOException {
        for (Path file : files(folder).reversed()) {
            Files.delete(file);
        }
    }

    /** Folders before what is in them. */
    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.toList();
        }
    }
}

package io.behalf.ledger;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What must hold of every closed data directory that has a ledger in it, whatever a test did: run after each of them. */
public final class LedgerInvariants {
    private LedgerInvariants() {}

    /**
     * Verifies each log in the data directory.
     *
     * @return what is wrong, a sentence each; empty if all is well
     */
    public static List<String> check(Path data) {
        var problems = new ArrayList<String>();
        Path ledgers = data.resolve("ledger");
        if (!Files.isDirectory(ledgers)) {
            return problems;
        }
        try (var logs = Files.list(ledgers)) {
            for (Path log : logs.filter(log -> Files.exists(log.resolve(Integrator.CHECKPOINT)))
                    .toList()) {
                Verification.verify(log, Optional.empty())
                        .finding()
                        .ifPresent(finding -> problems.add(log.getFileName() + ": " + finding));
            }
        } catch (IOException e) {
            problems.add("cannot be listed: " + e.getMessage());
        }
        return problems;
    }
}

package io.behalf.server;

import io.behalf.core.merkle.Parsed;
import io.behalf.core.merkle.VerifierKey;
import io.behalf.ledger.LedgerFault;
import io.behalf.ledger.LedgerReader;
import io.behalf.ledger.Pin;
import io.behalf.ledger.PinFile;
import io.behalf.ledger.Verification;
import io.behalf.ledger.Verification.Finding;
import io.behalf.ledger.Verification.Report;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code behalf verify}: whether a ledger is what was signed, with nothing but its files, or its address, and a key. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description =
                "Verifies every entry of a ledger. Says how far that goes: consistent (the key was taken from the ledger"
                        + " itself) or authentic (the key was named with --key, or a pin file remembers it: the one named"
                        + " with --pin-file, else the one that a server keeps here). Exit 1 if anything is missing or altered.")
final class VerifyCommand implements Callable<Integer> {
    /** Entries between two words of progress. */
    private static final long TOLD_EVERY = 100_000;

    /** Variable that holds the API token of a server whose ledger is not for everybody. */
    static final String TOKEN = "BEHALF_API_TOKEN";

    private static final int MAX_TOKEN_FILE = 4 << 10;
    private static final int MAX_PORT = 65_535;

    @Parameters(
            paramLabel = "PATH|URL",
            description = "A ledger's directory, a data directory with all its ledgers, or a ledger's address.")
    private String what = "";

    @Option(
            names = "--key",
            paramLabel = "VKEY",
            description = "The log's verifier key (name+id+key), as you had it before.")
    private Optional<String> key = Optional.empty();

    @Option(
            names = "--pin-file",
            paramLabel = "FILE",
            description = "What was seen of the log before, where the server's ledger.pin-file says.")
    private Optional<Path> pinFile = Optional.empty();

    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description =
                    "Holds the server's API token, for a URL that wants it; else " + TOKEN + " in the environment.")
    private Optional<Path> tokenFile = Optional.empty();

    @Option(names = "--json", description = "Print facts as JSON, one ledger a line.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    private final Map<String, String> environment;
    private final LedgerDownload.Waits waits;

    VerifyCommand() {
        this(System.getenv(), LedgerDownload.Waits.USUAL);
    }

    VerifyCommand(Map<String, String> environment, LedgerDownload.Waits waits) {
        this.environment = Map.copyOf(environment);
        this.waits = waits;
    }

    @Override
    public Integer call() throws Exception {
        Optional<VerifierKey> named = key.map(VerifyCommand::key);
        if (what.startsWith("http://") || what.startsWith("https://")) {
            return verifyAt(address(what), named) ? Exit.FINE : Exit.NO;
        }
        boolean sound = true;
        for (Path ledger : ledgers(Path.of(what))) {
            Optional<Pin> pin = pin(ledger, named);
            sound &= told(ledger.toString(), Verification.verify(ledger, pin, progress("verified")), pin);
        }
        return sound ? Exit.FINE : Exit.NO;
    }

    /** How much there is to be fetched is believed only where a key that counts has signed it. */
    private boolean verifyAt(URI address, Optional<VerifierKey> named) throws IOException, InterruptedException {
        try (LedgerDownload copy = LedgerDownload.of(address, token(address), key, waits)) {
            Optional<Pin> pin = pin(copy.directory(), named);
            Report report = Verification.head(copy.directory(), pin);
            if (report.sound()) {
                copy.fetchEntries(report.checkpoint().orElseThrow(), progress("fetched"));
                report = Verification.verify(copy.directory(), pin, progress("verified"));
            }
            return told(what, report, pin);
        }
    }

    /**
     * What was known of the ledger before: the key that was named, and what the pin file remembers, the named one or that of its origin,
     * unless that is about another key than the named one. Asked for before the checkpoint is read, as a server at work goes on writing both.
     */
    private Optional<Pin> pin(Path ledger, Optional<VerifierKey> named) throws IOException {
        Optional<String> origin = new LedgerReader(ledger).origin();
        Optional<Pin> remembered = Optional.empty();
        Optional<Path> file = pinFile.or(() -> origin.map(name -> DataDirectory.pin(name, environment)));
        if (file.isPresent()) {
            try {
                remembered = new PinFile(file.get()).read();
            } catch (LedgerFault damaged) {
                throw CommandFailed.usage("What was known of this ledger cannot be told: " + damaged.getMessage());
            }
        }
        if (pinFile.isPresent() && remembered.isEmpty()) {
            throw CommandFailed.usage("There is no pin file " + pinFile.get() + ".");
        }
        if (named.isEmpty()) {
            return remembered;
        }
        return remembered
                .filter(pin -> pin.key().equals(named.get()))
                .or(() -> Optional.of(new Pin(named.get(), Optional.empty())));
    }

    private static VerifierKey key(String vkey) {
        return switch (VerifierKey.parse(vkey)) {
            case Parsed.Valid<VerifierKey>(var valid) -> valid;
            case Parsed.Invalid<VerifierKey>(var problem) ->
                throw CommandFailed.usage("--key: " + problem
                        + ". It is written name+id+key, as the ledger's vkey file has it and, for whoever may read it, its"
                        + " address with /vkey after it.");
        };
    }

    private static URI address(String url) {
        try {
            URI address = new URI(url.endsWith("/") ? url : url + "/");
            if (address.getHost() != null
                    && address.getPort() <= MAX_PORT
                    && address.getRawUserInfo() == null
                    && address.getRawQuery() == null
                    && address.getRawFragment() == null) {
                return address;
            }
        } catch (URISyntaxException e) {
            // said below
        }
        throw CommandFailed.usage(ForeignText.clean(url) + " is not a ledger's address. It looks like"
                + " https://behalf.example/ledger/main.");
    }

    /** Never on the command line, where every process of the machine can read it; nor to another machine in clear. */
    private Optional<String> token(URI address) throws IOException {
        Optional<String> token = tokenFile.isPresent()
                ? Optional.of(inFile(tokenFile.get()))
                : Optional.ofNullable(environment.get(TOKEN)).map(String::strip).filter(secret -> !secret.isEmpty());
        if (token.isPresent() && !token.get().matches("[!-~]+")) {
            throw CommandFailed.usage("The token in "
                    + tokenFile.map(Path::toString).orElse(TOKEN) + " is not one line of visible ASCII characters.");
        }
        if (token.isPresent() && !address.getScheme().equals("https") && !Loopback.is(address)) {
            throw CommandFailed.usage("The token would go to " + address + " in clear: use https.");
        }
        return token;
    }

    private static String inFile(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readNBytes(MAX_TOKEN_FILE), StandardCharsets.UTF_8).strip();
        }
    }

    /** A ledger's directory is known by its keys or its checkpoint, so that a ledger robbed of one of them is still verified. */
    private static List<Path> ledgers(Path path) {
        if (Files.exists(path.resolve("checkpoint")) || Files.exists(path.resolve("vkey"))) {
            return List.of(path);
        }
        List<Path> ledgers = new ArrayList<>();
        DataReader.ledgers(path).forEach(name -> ledgers.add(DataReader.log(path, name)));
        if (ledgers.isEmpty()) {
            throw CommandFailed.usage("There is no ledger in " + path
                    + ": name a folder with checkpoint, vkey and tile/ in it, a data directory, or an address.");
        }
        return ledgers;
    }

    private boolean told(String name, Report report, Optional<Pin> pin) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(JsonText.of(facts(name, report)));
        } else {
            text(name, report, pin).forEach(out::println);
        }
        out.flush();
        return report.sound();
    }

    /** On a terminal only: a pipe gets the result and nothing else. */
    private LongConsumer progress(String word) {
        if (json
                || Optional.ofNullable(System.console())
                        .filter(Console::isTerminal)
                        .isEmpty()) {
            return _ -> {};
        }
        PrintWriter err = spec.commandLine().getErr();
        return entries -> {
            if (entries >= TOLD_EVERY && entries % TOLD_EVERY < 256) {
                err.println(entries + " entries " + word);
            }
        };
    }

    private static List<String> text(String name, Report report, Optional<Pin> pin) {
        List<String> lines = new ArrayList<>();
        if (report.finding().isPresent()) {
            Finding finding = report.finding().get();
            lines.add(name + ": NOT AS SIGNED");
            finding.index().ifPresent(index -> lines.add("  entry    " + index));
            finding.record().ifPresent(record -> lines.add("  record   " + record));
            finding.file().ifPresent(file -> lines.add("  file     " + file));
            lines.add("  problem  " + finding.problem());
            lines.add("  " + report.entries() + " entries before it are sound");
        } else {
            lines.add(name + ": " + trust(report) + ", size " + report.entries());
            report.checkpoint().ifPresent(checkpoint -> lines.add("  origin   " + checkpoint.origin()));
            lines.add("  entries  " + report.entries() + ", none missing or altered");
            lines.add("  tasks    " + report.tasks() + ", the records of each whole and in order");
            if (report.ahead() > 0) {
                lines.add("  ahead    " + report.ahead()
                        + " files that no checkpoint covers yet; they hold what the write-ahead files hold");
            }
            lines.add("  " + known(pin));
        }
        return lines.stream().map(ForeignText::clean).toList();
    }

    private static String known(Optional<Pin> pin) {
        if (pin.isEmpty()) {
            return "The key was taken from the ledger itself: name one you had before with --key.";
        }
        return pin.get()
                .seen()
                .map(seen -> "Signed with the key of the pin file; continues the " + seen.size()
                        + " entries that it remembers.")
                .orElse("Signed with the key that was named.");
    }

    private static Map<String, @Nullable Object> facts(String name, Report report) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("ledger", name);
        out.put("sound", report.sound());
        if (report.sound()) {
            out.put("trust", trust(report));
        }
        out.put("size", report.entries());
        out.put("tasks", report.tasks());
        if (report.ahead() > 0) {
            out.put("ahead", report.ahead());
        }
        report.checkpoint().ifPresent(checkpoint -> {
            out.put("origin", checkpoint.origin());
            out.put("checkpoint_size", checkpoint.size());
            out.put("root", checkpoint.root().hex());
        });
        report.finding().ifPresent(finding -> {
            Map<String, @Nullable Object> found = new LinkedHashMap<>();
            found.put("problem", finding.problem());
            finding.file().ifPresent(file -> found.put("file", file));
            finding.index().ifPresent(index -> found.put("entry", index));
            finding.record().ifPresent(record -> found.put("record", record));
            out.put("finding", found);
        });
        return out;
    }

    private static String trust(Report report) {
        return report.trust().name().toLowerCase(Locale.ROOT);
    }
}

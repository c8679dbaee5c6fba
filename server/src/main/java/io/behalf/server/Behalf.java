package io.behalf.server;

import io.behalf.authority.StoreFault;
import io.behalf.ledger.LedgerFault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line: one word for each thing Behalf does. Exit codes are {@link Exit}'s. */
@Command(
        name = "behalf",
        mixinStandardHelpOptions = true,
        versionProvider = Behalf.Version.class,
        description = "Delegated authority for agents, and the record of what was done with it.",
        footer = {
            "",
            "In a checkout, ./behalf test runs the whole test suite; ./behalf test --help says what of it can be chosen."
        },
        subcommands = {
            DemoCommand.class,
            ServeCommand.class,
            RunCommand.class,
            RevokeCommand.class,
            TaskCommand.class,
            TasksCommand.class,
            VerifyCommand.class,
            ConfigCommand.class,
            BenchCommand.class
        })
public final class Behalf implements Runnable {
    @Spec
    private CommandSpec spec;

    Behalf() {}

    public static void main(String[] args) {
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new Behalf())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExpandAtFiles(false) // what a program is given may begin with @
                .setExecutionExceptionHandler(Behalf::failed);
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Name a command.");
    }

    static int failed(Exception e, CommandLine command, CommandLine.ParseResult parsed) {
        return switch (e) {
            case CommandFailed said -> {
                say(command, said.getMessage());
                yield said.exit();
            }
            case LedgerFault fault -> {
                say(command, fault.getMessage());
                yield exit(fault);
            }
            case StoreFault fault -> {
                say(command, fault.getMessage());
                yield Exit.NO;
            }
            case IOException fault -> unreachable(fault, command);
            case UncheckedIOException fault -> unreachable(fault, command);
            // a fault of ours: whoever reports it needs all of it
            case RuntimeException fault -> {
                fault.printStackTrace(command.getErr());
                yield Exit.UNREACHABLE;
            }
            default -> unreachable(e, command);
        };
    }

    /** A log that is not what it was is a "no"; what the disk or another process keeps from us is out of reach. */
    private static int exit(LedgerFault fault) {
        return switch (fault.code()) {
            case OTHER_KEY, BAD_CHECKPOINT, SHORTER, FORKED, CORRUPT, INVALID -> Exit.NO;
            case LOCKED -> Exit.USAGE;
            case BUSY, NO_SPACE, TIMED_OUT, STOPPED, CLOSED, UNREADABLE -> Exit.UNREACHABLE;
        };
    }

    private static int unreachable(Exception fault, CommandLine command) {
        say(command, fault instanceof IOException file ? why(file) : fault.getMessage());
        return Exit.UNREACHABLE;
    }

    private static int unreachable(UncheckedIOException fault, CommandLine command) {
        IOException cause = Objects.requireNonNull(fault.getCause());
        String said = String.valueOf(fault.getMessage());
        say(command, said.equals(cause.toString()) ? why(cause) : said + ": " + why(cause));
        return Exit.UNREACHABLE;
    }

    /** Also with the names of files that somebody else made; of several lines, where they are ours. */
    static void say(CommandLine command, @Nullable String message) {
        String.valueOf(message).lines().map(ForeignText::clean).forEach(command.getErr()::println);
    }

    /** Java's own message is often the name of a file and nothing else. */
    static String why(IOException fault) {
        return switch (fault) {
            case NoSuchFileException missing -> missing.getFile() + " is not there, or cannot be made there.";
            case AccessDeniedException denied ->
                denied.getFile() + " is not for this user (permission denied). See who may: ls -ld " + denied.getFile();
            case FileAlreadyExistsException there -> there.getFile() + " is there already, and is something else.";
            case FileSystemException named
            when named.getReason() != null -> named.getFile() + ": " + named.getReason() + ".";
            default -> Optional.ofNullable(fault.getMessage()).orElseGet(fault::toString);
        };
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            var version = Behalf.class.getPackage().getImplementationVersion();
            return new String[] {"behalf " + (version == null ? "(classes)" : version)};
        }
    }
}

package io.behalf.server;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command line: one word for each thing Behalf does. Exit codes: 0 fine, 1 the answer is no, 2 usage, 3 a dependency is unreachable. */
@Command(
        name = "behalf",
        mixinStandardHelpOptions = true,
        versionProvider = Behalf.Version.class,
        description = "Delegated authority for agents, and the record of what was done with it.")
public final class Behalf implements Runnable {
    @Spec
    private CommandSpec spec;

    Behalf() {}

    public static void main(String[] args) {
        System.exit(new CommandLine(new Behalf()).execute(args));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "Name a command.");
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            var version = Behalf.class.getPackage().getImplementationVersion();
            return new String[] {"behalf " + (version == null ? "(classes)" : version)};
        }
    }
}

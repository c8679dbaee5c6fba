package io.behalf.server;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.AuthorityClient;
import java.io.PrintWriter;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code behalf run}: any program, at work under a task that a person approved. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        customSynopsis = "behalf run --task TEXT [--scope S]... [--agent ID] [--require-calls] [--data DIR] -- CMD...",
        description = "Asks a person to approve a task, runs CMD under it, and ends the task with CMD. CMD finds the"
                + " addresses to call, and a key that is good at them only, in its environment. The exit code is CMD's;"
                + " 1 if the task was not approved.")
final class RunCommand implements Callable<Integer> {
    private static final String FORM =
            ". It is service:action, such as openai:chat, or tickets:* for everything at one service.";

    @Option(
            names = "--task",
            required = true,
            paramLabel = "TEXT",
            description = "What is to be done, in plain words: the person reads it before approving.")
    private String task = "";

    @Option(
            names = "--scope",
            paramLabel = "S",
            description = "What CMD may do, as service:action, with * for any action; several in one, or several times."
                    + " Default: everything that the server has a route for.")
    private List<String> scopes = List.of();

    @Option(
            names = "--agent",
            paramLabel = "ID",
            defaultValue = "local",
            description = "As which agent CMD acts. Its key is made at the first use. Default: ${DEFAULT-VALUE}.")
    private String agent = "local";

    @Option(names = "--require-calls", description = "Exit 1 if CMD made no call.")
    private boolean requireCalls;

    @Mixin
    private DataOption data = new DataOption();

    @Parameters(paramLabel = "CMD", arity = "1..*", description = "The program and its arguments, after --.")
    private List<String> command = List.of();

    @Spec
    private CommandSpec spec;

    private final Map<String, String> environment = System.getenv();

    RunCommand() {}

    @Override
    public Integer call() throws Exception {
        PrintWriter told = spec.commandLine().getErr();
        Optional<Scope> asked = scope();
        BehalfTask description = described();
        RunProgram program = RunProgram.named(command, environment);
        DataDirectory directory = data.directory();
        try (RunServer server = RunServer.on(directory, environment, told)) {
            ServerFacts facts = server.facts();
            Scope wanted = asked.orElseGet(() -> everything(facts));
            requireServed(wanted, facts);
            AgentKeyFile key = AgentKeyFile.of(directory, agent);
            server.register(key);
            return new Run(
                            facts,
                            new AuthorityClient(
                                    URI.create(facts.issuer()),
                                    new AgentCredential.PrivateKey(agent, key.key()),
                                    key.key()),
                            environment,
                            told,
                            Terminal::show,
                            ApprovalListener.WAIT)
                    .go(description.withScope(wanted), program, requireCalls);
        }
    }

    private BehalfTask described() {
        try {
            return new BehalfTask(task, Scope.NONE, Limits.NONE, Optional.empty(), Optional.empty()).requireShown();
        } catch (IllegalArgumentException e) {
            throw CommandFailed.usage("--task is what the person reads, 1 to " + BehalfTask.MAX_DESCRIPTION
                    + " characters: say what is to be done.");
        }
    }

    /** Empty where none was named. */
    private Optional<Scope> scope() {
        List<Permission> permissions = new ArrayList<>();
        for (String value : scopes) {
            for (String word : value.strip().split("\\s+")) {
                permissions.addAll(permissions(word));
            }
        }
        try {
            return scopes.isEmpty() ? Optional.empty() : Optional.of(new Scope(permissions));
        } catch (IllegalArgumentException e) {
            throw CommandFailed.usage("--scope: " + e.getMessage() + ".");
        }
    }

    private static List<Permission> permissions(String word) {
        try {
            List<Permission> one = ScopeWords.parse(word).permissions();
            if (!one.isEmpty()) {
                return one;
            }
        } catch (IllegalArgumentException e) {
            throw CommandFailed.usage("--scope " + ForeignText.clean(word) + ": " + e.getMessage() + FORM);
        }
        throw CommandFailed.usage("--scope: nothing is named" + FORM);
    }

    private static Scope everything(ServerFacts facts) {
        if (facts.routes().isEmpty()) {
            throw CommandFailed.usage("The server has no routes, so CMD could call nothing: add some to gateway.routes"
                    + " in its configuration.");
        }
        return facts.everything();
    }

    /** CMD calls through the server's routes and no other way, so nobody need be asked about a service without one. */
    private static void requireServed(Scope wanted, ServerFacts facts) {
        Set<String> known =
                facts.routes().stream().map(ServerFacts.Served::service).collect(Collectors.toCollection(TreeSet::new));
        for (Permission permission : wanted.permissions()) {
            String service = permission.service();
            if (!known.contains(service)) {
                throw CommandFailed.usage(
                        "--scope: the server has no route to the service " + ForeignText.clean(service)
                                + NearestName.of(service, known)
                                        .map(near -> ". Did you mean " + near + "?")
                                        .orElse(".")
                                + " It has: " + (known.isEmpty() ? "none" : String.join(", ", known)) + ".");
            }
        }
    }
}

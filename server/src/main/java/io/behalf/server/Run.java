package io.behalf.server;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Scope;
import io.behalf.sdk.Answer;
import io.behalf.sdk.ApprovalRequest;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HeldDelegation;
import io.behalf.sdk.RunningTask;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import java.io.PrintWriter;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * One program's work under one task: the person's approval, the sidecar, the program, and the task's end, whatever became
 * of the program.
 *
 * @param environment of whoever runs it
 * @param told for people: what to do, and what came of it
 * @param browser opens a page before the person, where there is one
 * @param patience longest wait for the approval
 */
record Run(
        ServerFacts server,
        AuthorityClient authority,
        Map<String, String> environment,
        PrintWriter told,
        Consumer<URI> browser,
        Duration patience) {
    private static final DateTimeFormatter WALL = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT);

    Run {
        environment = Map.copyOf(environment);
    }

    /**
     * @param requireCalls whether a program that made no call has failed
     * @return the program's exit code
     * @throws CommandFailed when the program was not started
     */
    int go(BehalfTask wanted, RunProgram program, boolean requireCalls) throws InterruptedException {
        Vertx vertx = vertx();
        try {
            ApprovalListener.Came.Approved approval = approval(vertx, wanted);
            try (Signals signals = Signals.take()) { // from here on there is a task to be ended
                HeldDelegation held = granted(authority.approved(approval.request(), approval.code()));
                tellOf(held, wanted);
                Ended ended = carryOut(vertx, held, program, signals);
                if (ended.calls() == 0) {
                    told.println(program.name() + " made no call through Behalf.");
                }
                return ended.calls() == 0 && requireCalls ? Exit.NO : ended.exit();
            }
        } finally {
            vertx.close().await();
        }
    }

    private static Vertx vertx() {
        return Vertx.vertx(new VertxOptions()
                .setEventLoopPoolSize(1)
                .setPreferNativeTransport(true)
                .setFileSystemOptions(
                        new FileSystemOptions().setFileCachingEnabled(false).setClassPathResolvingEnabled(false)));
    }

    // ---- the person's approval

    private ApprovalListener.Came.Approved approval(Vertx vertx, BehalfTask wanted) throws InterruptedException {
        ApprovalListener listener = new ApprovalListener(vertx, server.issuer(), Clock.systemUTC());
        Supplier<Answer<ApprovalRequest>> request =
                () -> authority.requestApproval(wanted, listener.redirect(), Optional.of(server.audience()));
        try {
            listener.expect(granted(request.get()), request); // what nobody may grant is told before anybody is asked
            told.println("To approve the task, open this page:");
            told.println("  " + listener.page());
            told.flush();
            browser.accept(listener.page());
            ApprovalListener.Came came = listener.await(patience)
                    .orElseThrow(() -> CommandFailed.no("Nobody has answered within " + patience.toMinutes()
                            + " minutes, so the program was not started. Run the command again."));
            return switch (came) {
                case ApprovalListener.Came.Approved approved -> approved;
                case ApprovalListener.Came.Denied(String error, String description) ->
                    throw CommandFailed.no("Not approved, so the program was not started: "
                            + ForeignText.clean(description.isBlank() ? error : description));
            };
        } finally {
            listener.close();
        }
    }

    private <T> T granted(Answer<T> answer) {
        return answer.fold(
                value -> value,
                no -> {
                    throw refused(no);
                },
                none -> {
                    throw CommandFailed.unreachable("No answer that can be used from the authority at "
                            + server.issuer() + ": " + none.detail() + ".");
                });
    }

    private CommandFailed refused(Answer.Denied<?> no) {
        String sentence = ForeignText.clean(no.description().isBlank() ? no.error() : no.description());
        if (no.error().equals("invalid_client")) {
            return CommandFailed.usage("The authority knows the agent " + authority.agent()
                    + " by another key, or not at all. Where it stands in the server's configuration, its private key"
                    + " (a JWK) belongs in keys/agents of the data directory.");
        }
        return no.passing()
                ? CommandFailed.unreachable("The authority cannot do it now: " + sentence)
                : CommandFailed.no("The authority refuses the task: " + sentence);
    }

    private void tellOf(HeldDelegation held, BehalfTask wanted) {
        boolean less = !held.granted().scope().covers(wanted.scope());
        told.println("Approved" + (less ? " in part" : "") + ", until " + local(held.taskEnd()) + ": "
                + words(held.granted().scope()));
        List<String> withheld = RunEnvironment.withheld(environment);
        if (!withheld.isEmpty()) {
            told.println("Not handed on, since they lead past the task: " + String.join(", ", withheld));
        }
        told.flush();
    }

    /** As a clock on the wall of whoever reads it. */
    private static String local(Instant time) {
        return WALL.format(time.atZone(ZoneId.systemDefault()));
    }

    private static String words(Scope scope) {
        return scope.permissions().stream()
                .flatMap(p -> p.actions().stream().map(action -> p.service() + ":" + action))
                .map(ForeignText::clean)
                .collect(Collectors.joining(" "));
    }

    // ---- the work

    private record Ended(int exit, long calls) {}

    private Ended carryOut(Vertx vertx, HeldDelegation held, RunProgram program, Signals signals)
            throws InterruptedException {
        RunningTask task = new RunningTask(authority, held, Optional.of(server.audience()));
        try {
            Sidecar sidecar = Sidecar.start(vertx, Sidecar.Gateway.at(server.base()), task)
                    .await();
            try {
                int exit = program.run(
                        RunEnvironment.of(environment, server, sidecar.address(), sidecar.secret(), task.task()),
                        signals);
                return new Ended(exit, sidecar.calls());
            } finally {
                sidecar.close().await();
            }
        } finally {
            end(task, held);
        }
    }

    private void end(RunningTask task, HeldDelegation held) {
        String ended = task.end()
                .fold(
                        now -> now
                                ? "Task " + task.task() + " has ended."
                                : "Task " + task.task() + " was over already.",
                        no -> notEnded(held, no.description()),
                        none -> notEnded(held, none.detail()));
        told.println(ended);
        told.flush();
    }

    private static String notEnded(HeldDelegation held, String why) {
        return "Task " + held.task() + " could not be ended: " + ForeignText.clean(why) + ". It ends by itself at "
                + local(held.taskEnd()) + "; to end it now: behalf revoke --task " + held.task()
                + " --reason TEXT";
    }
}

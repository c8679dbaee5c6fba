package io.behalf.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** {@code behalf run} as somebody types it, with alice reading what it prints. */
final class TypedRun {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Pattern PAGE = Pattern.compile("  (http://\\S+/approve/\\S+)\\s");
    private static final Pattern TASK = Pattern.compile("Task (tsk_\\w+) has ended");

    private TypedRun() {}

    /**
     * @param password alice's, by what the command says
     * @param person what she does at the page whose address is printed, if one is
     */
    static CommandRun of(
            Path data,
            UnaryOperator<String> password,
            BiFunction<ApprovingPerson, URI, String> person,
            Stream<String> words) {
        List<String> typed = new ArrayList<>(List.of("run", "--data", data.toString()));
        words.forEach(typed::add);
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CompletableFuture<Integer> exit = CompletableFuture.supplyAsync(() -> Behalf.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(typed.toArray(new String[0])));
        Instant late = Instant.now().plus(PATIENCE);
        Matcher page = PAGE.matcher(err.toString());
        while (!page.find() && !exit.isDone() && Instant.now().isBefore(late)) {
            pause();
            page = PAGE.matcher(err.toString());
        }
        if (page.reset().find()) {
            var alice = new ApprovingPerson("alice", password.apply(err.toString()));
            assertThat(person.apply(alice, URI.create(page.group(1)))).contains("you can close this page");
        }
        int code = exit.orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS).join();
        return new CommandRun(code, out.toString(), err.toString());
    }

    /** The task that the run was under, by what it says at its end. */
    static String task(CommandRun run) {
        Matcher task = TASK.matcher(run.err());
        assertThat(task.find()).as(run.err()).isTrue();
        return task.group(1);
    }

    static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}

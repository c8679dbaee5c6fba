package io.behalf.server;

import io.behalf.core.delegation.Ids;
import io.behalf.ledger.IndexKey;
import java.io.PrintWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code behalf task}: who authorized this call, from whatever is known of it. */
@Command(
        name = "task",
        mixinStandardHelpOptions = true,
        description =
                "Tells a task from its records: for whom, what was approved, every call, and whether any is missing."
                        + " Exit 1 if nobody knows the id, or records of the task are missing or altered.")
final class TaskCommand implements Callable<Integer> {
    private static final String ULID = "_ and 26 capital letters and digits";
    private static final Pattern TRACE = Pattern.compile("[0-9a-f]{32}");
    private static final String TRACE_FORM = "32 hexadecimal digits, in lower case";

    @ArgGroup(multiplicity = "1")
    private Sought sought = new Sought();

    @Mixin
    private DataOption data = new DataOption();

    @Option(names = "--json", description = "Print facts as JSON, one task a line.")
    private boolean json;

    @Spec
    private CommandSpec spec;

    TaskCommand() {}

    /** Exactly one of these. */
    static final class Sought {
        @Parameters(paramLabel = "ID", description = "The task's id, tsk_…")
        private @Nullable String task;

        @Option(names = "--record", paramLabel = "ID", description = "A record's id, rec_…, as Behalf-Record names it.")
        private @Nullable String record;

        @Option(names = "--trace", paramLabel = "ID", description = "A W3C trace id: 32 hexadecimal digits.")
        private @Nullable String trace;

        @Option(names = "--token", paramLabel = "JTI", description = "A delegation's id, dlg_…")
        private @Nullable String token;

        @Option(names = "--tool-call", paramLabel = "ID", description = "A tool call's id, as the model gave it.")
        private @Nullable String toolCall;

        Sought() {}

        private record By(IndexKey key, String value) {
            String query() {
                return key.name().toLowerCase(Locale.ROOT) + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
            }
        }

        private By by() {
            if (task != null) {
                // what somebody has copied is some id of the task, whichever
                IndexKey key = task.startsWith("rec_")
                        ? IndexKey.RECORD
                        : task.startsWith("dlg_") ? IndexKey.TOKEN : IndexKey.TASK;
                String prefix = key == IndexKey.RECORD ? "rec" : key == IndexKey.TOKEN ? "dlg" : "tsk";
                return new By(key, wellFormed(task, Ids.valid(prefix, task), prefix + ULID));
            } else if (record != null) {
                return new By(IndexKey.RECORD, wellFormed(record, Ids.valid("rec", record), "rec" + ULID));
            } else if (trace != null) {
                return new By(
                        IndexKey.TRACE, wellFormed(trace, TRACE.matcher(trace).matches(), TRACE_FORM));
            } else if (token != null) {
                return new By(IndexKey.TOKEN, token);
            } else if (toolCall != null) {
                return new By(IndexKey.TOOL_CALL, toolCall);
            }
            throw new IllegalStateException("one of them is demanded");
        }
    }

    /** Nobody can know an id that is none: it was copied in part, or is an id of another kind. */
    private static String wellFormed(String id, boolean well, String form) {
        if (!well) {
            throw CommandFailed.usage(ForeignText.clean(id) + " is no such id: it is " + form
                    + ". A trace, a token and a tool call are looked up with --trace, --token and --tool-call.");
        }
        return id;
    }

    @Override
    public Integer call() {
        Sought.By by = sought.by();
        Optional<OwnerSocket> running = OwnerSocket.at(data.directory());
        return running.isPresent() ? told(running.get(), by) : fromDisk(by);
    }

    private int told(OwnerSocket running, Sought.By by) {
        try (OwnerSocket server = running) {
            OwnerSocket.Told told = server.get(
                            "/api/v1/search?" + by.query(), json ? OwnerSocket.JSON_LINES : OwnerSocket.TEXT)
                    .orFail();
            PrintWriter out = spec.commandLine().getOut();
            out.print(told.body());
            out.flush();
            return told.header(Api.CHAIN).equals(Optional.of(Api.WHOLE)) ? Exit.FINE : Exit.NO;
        }
    }

    private int fromDisk(Sought.By by) {
        try (DataReader directory = DataReader.open(data.path())) {
            List<TaskStory> stories = new ArrayList<>();
            directory.logs().forEach(log -> stories.addAll(log.stories(by.key(), by.value())));
            if (stories.isEmpty()) {
                throw CommandFailed.no("No record in " + data.path() + " has this id.");
            }
            print(stories, directory);
            Behalf.say(spec.commandLine(), DataReader.unverified(data.path()));
            return stories.stream().allMatch(story -> story.chain().whole()) ? Exit.FINE : Exit.NO;
        } catch (OutOfMemoryError e) {
            throw DataReader.tooLong(data.path());
        }
    }

    private void print(List<TaskStory> stories, DataReader directory) {
        PrintWriter out = spec.commandLine().getOut();
        boolean first = true;
        for (TaskStory story : stories) {
            Who who = Who.of(story, story.task().flatMap(directory::identity));
            if (json) {
                out.println(JsonText.of(StoryJson.of(story, who)));
                continue;
            }
            if (!first) {
                out.println();
            }
            out.print(StoryText.of(story, who));
            first = false;
        }
        out.flush();
    }
}

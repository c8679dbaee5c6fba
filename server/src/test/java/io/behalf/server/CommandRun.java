package io.behalf.server;

import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/** A command run in this process, with what it printed. */
record CommandRun(int exit, String out, String err) {
    static CommandRun of(Object... arguments) {
        return of(Behalf.commandLine(), arguments);
    }

    static CommandRun of(CommandLine command, Object... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = String.valueOf(arguments[i]);
        }
        int exit = command.setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(words);
        return new CommandRun(exit, out.toString(), err.toString());
    }
}

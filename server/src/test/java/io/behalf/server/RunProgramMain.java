package io.behalf.server;

import java.util.List;
import java.util.concurrent.TimeUnit;

/** A process that runs a program as {@code behalf run} does, and can be sent signals without harm to the tests. */
final class RunProgramMain {
    private RunProgramMain() {}

    /** First how many milliseconds to wait before the program is started, then its command. */
    public static void main(String[] args) throws InterruptedException {
        List<String> command = List.of(args).subList(1, args.length);
        int exit;
        try (Signals signals = Signals.take()) {
            System.out.println("taken");
            TimeUnit.MILLISECONDS.sleep(Long.parseLong(args[0]));
            exit = RunProgram.named(command, System.getenv()).run(System.getenv(), signals);
        }
        System.exit(exit);
    }
}

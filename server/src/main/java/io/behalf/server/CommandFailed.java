package io.behalf.server;

/** Ends a command with a sentence on standard error and an exit code of {@link Exit}. */
final class CommandFailed extends RuntimeException {
    private final int exit;

    private CommandFailed(int exit, String message) {
        super(message);
        this.exit = exit;
    }

    static CommandFailed no(String message) {
        return new CommandFailed(Exit.NO, message);
    }

    static CommandFailed usage(String message) {
        return new CommandFailed(Exit.USAGE, message);
    }

    static CommandFailed unreachable(String message) {
        return new CommandFailed(Exit.UNREACHABLE, message);
    }

    /** @param exit a code of the program that a command stands for */
    static CommandFailed exiting(int exit, String message) {
        return new CommandFailed(exit, message);
    }

    int exit() {
        return exit;
    }
}

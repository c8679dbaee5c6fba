package io.behalf.server.kill;

/**
 * A promise that was not kept.
 *
 * @param promise which one, in a few words
 * @param found what was seen instead
 */
public record Violation(String promise, String found) {
    @Override
    public String toString() {
        return promise + ": " + found;
    }
}

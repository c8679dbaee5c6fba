package io.behalf.server;

/**
 * What is wrong with a configuration, and where.
 *
 * @param line from 1; 0 where it concerns the file as a whole
 * @param key dotted path, {@code []} for the elements of a list; empty for the file
 */
record Problem(int line, String key, String message) implements Comparable<Problem> {
    @Override
    public int compareTo(Problem other) {
        int byLine = Integer.compare(line, other.line);
        return byLine != 0 ? byLine : key.compareTo(other.key);
    }

    @Override
    public String toString() {
        String at = line == 0 ? "" : "line " + line + ": ";
        return at + (key.isEmpty() ? "" : key + ": ") + message;
    }
}

package io.behalf.server;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/** The lines of a story on a terminal: labels, columns, and what is too long for a line. */
final class StoryLines {
    static final int WIDTH = 100;

    /** Before each line of what somebody wrote. */
    static final String QUOTE = "| ";
    /** Before the rest of a value that is longer than a line. */
    private static final String GOES_ON = "… ";

    static final String MARGIN = "  ";
    private static final int LABEL = 11;

    /** Where what belongs to a step stands. */
    private static final String BELOW = " ".repeat(22);

    private static final int RECORD_ID = 30;
    static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

    private final StringBuilder out = new StringBuilder();

    StoryLines() {}

    String text() {
        return out.toString();
    }

    void labelled(String label, List<String> lines) {
        String first = MARGIN + label + " ".repeat(LABEL - label.length());
        String rest = " ".repeat(first.length());
        boolean begun = false;
        for (String line : lines) {
            wrap(begun ? rest : first, line.startsWith(QUOTE) ? rest + QUOTE : rest, line);
            begun = true;
        }
    }

    void step(OptionalInt number, Instant time, String surface, String what, String result, String record) {
        String head = MARGIN
                + pad(number.isPresent() ? "#" + number.getAsInt() : "", 5)
                + TIME.format(time)
                + " "
                + pad(surface, 8);
        String tail = " " + pad(result, 9) + record;
        int room = WIDTH - head.length() - 10 - RECORD_ID;
        String clean = ForeignText.clean(what);
        if (clean.length() > room) { // a long name stands alone, so that the columns hold
            wrap(head, BELOW, what);
            line(" ".repeat(head.length() + room) + tail);
        } else {
            line(head + pad(clean, room) + tail);
        }
    }

    void below(List<String> parts) {
        if (!parts.isEmpty()) {
            wrap(BELOW, BELOW, String.join("; ", parts));
        }
    }

    private void wrap(String first, String rest, String text) {
        StringBuilder line = new StringBuilder(first);
        boolean empty = true;
        for (String word : ForeignText.clean(text).split(" ", -1)) {
            String left = word;
            if (!empty && line.length() + 1 + left.length() > WIDTH) {
                line(line.toString());
                line = new StringBuilder(rest);
                empty = true;
            }
            while (line.length() + left.length() > WIDTH) {
                int fits = WIDTH - line.length();
                line(line + left.substring(0, fits));
                left = left.substring(fits);
                line = new StringBuilder(rest).append(word.startsWith("\"") ? GOES_ON : "");
                empty = true;
            }
            line.append(empty ? "" : " ").append(left);
            empty = false;
        }
        line(line.toString());
    }

    void line(String text) {
        out.append(text.replace(ForeignText.SPACE, ' ').stripTrailing()).append('\n');
    }

    void blank() {
        out.append('\n');
    }

    private static String pad(String text, int width) {
        return text + " ".repeat(Math.max(0, width - text.length()));
    }
}

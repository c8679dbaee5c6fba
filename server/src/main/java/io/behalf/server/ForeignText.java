package io.behalf.server;

import java.util.Locale;

/**
 * What agents, models and services wrote, as a person reads it on a terminal. In a line of other words, what could be taken for more than one
 * value stands in quotes, so that none can say what the record does not.
 */
final class ForeignText {
    /** Instead of a space within a value, until lines are wrapped: no line begins in the middle of one, looking like another. */
    static final char SPACE = '\u00a0';

    private static final String PLAIN_MARKS = "._:/@+-*{}~%=#?&!()[]<>$'|";
    /** Letters by their kind that show nothing. */
    private static final String BLANKS = "\u115f\u1160\u3164\uffa0\u2800";

    private ForeignText() {}

    static String shown(String value) {
        if (!value.isEmpty() && value.codePoints().allMatch(ForeignText::plain)) {
            return value;
        }
        StringBuilder quoted = new StringBuilder("\"");
        value.codePoints().forEach(c -> {
            switch (c) {
                case '"', '\\' -> quoted.append('\\').append((char) c);
                case ' ' -> quoted.append(SPACE);
                default -> {
                    if (Character.isSpaceChar(c) || BLANKS.indexOf(c) >= 0) {
                        quoted.append("\\u{").append(Integer.toHexString(c)).append('}');
                    } else {
                        quoted.appendCodePoint(c);
                    }
                }
            }
        });
        return quoted.append('"').toString();
    }

    private static boolean plain(int c) {
        return (Character.isLetterOrDigit(c) && BLANKS.indexOf(c) < 0) || PLAIN_MARKS.indexOf(c) >= 0;
    }

    /** Control and formatting characters would let an agent write over what stands here, or turn it round. */
    static String clean(String text) {
        StringBuilder clean = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            boolean steers =
                    switch (Character.getType(c)) {
                        case Character.CONTROL, Character.FORMAT, Character.SURROGATE -> true;
                        case Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.UNASSIGNED -> true;
                        default -> false;
                    };
            if (steers) {
                clean.append(String.format(Locale.ROOT, "\\u{%x}", c));
            } else {
                clean.appendCodePoint(c);
            }
        });
        return clean.toString();
    }
}

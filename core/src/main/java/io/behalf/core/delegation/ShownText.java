package io.behalf.core.delegation;

/** Text of others that is shown to a person who decides by it: it stays on its line, and reads in the order it is written. */
public final class ShownText {
    private ShownText() {}

    /**
     * Refuses control characters, line ends of any kind, and the characters that turn the direction of writing (Unicode
     * UAX #9): with them a text can look like the end of its quotation, and what follows like ours.
     *
     * @throws IllegalArgumentException if there is one, or if the text is blank or longer than {@code most} characters
     */
    public static void require(String what, String text, int most) {
        if (text.isBlank() || text.length() > most) {
            throw new IllegalArgumentException(what + " is empty or longer than " + most + " characters");
        }
        if (text.codePoints().anyMatch(ShownText::misleads)) {
            throw new IllegalArgumentException(
                    what + " holds a control character, a line end or one that turns the direction of writing");
        }
    }

    /** What {@link #require} asks for. */
    public static boolean holds(String text, int most) {
        return !text.isBlank() && text.length() <= most && text.codePoints().noneMatch(ShownText::misleads);
    }

    private static boolean misleads(int point) {
        return switch (Character.getType(point)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE ->
                true;
            case Character.FORMAT -> turnsDirection(point);
            default -> false;
        };
    }

    private static boolean turnsDirection(int point) {
        return point == 0x061c
                || (point >= 0x200e && point <= 0x200f)
                || (point >= 0x202a && point <= 0x202e)
                || (point >= 0x2066 && point <= 0x2069);
    }
}
